#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
"""Address translation by CT: source, destination, ports, hairpin, error messages, FTP."""

import re
import socket
import subprocess
import threading

from lib import net, ovs
from lib.hosts import Host, asks, serve
from lib.ktap import add, defer, equal, find_module, main, test, true
from lib.netlink import Socket
from lib.ovs import Datapath

lab = None


class Lab:
    """Host 1 inside; hosts 2 and 3 outside. The address 10.1.0.100, or fd01::100, is nobody's."""

    def __init__(self):
        self.nl = Socket()
        defer(self.nl.close)
        self.dp = Datapath(features=ovs.Feature.UNALIGNED)
        self.hosts = {i: Host(i, self.dp, pids=(self.nl.pid,)) for i in (1, 2, 3)}
        for one in self.hosts.values():
            for other in self.hosts.values():
                if one is not other:
                    one.knows(other.ip4, other.ip6, mac=other.mac)
        one, two, three = self.hosts.values()
        for outer in (two, three):
            outer.knows("10.1.0.100", "10.1.0.101", "fd01::100", mac=one.mac)
        one.knows("10.1.0.100", "10.1.0.101", "fd01::100", mac=two.mac)

    def flows(self, *flows):
        self.dp.flush()
        subprocess.run(["conntrack", "-F"], capture_output=True, check=False)
        for key, actions in flows:
            net.run("dpctl", "add-flow", self.dp.name, key, actions)


def setup():
    global lab
    net.load()
    find_module()
    net.quiet_devices()
    lab = Lab()
    defer(subprocess.run, ["conntrack", "-F"])


ETHERTYPE = {4: "eth_type(0x0800),ipv4()", 6: "eth_type(0x86dd),ipv6()"}


def translated(family, nat, helper="", outer=2):
    """What host 1 starts is translated; what comes from an outer host only answers that."""
    ip = ETHERTYPE[family]
    return (
        (f"recirc_id(0),in_port(1),eth(),{ip}", "ct(zone=1,nat),recirc(1)"),
        (f"recirc_id(0),in_port({outer}),eth(),{ip}", "ct(zone=1,nat),recirc(2)"),
        (f"recirc_id(1),in_port(1),ct_state(+trk+new),eth(),{ip}", f"ct(commit,zone=1,nat({nat}){helper}),{outer}"),
        (f"recirc_id(1),in_port(1),ct_state(+trk-new+est),eth(),{ip}", f"{outer}"),
        (f"recirc_id(1),in_port(1),ct_state(+trk-new-est+rel),eth(),{ip}", f"{outer}"),
        (f"recirc_id(2),in_port({outer}),ct_state(+trk-new+est),eth(),{ip}", "1"),
        (f"recirc_id(2),in_port({outer}),ct_state(+trk-new-est+rel),eth(),{ip}", "1"),
        (f"recirc_id(2),in_port({outer}),ct_state(+trk+new+rel),eth(),{ip}", "ct(commit,zone=1,nat),1"),
    )


def connections(family=4):
    done = subprocess.run(["conntrack", "-L", "-f", f"ipv{family}", "-w", "1"], capture_output=True, text=True, check=False)
    return [line for line in done.stdout.split("\n") if line.strip()]


def replies_to(family=4):
    """(address, port) that answers go to, of each connection."""
    found = []
    for line in connections(family):
        dst, dport = re.findall(r"dst=(\S+)", line), re.findall(r"dport=(\S+)", line)
        found.append((dst[1], int(dport[1]) if len(dport) > 1 else None))
    return found


ANY = {4: "10.1.0.100", 6: "fd01::100"}


def bracket(address):
    return f"[{address}]" if ":" in address else address


def address(host, family):
    return host.ip4 if family == 4 else host.ip6


def snat(family, kind):
    one, two = lab.hosts[1], lab.hosts[2]
    lab.flows(*translated(family, f"src={ANY[family]}"))
    if kind == "icmp":
        true(one.pings(address(two, family)), "no answer")
    else:
        serve(two, 7000, kind, "two", family)
        equal(asks(one, address(two, family), 7000, kind), "two ping", "answer")
    true(replies_to(family) and {a for a, _ in replies_to(family)} == {ANY[family]}, f"answers go to {replies_to(family)}")


for version in (4, 6):
    for protocol in ("icmp", "tcp", "udp"):
        add(f"IPv{version}, {protocol}: source translated", snat, version, protocol)


def dnat(family, kind):
    one, two = lab.hosts[1], lab.hosts[2]
    there = address(two, family)
    lab.flows(*translated(family, f"dst={bracket(there)}:7001" if kind != "icmp" else f"dst={there}"))
    if kind == "icmp":
        true(one.pings(ANY[family]), "no answer")
    else:
        serve(two, 7001, kind, "two", family)
        equal(asks(one, ANY[family], 7000, kind), "two ping", "answer")


for version in (4, 6):
    for protocol in ("icmp", "tcp", "udp"):
        add(f"IPv{version}, {protocol}: destination translated", dnat, version, protocol)


@test
def ports():
    """ports of a range are used, one after the other or at random, and no others"""
    one, two = lab.hosts[1], lab.hosts[2]
    serve(two, 7000, "udp")
    for how in ("", ",hash", ",random", ",persistent"):
        lab.flows(*translated(4, f"src=10.1.0.100:5000-5003{how}"))
        for i in range(4):
            equal(asks(one, two.ip4, 7000, "udp", source=6000 + i), "pong ping", f"answer{how}")
        equal(sorted(replies_to()), [("10.1.0.100", port) for port in range(5000, 5004)], f"translated to{how}")
        # There is none left: what would be the fifth one is dropped.
        equal(asks(one, two.ip4, 7000, "udp", source=6010, patience=2), None, f"answer to one too many{how}")


@test
def addresses():
    """addresses of a range are used"""
    one, two = lab.hosts[1], lab.hosts[2]
    serve(two, 7000, "udp")
    lab.flows(*translated(4, "src=10.1.0.100-10.1.0.101"))
    for i in range(8):
        equal(asks(one, two.ip4, 7000, "udp", source=6000 + i), "pong ping", "answer")
    true({a for a, _ in replies_to()} <= {"10.1.0.100", "10.1.0.101"}, f"translated to {replies_to()}")


@test
def source_and_destination():
    """source and destination translated, in a zone each"""
    one, two = lab.hosts[1], lab.hosts[2]
    serve(two, 7001)
    ip = ETHERTYPE[4]
    lab.flows(
        (f"recirc_id(0),in_port(1),eth(),{ip}", "ct(commit,zone=1,nat(dst=10.1.0.2:7001)),recirc(1)"),
        (f"recirc_id(1),in_port(1),eth(),{ip}", "ct(commit,zone=2,nat(src=10.1.0.101)),recirc(3)"),
        (f"recirc_id(3),in_port(1),eth(),{ip}", "2"),
        (f"recirc_id(0),in_port(2),eth(),{ip}", "ct(zone=2,nat),recirc(2)"),
        (f"recirc_id(2),in_port(2),ct_state(+trk+est),eth(),{ip}", "ct(zone=1,nat),recirc(4)"),
        (f"recirc_id(4),in_port(2),ct_state(+trk+est),eth(),{ip}", "1"),
    )
    equal(asks(one, "10.1.0.100", 7000), "pong ping", "answer")


@test
def hairpin():
    """two hosts on the inside reach each other by an address of the outside"""
    one, three = lab.hosts[1], lab.hosts[3]
    serve(three, 7001)
    ip = ETHERTYPE[4]
    # The source is translated as well, or the answer would not take the same way.
    lab.flows(
        (f"recirc_id(0),in_port(1),eth(),{ip}", "ct(zone=1,nat),recirc(1)"),
        ("recirc_id(1),in_port(1),ct_state(+trk+new),eth(),eth_type(0x0800),ipv4(dst=10.1.0.100)", "ct(commit,zone=1,nat(dst=10.1.0.3:7001)),recirc(2)"),
        (f"recirc_id(1),in_port(1),ct_state(+trk-new+est),eth(),{ip}", "recirc(2)"),
        (f"recirc_id(2),in_port(1),eth(),{ip}", "ct(commit,zone=2,nat(src=10.1.0.101)),recirc(3)"),
        (f"recirc_id(3),in_port(1),eth(),{ip}", f"set(eth(dst={three.mac})),3"),
        (f"recirc_id(0),in_port(3),eth(),{ip}", "ct(zone=2,nat),recirc(4)"),
        (f"recirc_id(4),in_port(3),ct_state(+trk+est),eth(),{ip}", "ct(zone=1,nat),recirc(5)"),
        (f"recirc_id(5),in_port(3),ct_state(+trk+est),eth(),{ip}", f"set(eth(dst={one.mac})),1"),
    )
    capture = three.start("tcpdump", "-n", "-l", "-c", "1", "-i", "eth0", "tcp")
    capture.listens()
    equal(asks(one, "10.1.0.100", 7000), "pong ping", "answer")
    true("IP 10.1.0.101." in capture.wait(), "the source is not translated")


def related(family):
    """A closed port of host 2: its host's error message is translated back."""
    one, two = lab.hosts[1], lab.hosts[2]
    lab.flows(*translated(family, f"src={ANY[family]}"))
    capture = one.start("tcpdump", "-n", "-l", "-c", "1", "-i", "eth0", "icmp or icmp6")
    capture.listens()
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    sock = one.socket(kind, socket.SOCK_DGRAM)
    sock.settimeout(5)
    sock.connect((address(two, family), 7999))
    sock.send(b"x")
    refused = False
    try:
        sock.recv(10)
    except ConnectionRefusedError:
        refused = True
    told = capture.wait()
    true(refused, f"the error did not get to the socket: {told}")
    if family == 4:
        true(f"{two.ip4} > {one.ip4}: ICMP {two.ip4} udp port 7999 unreachable" in told, told)


for version in (4, 6):
    add(f"IPv{version}: error messages about translated packets are translated back", related, version)


class FtpServer(threading.Thread):
    """As little of an FTP server as curl asks for: one client, one file."""

    DATA = b"a file\n" * 1000

    def __init__(self, host, ip):
        super().__init__(daemon=True)
        self.host, self.ip, self.said = host, ip, []
        self.listener = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((ip, 21))
        self.listener.listen()
        self.passive = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.passive.bind((ip, 0))
        self.passive.listen()
        self.active = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.active.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.active.bind((ip, 20))
        self.start()

    def run(self):
        control, _ = self.listener.accept()
        answer = lambda text: control.sendall(text.encode() + b"\r\n")  # noqa: E731
        answer("220 ready")
        connect = None
        for line in control.makefile("r"):
            verb, _, rest = line.strip().partition(" ")
            self.said.append(line.strip())
            if verb == "PASV":
                port = self.passive.getsockname()[1]
                answer(f"227 Entering Passive Mode ({self.ip.replace('.', ',')},{port >> 8},{port & 255}).")
                connect = lambda: self.passive.accept()[0]  # noqa: E731
            elif verb == "PORT":
                *ip, high, low = rest.split(",")
                to = (".".join(ip), int(high) << 8 | int(low))
                answer("200 ok")

                def connect(to=to):
                    self.active.connect(to)
                    return self.active
            elif verb == "RETR":
                answer("150 here it comes")
                data = connect()
                data.sendall(self.DATA)
                data.close()
                answer("226 done")
            elif verb == "QUIT":
                answer("221 bye")
                break
            else:
                answer({"USER": "331 who says so?", "PASS": "230 welcome", "PWD": '257 "/"', "SIZE": "500 no", "TYPE": "200 ok"}.get(verb, "500 no"))
        control.close()


def ftp(nat, active):
    """The one flow that lets connections through to any port is for those that FTP's has led to."""
    one, two = lab.hosts[1], lab.hosts[2]
    any_ip, ct_ = ETHERTYPE[4], "ct(zone=1,nat)" if nat else "ct(zone=1)"
    tcp = "eth_type(0x0800),ipv4(proto=6),tcp(dst=21),tcp_flags(0/0)"
    how = f",nat({nat})" if nat else ""
    again = ",nat" if nat else ""
    lab.flows(
        (f"recirc_id(0),in_port(1),eth(),{any_ip}", f"{ct_},recirc(1)"),
        (f"recirc_id(0),in_port(2),eth(),{any_ip}", f"{ct_},recirc(2)"),
        (f"recirc_id(1),in_port(1),ct_state(+trk+new-rel),eth(),{tcp}", f"ct(commit,zone=1,helper=ftp{how}),2"),
        (f"recirc_id(1),in_port(1),ct_state(+trk+new+rel),eth(),{any_ip}", f"ct(commit,zone=1{again}),2"),
        (f"recirc_id(1),in_port(1),ct_state(+trk-new+est),eth(),{any_ip}", "2"),
        (f"recirc_id(2),in_port(2),ct_state(+trk+new+rel),eth(),{any_ip}", f"ct(commit,zone=1{again}),1"),
        (f"recirc_id(2),in_port(2),ct_state(+trk-new+est),eth(),{any_ip}", "1"),
    )
    server = FtpServer(two, two.ip4)
    target = "10.1.0.100" if nat and nat.startswith("dst") else two.ip4
    options = ["-P", "-", "--disable-eprt"] if active else ["--disable-epsv", "--no-ftp-skip-pasv-ip"]
    status, output = one.try_run("curl", "-sS", "-m", "20", *options, f"ftp://{target}/file")
    equal((status, output[:200], len(output)), (0, FtpServer.DATA.decode()[:200], len(FtpServer.DATA)), f"what curl got ({server.said})")
    true(any(said.startswith("PORT" if active else "PASV") for said in server.said), f"{server.said}")
    if active and nat:
        true(any(said.startswith("PORT 10,1,0,100") for said in server.said), f"the command was not translated: {server.said}")


add("FTP, passive: the second connection is related", ftp, None, False)
add("FTP, active: the second connection is related", ftp, None, True)
add("FTP, passive, the server's address translated", ftp, "dst=10.1.0.2", False)
add("FTP, active, the client's address translated", ftp, "src=10.1.0.100", True)


if __name__ == "__main__":
    main(setup)
