#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
"""dpctl's commands for connections: what ovs-dpctl prints, the same errors, the same effect."""

import itertools
import json
import re
import socket
import subprocess
import tempfile

from lib import net, ovs, packet
from lib.ktap import defer, equal, main, test, true
from lib.ovs import Datapath, ct
from lib.programs import OURS, THEIRS, call, same

dp = None

PORTS = "--sport 1000 --dport 80"
V4 = "-s 10.0.0.1 -d 10.0.0.2"
V6 = "-s fd00::1 -d fd00::2"


def conntrack(*args):
    """The tool of netfilter."""
    done = subprocess.run(["conntrack", *args], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


TCP = ("SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE")

CONNECTIONS = (
    *(f"-p tcp {ip} --sport {port} --dport 80 --state {state}" for port, (state, ip) in enumerate(itertools.product(TCP, (V4, V6)), 2000)),
    f"-p udp {V4} {PORTS}", f"-p udp {V6} {PORTS} -w 5", f"-p udp {V4} {PORTS} -w 65535 -m 7", f"-p udp {V4} {PORTS} -w 6 -u SEEN_REPLY,ASSURED",
    f"-p udplite {V4} {PORTS}", f"-p gre {V4} --srckey 1 --dstkey 2", f"-p 89 {V4}",
    f"-p sctp {V4} {PORTS} --state COOKIE_WAIT --orig-vtag 1 --reply-vtag 65536",
    f"-p sctp {V4} --sport 1 --dport 2 --state ESTABLISHED --orig-vtag 5 --reply-vtag 6",
    f"-p icmp {V4} --icmp-type 8 --icmp-code 0 --icmp-id 77", f"-p icmpv6 {V6} --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 78 -w 5",
    f"-p udp {V4} {PORTS} -w 7 --src-nat 10.0.0.9", f"-p udp {V4} {PORTS} -w 8 --dst-nat 10.0.0.8",
)


def fill():
    """Connections of all kinds; their number."""
    conntrack("-F")
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write("".join(f"-I {line} -t 1000\n" for line in CONNECTIONS))
        file.flush()
        code, said = conntrack("-R", file.name)
    equal(code, 0, said)
    for number, labels in enumerate((1, 0x1122 << 64, (1 << 128) - 1)):
        labels = (labels.to_bytes(16, "little"), b"\xff" * 16)
        commit(9, 100 + number, mark=(number, 0xFFFFFFFF), labels=labels, helper="ftp" if number else None)
    return len(CONNECTIONS) + 3


def commit(zone, sport, **more):
    """A connection of TCP that a packet starts, which is let through a datapath."""
    ip = {"src": "10.0.0.1", "dst": "10.0.0.2"}
    data = packet.ether(packet.ipv4(packet.tcp(sport=sport, dport=21, flags=2, **ip), packet.TCP, **ip), 0x0800)
    dp.execute(data, ct(commit=True, zone=zone, **more), key=ovs.in_port(0))


def steady(text):
    """Seconds pass."""
    return re.sub(r"timeout=[0-9]+", "timeout=N", text)


def setup():
    global dp
    net.load()
    net.quiet_devices()
    for name in ("nf_conntrack_acct", "nf_conntrack_timestamp"):
        net.sysctl(f"net/netfilter/{name}", 1)
        defer(net.sysctl, f"net/netfilter/{name}", 0)
    # Without the helper for FTP in the kernel there would be one connection less.
    net.run("modprobe", "nf_conntrack_ftp")
    defer(call, "modprobe", "-r", "nf_conntrack_ftp")
    defer(conntrack, "-F")
    dp = Datapath()


@test
def dumped():
    """dump-conntrack: the same text with all options, of all or of a zone"""
    number = fill()
    _, lines, _ = same("dump-conntrack", steady=steady)
    equal(len(lines), number, "connections")
    for options in itertools.product(((), ("-m",)), ((), ("-s",)), ((), ("dp0",), ("system@dp0",)), ((), ("zone=0",), ("zone=5",), ("zone=9",))):
        same("dump-conntrack", *itertools.chain(*options), steady=steady)
    for args in (("zone=1",), ("zone=65535",), ("nothing",), ("dp0", "zone=x"), ("a", "b", "c", "d", "e")):
        same("dump-conntrack", *args)


@test
def counted():
    """ct-stats-show, ct-bkts: the same numbers"""
    fill()
    for options in ((), ("-m",), ("verbose",), ("dp0",), ("zone=5",), ("dp0", "zone=0", "verbose"), ("verbose", "zone=9"), ("zone=77",),
                    ("nothing",), ("a", "b", "c", "d")):
        same("ct-stats-show", *options)
    for options in ((), ("dp0",), ("gt=5",), ("dp0", "gt=5"), ("nothing",), ("gt=x",)):
        same("ct-bkts", *options)


@test
def structured():
    """--json: the same connections"""
    number = fill()
    entries = json.loads(net.run("dpctl", "--json", "dump-conntrack"))
    equal(len(entries), number, "connections")
    found = [e for e in entries if e["protocol"] == "sctp" and e["state"]["state"] == "ESTABLISHED"]
    # Netfilter's tool does not turn them into the order of the network.
    tags = [(e["state"]["vtag_orig"], e["state"]["vtag_reply"]) for e in found]
    equal(tags, [(socket.htonl(5), socket.htonl(6))], "tags of SCTP")
    found = [e for e in entries if e["zone"] == 9 and e["mark"] == 2]
    equal([(e["orig"]["sport"], e["labels"], e["helper"], e["orig"]["packets"]) for e in found], [(102, f"{(1 << 128) - 1:#x}", "ftp", 1)], "connection")
    true(all(e["start"] for e in found), "the time of the start")
    numbers = json.loads(net.run("dpctl", "--json", "ct-stats-show"))
    equal((numbers["total"], numbers["protocols"]["ICMPv6"]), (number, 1), "numbers")


FIVE = "ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=17,ct_tp_src=1000,ct_tp_dst=80"


@test
def flushed():
    """flush-conntrack: the same connections go by zone, mark, labels and tuples"""
    for args in (
        (), ("dp0", "zone=0"), ("zone=5",), ("mark=0x1/0x1",), ("dp0", "zone=9", "mark=1", "labels=0/0x1"), ("labels=0x1",),
        (FIVE,), ("zone=6", FIVE), ("zone=3", FIVE), ("ct_nw_proto=6,ct_tp_dst=21",), ("ct_ipv6_src=fd00::1,ct_nw_proto=17",),
        ("zone=7", "", "ct_nw_dst=10.0.0.9,ct_nw_proto=17"), ("ct_nw_src=0.0.0.0,ct_nw_proto=6", "ct_nw_src=10.0.0.2"),
        ("zone=5", "ct_ipv6_src=fd00::1,ct_ipv6_dst=fd00::2,ct_nw_proto=58,icmp_id=78,icmp_type=128,icmp_code=0"),
    ):
        left = []
        for program in (THEIRS, OURS):
            fill()
            code, out, err = call(program, "flush-conntrack", *args)
            left.append((code, out, err.replace("ovs-dpctl", "dpctl"), sorted(net.run("dpctl", "dump-conntrack").splitlines())))
        equal(left[1], left[0], f"flush-conntrack {args}")
    for args in (
        ("zone=x",), ("mark=",), ("labels=y",), ("a", "b", "c"), ("ct_nw_src",), ("ct_nw_src=x",), ("ct_tp_src=1",), ("icmp_id=1",),
        ("nw_src=1.1.1.1",), ("ct_nw_src=1.1.1.1,ct_ipv6_src=::1",), ("ct_nw_src=1.1.1.1,ct_nw_src=1.1.1.1",), ("nothing",), ("1", "2", "3", "4", "5", "6", "7"),
        ("--read-only",),
    ):
        same("flush-conntrack", *args)


@test
def more_flushed():
    """flush-conntrack: connections that ovs-dpctl cannot choose or delete"""
    fill()
    net.run("dpctl", "flush-conntrack", "ct_nw_proto=89")
    net.run("dpctl", "flush-conntrack", "ct_nw_proto=1,icmp_type=8")
    net.run("dpctl", "flush-conntrack", "zone=5", "mark=0", "labels=0", "ct_ipv6_src=fd00::1")
    entries = json.loads(net.run("dpctl", "--json", "dump-conntrack"))
    equal([e for e in entries if e["protocol"] in ("89", "icmp", "icmpv6") or e["zone"] == 5], [], "what is left of these")
    true(any(e["zone"] == 6 for e in entries), "others are left")


@test
def without():
    """with no datapath, or two, the same errors"""
    second = Datapath("dp1")
    for command in ("dump-conntrack", "flush-conntrack", "ct-stats-show", "ct-bkts"):
        same(command)
        same(command, "dp1")
    second.delete()
    dp.delete()
    for command in ("dump-conntrack", "flush-conntrack", "ct-stats-show", "ct-bkts"):
        same(command)


if __name__ == "__main__":
    main(setup)
