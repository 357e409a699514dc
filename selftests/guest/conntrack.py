#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 400
"""Connection tracking: a firewall, zones, marks, labels, what keys tell, fragments, helpers."""

import errno
import os
import re
import socket
import struct
import subprocess

from lib import hosts, ktap, net, ovs, packet
from lib.conntrack import IPV4, IPV6, TimeoutPolicy, conntrack, firewall
from lib.hosts import Host, asks, serve
from lib.ktap import add, defer, equal, find_module, main, test, true
from lib.netlink import Socket, attr, nest, parse, u16, u32
from lib.ovs import Act, Ct, Datapath, Key, Pk, ct, output, recirc, refused

lab = None

NEW, EST, REL, RPL, INV, TRK, SNAT, DNAT = (1 << bit for bit in range(8))


class Lab:
    """Hosts 1, 2, 3 at ports 1, 2, 3."""

    def __init__(self):
        self.nl = Socket()
        defer(self.nl.close)
        self.dp = Datapath(features=ovs.Feature.UNALIGNED)
        self.hosts = {i: Host(i, self.dp, pids=(self.nl.pid,)) for i in (1, 2, 3)}
        for one in self.hosts.values():
            for other in self.hosts.values():
                if one is not other:
                    one.knows(other.ip4, other.ip6, mac=other.mac)

    def flows(self, *flows):
        """Just these flows, (key, actions) in words."""
        self.dp.flush()
        self.add(*flows)

    def add(self, *flows):
        for key, actions in flows:
            net.run("dpctl", "add-flow", self.dp.name, key, actions)

    def upcall(self):
        return self.nl.next(lambda message: message.cmd in (ovs.MISS, ovs.ACTION))

    def key(self):
        """The key of the next packet for user space: {kind: bytes}."""
        return dict(parse(self.upcall().get(Pk.KEY)))


def setup():
    global lab
    net.load()
    find_module()
    net.quiet_devices()
    lab = Lab()
    defer(conntrack, "-F")


def forget():
    """No connections, no flows, no packets for user space."""
    lab.dp.flush()
    conntrack("-F")
    lab.nl.pending()


def entries(zone, *args):
    return [line for line in conntrack("-L", "-w", str(zone), *args).split("\n") if line.strip()]


FAMILIES = {4: IPV4, 6: IPV6}


def stateful(family, kind):
    one, two = lab.hosts[1], lab.hosts[2]
    forget()
    lab.flows(*firewall(FAMILIES[family]))
    there, back = (two.ip4, one.ip4) if family == 4 else (two.ip6, one.ip6)
    if kind == "icmp":
        true(one.pings(there), "the inner host gets no answer")
        true(not two.pings(back, "-W", "1", count=1), "the outer host gets an answer")
    else:
        if kind == "sctp" and subprocess.run(["modprobe", "sctp"], check=False, capture_output=True).returncode:
            raise ktap.Skip("this kernel has no SCTP")
        serve(two, 7000, kind, "two", family)
        serve(one, 7000, kind, "one", family)
        equal(asks(one, there, 7000, kind), "two ping", "what the outer host answers")
        equal(asks(two, back, 7000, kind, patience=2), None, "what the inner host answers")
    number = {"icmp": {4: "icmp", 6: "icmpv6"}[family]}.get(kind, kind)
    found = [e for e in entries(1, "-f", f"ipv{family}") if e.split()[0] == number]
    true(found and all("zone=1" in e for e in found), f"the connection of {number} in zone 1: {found}")
    equal(entries(0, "-f", f"ipv{family}"), [], "connections in zone 0")


for version in (4, 6):
    for protocol in ("icmp", "tcp", "udp", "sctp"):
        add(f"IPv{version}, {protocol}: a stateful firewall", stateful, version, protocol)


def datagram(family=4, sport=1000, dport=2000, swap=False, payload=b"datagram"):
    """A datagram from host 1 to host 2, or back."""
    one, two = lab.hosts[1], lab.hosts[2]
    if swap:
        one, two, sport, dport = two, one, dport, sport
    macs = {"src": hosts.mac(one.mac), "dst": hosts.mac(two.mac)}
    if family == 4:
        ip = {"src": one.ip4, "dst": two.ip4}
        data = packet.ether(packet.ipv4(packet.udp(payload, sport=sport, dport=dport, **ip), packet.UDP, **ip), 0x0800, **macs)
    else:
        ip = {"src": one.ip6, "dst": two.ip6}
        data = packet.ether(packet.ipv6(packet.udp(payload, sport=sport, dport=dport, **ip), packet.UDP, **ip), 0x86DD, **macs)
    return packet.pad(data)


def execute(data, *actions, key=b"", port=1, probe=False):
    more = [attr(Pk.PROBE)] if probe else []
    lab.dp.execute(data, b"".join(actions), *more, key=key + ovs.in_port(port))


def seen(data, *actions, key=b"", port=1):
    """The key of a packet when these actions were executed and it is looked up again."""
    lab.nl.pending()
    execute(data, *actions, recirc(99), key=key, port=port)
    return lab.key()


def state(key):
    return struct.unpack("=I", key[Key.CT_STATE])[0]


def mark(key):
    return struct.unpack("=I", key[Key.CT_MARK])[0]


def zone_of(key):
    return struct.unpack("=H", key[Key.CT_ZONE])[0]


def tuple_of(key, family):
    return key[Key.CT_TUPLE4 if family == 4 else Key.CT_TUPLE6]


def both(name):
    def wrap(function):
        for family in (4, 6):
            add(f"IPv{family}: {name}", function, family)
        return function

    return wrap


@both("what a key tells, from the first packet to the answer")
def keys(family):
    forget()
    there, back = datagram(family), datagram(family, swap=True)
    key = seen(there, ct(zone=5))
    equal((state(key), zone_of(key), mark(key)), (TRK | NEW, 5, 0), "state of the first packet")
    key = seen(there, ct(commit=True, zone=5))
    equal(state(key), TRK | NEW, "state when committed")
    key = seen(there, ct(zone=5))
    equal(state(key), TRK | NEW, "state of the second packet")
    key = seen(back, ct(zone=5), port=2)
    equal(state(key), TRK | EST | RPL, "state of the answer")
    one, two = lab.hosts[1], lab.hosts[2]
    if family == 4:
        original = socket.inet_aton(one.ip4) + socket.inet_aton(two.ip4) + struct.pack(">HHB", 1000, 2000, packet.UDP)
    else:
        original = packet.address6(one.ip6) + packet.address6(two.ip6) + struct.pack(">HHB", 1000, 2000, packet.UDP)
    equal(tuple_of(key, family)[: len(original)], original, "original direction")
    key = seen(there, ct(zone=5))
    equal(state(key), TRK | EST, "state of the packet after the answer")
    # Another zone knows nothing of it.
    key = seen(there, ct(zone=5), ct(zone=6))
    equal((state(key), zone_of(key)), (TRK | NEW, 6), "state in another zone")
    key = seen(there, ct(zone=5), attr(Act.CT_CLEAR))
    equal((state(key), zone_of(key), mark(key)), (0, 0, 0), "state after ct_clear")
    true(Key.CT_TUPLE4 not in key and Key.CT_TUPLE6 not in key, "original direction after ct_clear")


@both("zones are kept apart")
def zones(family):
    forget()
    data = datagram(family)
    for zone in (0, 1, 65535):
        equal(state(seen(data, ct(commit=True, zone=zone))), TRK | NEW, f"in zone {zone}")
        equal(state(seen(datagram(family, swap=True), ct(zone=zone), port=2)), TRK | EST | RPL, f"in zone {zone}")
    equal(state(seen(data, ct(zone=2))), TRK | NEW, "in zone 2")
    for zone in (0, 1, 65535):
        equal(len(entries(zone, "-f", f"ipv{family}")), 1, f"connections in zone {zone}")


@both("commit with mark and labels, under masks")
def marks(family):
    forget()
    data = datagram(family)
    labels = bytes(range(16))
    key = seen(data, ct(commit=True, zone=5, mark=(0xABCD, 0xFFFF), labels=(labels, b"\xff" * 16)))
    equal((mark(key), key[Key.CT_LABELS]), (0xABCD, labels), "mark and labels")
    key = seen(data, ct(zone=5))
    equal((mark(key), key[Key.CT_LABELS]), (0xABCD, labels), "mark and labels")
    true("mark=43981" in entries(5, "-f", f"ipv{family}")[0], "conntrack tells the mark")
    mask = bytes(8) + b"\x0f" * 8
    key = seen(data, ct(commit=True, zone=5, mark=(0x10000, 0xF0000), labels=(bytes(8) + b"\x0a" * 8, mask)))
    wanted = labels[:8] + bytes(b & 0xF0 | 0x0A for b in labels[8:])
    equal((mark(key), key[Key.CT_LABELS]), (0x1ABCD, wanted), "mark and labels")
    # One that was committed without labels gets some, if conntrack made room.
    key = seen(data, ct(zone=6))
    equal((mark(key), key[Key.CT_LABELS]), (0, bytes(16)), "mark and labels in another zone")


@both("invalid packets")
def invalid(family):
    forget()
    one, two = lab.hosts[1], lab.hosts[2]
    ip = {"src": one.ip4, "dst": two.ip4} if family == 4 else {"src": one.ip6, "dst": two.ip6}
    wrap = (lambda p, n: packet.ether(packet.ipv4(p, n, **ip), 0x0800)) if family == 4 else (lambda p, n: packet.ether(packet.ipv6(p, n, **ip), 0x86DD))
    segment = packet.tcp(**ip)
    for what, data in (
        ("TCP header cut off", packet.pad(wrap(segment[:10], packet.TCP))),
        ("all TCP flags", packet.pad(wrap(segment[:13] + b"\x3f" + segment[14:], packet.TCP))),
        ("UDP of a wrong length", packet.pad(wrap(packet.udp(**ip)[:4] + b"\x00\x99" + packet.udp(**ip)[6:], packet.UDP))),
    ):
        key = seen(data, ct(zone=7))
        equal((state(key), zone_of(key)), (TRK | INV, 7), f"state: {what}")
        # Nothing to be committed: it passes.
        key = seen(data, ct(commit=True, zone=7))
        equal(state(key), TRK | INV, f"state: {what}")
    equal(entries(7, "-f", f"ipv{family}"), [], "connections")


@both("IP header cut off")
def cut_off(family):
    forget()
    whole = packet.ipv4(packet.udp(), packet.UDP) if family == 4 else packet.ipv6(packet.udp(), packet.UDP)
    data = packet.ether(whole[: 12 if family == 4 else 30], 0x0800 if family == 4 else 0x86DD)
    if ktap.RUST:
        # The C module reads the length from behind the packet.
        equal(state(seen(data, ct(zone=7))), TRK | INV, "state")


@test
def trimmed():
    """IPv6 options that end behind the payload, which conntrack cuts off: addresses can be set"""
    forget()
    # They have 264 bytes by their own length.
    options = bytes((packet.UDP, 32)) + bytes(62)
    data = packet.ether(packet.ipv6(options, 0), 0x86DD)
    fields = packet.address6("fd09::1") + bytes(24)
    mask = b"\xff" * 16 + bytes(24)
    lab.nl.pending()
    execute(data + bytes(300), ct(zone=7), ovs.set_masked(Key.IPV6, fields, mask), ovs.userspace(lab.nl.pid))
    got = lab.upcall().get(Pk.PACKET)
    equal(got.hex(), (data[:22] + fields[:16] + data[38:]).hex(), "packet")


@both("a packet that was in user space is not counted again")
def lost(family):
    forget()
    there, back = datagram(family), datagram(family, swap=True)
    execute(there, ct(commit=True, zone=5))
    execute(back, ct(zone=5), port=2)
    lab.nl.pending()
    execute(there, ct(zone=5), recirc(99))
    upcall = lab.upcall()
    net.sysctl("net/netfilter/nf_conntrack_acct", 1)
    key = dict(parse(upcall.get(Pk.KEY)))
    given = b"".join(attr(kind, key[kind]) for kind in (Key.CT_STATE, Key.CT_ZONE, Key.CT_MARK))
    key = seen(there, ct(zone=5), key=given)
    equal(state(key), TRK | EST, "state")
    key = seen(there, ct(commit=True, zone=5, mark=(3, 0xFF)), key=given)
    equal((state(key), mark(key)), (TRK | EST, 3), "state and mark")


@both("force_commit turns a connection around")
def force(family):
    forget()
    there, back = datagram(family), datagram(family, swap=True)
    execute(there, ct(commit=True, zone=5))
    equal(state(seen(back, ct(commit=True, zone=5), port=2)), TRK | EST | RPL, "state of the answer")
    equal(state(seen(back, ct(force=True, zone=5), port=2)), TRK | NEW, "state of the answer by force")
    equal(state(seen(there, ct(zone=5))), TRK | EST | RPL, "state of what was the first")
    equal(len(entries(5, "-f", f"ipv{family}")), 1, "connections")


@both("copies of a packet can be committed in a zone each, and in the same")
def copies(family):
    forget()
    data = datagram(family)

    def clone(*actions):
        return nest(Act.CLONE, *actions)

    execute(data, ct(zone=5), clone(ct(commit=True, zone=5, mark=(1, 0xF))), clone(ct(commit=True, zone=5, mark=(2, 0xF))), ct(commit=True, zone=6))
    equal([len(entries(zone, "-f", f"ipv{family}")) for zone in (5, 6)], [1, 1], "connections")


def big_ping(family):
    one, two = lab.hosts[1], lab.hosts[2]
    forget()
    lab.flows(*firewall(FAMILIES[family]))
    sizes = []
    for host in (one, two):
        sizes.append(host.start("tcpdump", "-n", "-i", "eth0", "-e", "-l", "greater 1515"))
    for size in (3000, 9000, 20000):
        true(one.pings(two.ip4 if family == 4 else two.ip6, "-s", str(size)), f"a ping of {size} bytes is not answered")
    # Fragments came, and fragments went.
    for host in (one, two):
        if family == 4:
            stat = host.run("cat", "/proc/net/snmp").split("\n")
            names, values = [line.split() for line in stat if line.startswith("Ip:")]
            got = dict(zip(names, values))
            true(int(got["ReasmOKs"]) >= 6, f"{host.name} put {got['ReasmOKs']} packets together")
        else:
            got = dict(line.split() for line in host.run("cat", "/proc/net/snmp6").strip().split("\n"))
            true(int(got["Ip6ReasmOKs"]) >= 6, f"{host.name} put {got['Ip6ReasmOKs']} packets together")
    for program in sizes:
        true(" > " not in program.stop(), "a packet was larger than the MTU")


for version in (4, 6):
    add(f"IPv{version}: pings larger than the MTU, there and back", big_ping, version)


@both("a fragment that is left over does not stay")
def left_over(family):
    forget()
    data = datagram(family, payload=bytes(64))
    if family == 4:
        first = data[:20] + b"\x20\x00" + data[22:]
        head = first[14:24] + bytes(2) + first[26:34]
        first = first[:24] + struct.pack(">H", packet.checksum(head)) + first[26:]
    else:
        first = data[:18] + struct.pack(">H", 80) + bytes((44,)) + data[21:54] + bytes((17, 0, 0, 1)) + bytes(4) + data[54:]
    lab.nl.pending()
    execute(first, ct(zone=5), recirc(99))
    execute(datagram(family), ct(zone=5), recirc(99))
    # Only the whole one comes.
    equal(lab.key()[Key.UDP], struct.pack(">HH", 1000, 2000), "ports")
    equal(lab.nl.pending(), [], "further packets")


@test
def eventmask():
    """events that were not asked for are not told"""
    forget()
    listener = subprocess.Popen(["conntrack", "-E", "-o", "ktimestamp"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # pylint: disable=consider-using-with
    defer(listener.kill)
    net.wait_for(lambda: listening(), "conntrack -E listens")
    execute(datagram(sport=1001), ct(commit=True, zone=5, eventmask=0))
    execute(datagram(sport=1002), ct(commit=True, zone=5, eventmask=1))
    execute(datagram(sport=1003), ct(commit=True, zone=5))
    told = []
    while not any("sport=1003" in line for line in told):
        told.append(listener.stdout.readline())
    listener.terminate()
    equal([bool(re.search(f"NEW.*sport={port}", "".join(told))) for port in (1001, 1002, 1003)], [False, True, True], "events told")


@test
def timeout():
    """a timeout policy holds for the connections committed with it"""
    forget()
    policy = TimeoutPolicy("slow", 4321, 4322)
    execute(datagram(), ct(commit=True, zone=5, timeout="slow"))
    execute(datagram(), ct(commit=True, zone=6))
    left = [int(entries(zone)[0].split()[2]) for zone in (5, 6)]
    true(4300 < left[0] <= 4321 and left[1] <= 120, f"seconds left: {left}")
    # A packet of a connection with another policy is tracked anew.
    equal(state(seen(datagram(), ct(zone=5), ct(zone=5, timeout="slow"))), TRK | NEW, "state")
    conntrack("-F")
    equal(policy.delete(), 0, "errno when the policy is deleted")


@test
def no_timeout():
    """a timeout policy that does not exist is logged, but for a probe"""
    forget()

    def logged():
        return net.run("dmesg").count("openvswitch: netlink: Failed to associated timeout policy 'nothing'")

    net.log_everything()
    before = logged()
    execute(datagram(), ct(commit=True, zone=5, timeout="nothing"))
    equal(logged() - before, 1, "messages")
    equal(len(entries(5)), 1, "connections")
    execute(datagram(), ct(commit=True, zone=5, timeout="nothing"), probe=True)
    equal(logged() - before, 1, "messages after a probe")


def listening():
    with open("/proc/net/netlink", encoding="ascii") as file:
        lines = [line.split() for line in file.readlines()[1:]]
    return any(line[1] == "12" and line[3] != "00000000" for line in lines)


@test
def helper():
    """a flow holds the helper that it gives to connections, and gives it back"""
    forget()
    users = "/sys/module/nf_conntrack_ftp/refcnt"
    net.run("modprobe", "nf_conntrack_ftp")
    if not os.path.exists(users):
        raise ktap.Skip("this kernel has the helper built in")

    def holders():
        with open(users, encoding="ascii") as file:
            return int(file.read())

    before = holders()
    flow = "recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(proto=6),tcp(),tcp_flags(0/0)"
    lab.add((flow, "ct(commit,helper=ftp)"))
    equal(holders() - before, 1, "holders with a flow")
    # The first helper is found, the second is not.
    found = nest(Act.CT, attr(Ct.COMMIT), attr(Ct.HELPER, b"ftp\0"))
    refused(errno.EINVAL, lab.dp.execute, packet.tcp4(), found + nest(Act.CT, attr(Ct.COMMIT), attr(Ct.HELPER, b"no\0")))
    equal(holders() - before, 1, "holders after a refused request")
    lab.dp.flush()
    net.wait_for(lambda: holders() == before, "nobody holds it without the flow")


@test
def validation():
    """what is refused, and why"""
    forget()
    data = datagram()
    for bad in (
        [attr(Ct.COMMIT, b"x")],
        [u32(Ct.ZONE, 1)],
        [attr(Ct.MARK, struct.pack("=II", 1, 1))],
        [attr(Ct.COMMIT), attr(Ct.MARK, struct.pack("=II", 1, 0))],
        [attr(Ct.COMMIT), attr(Ct.LABELS, bytes(32))],
        [attr(Ct.LABELS, b"\xff" * 32)],
        [attr(Ct.HELPER, b"ftp")],
        [attr(Ct.HELPER, b"nonsense\0")],
        [nest(Ct.NAT, attr(1))],
        [attr(Ct.COMMIT), nest(Ct.NAT, attr(3, socket.inet_aton("1.2.3.4")))],
        [attr(99)],
    ):
        refused(errno.EINVAL, lab.dp.execute, data, nest(Act.CT, *bad))
    refused(errno.ERANGE, lab.dp.execute, data, nest(Act.CT, attr(Ct.COMMIT), nest(Ct.NAT, attr(1), attr(2))))
    refused(errno.EINVAL, lab.dp.execute, packet.arp_request(), nest(Act.CT))
    # A helper for another protocol.
    refused(errno.EINVAL, lab.dp.execute, data, nest(Act.CT, attr(Ct.COMMIT), attr(Ct.HELPER, b"ftp\0")))
    # No such policy is no error.
    lab.dp.execute(data, nest(Act.CT, attr(Ct.TIMEOUT, b"ovs_test_tp\0")))
    lab.dp.execute(data, nest(Act.CT, u32(Ct.EVENTMASK, 1)))


@test
def dump():
    """a flow's action is dumped as it was set"""
    forget()
    for actions in (
        ct(zone=1),
        ct(commit=True, zone=2, mark=(1, 0xFF), labels=(b"\x01" * 16, b"\xff" * 16)),
        ct(force=True, zone=2, eventmask=3),
        ct(commit=True, zone=2, nat=nest(Ct.NAT, attr(1), attr(3, socket.inet_aton("1.2.3.4")), attr(4, socket.inet_aton("1.2.3.9")), u16(5, 10), u16(6, 20), attr(7))),
        ct(zone=2, nat=nest(Ct.NAT)),
    ):
        lab.dp.flush()
        lab.dp.flow_from(1, b"")
        lab.dp.flush()
        key = ovs.in_port(1) + ovs.eth() + ovs.eth_type(0x0800) + ovs.ipv4()
        lab.dp.flow(key, actions)
        equal(lab.dp.flows()[0].get(ovs.Fl.ACTIONS), actions, "actions")


@test
def from_the_stack():
    """a packet that the local stack has tracked comes with its connection"""
    forget()
    rules = f"""
        table ip stack {{
            chain raw {{ type filter hook output priority raw; oifname {lab.dp.name} ct zone set 9; }}
            chain filter {{ type filter hook output priority filter; ct state invalid drop; }}
        }}"""
    net.run("nft", rules)
    defer(net.run, "nft", "delete table ip stack")
    net.ip(f"addr add 10.1.0.9/24 dev {lab.dp.name}")
    net.ip(f"link set {lab.dp.name} up")
    defer(net.try_ip, f"link set {lab.dp.name} down")
    defer(net.try_ip, f"addr flush dev {lab.dp.name}")
    net.ip(f"neigh replace 10.1.0.1 lladdr {lab.hosts[1].mac} dev {lab.dp.name} nud permanent")
    lab.flows(("recirc_id(0),in_port(0),eth(),eth_type(0x0800),ipv4(proto=1),icmp()", "userspace(pid=%d)" % lab.nl.pid))
    lab.nl.pending()
    subprocess.run(["ping", "-c", "1", "-W", "1", "10.1.0.1"], capture_output=True, check=False)
    while True:
        key = lab.key()
        if key.get(Key.IPV4, bytes(12))[8] == packet.ICMP:
            break
    equal(state(key), TRK | NEW, "state")
    equal(zone_of(key), 9, "zone")


@test
def namespace_exit():
    """a namespace goes with its datapath, its flows with CT, and its connections"""
    net.ip("netns add ctns")
    defer(net.try_ip, "netns del ctns")
    for _ in range(3):
        net.run("ip", "netns", "exec", "ctns", "dpctl", "add-dp", "dpns")
        net.run("ip", "netns", "exec", "ctns", "dpctl", "add-flow", "dpns", f"recirc_id(0),in_port(0),eth(),{IPV4}", "ct(commit,zone=3)")
        net.run("ip", "-n", "ctns", "addr", "add", "10.9.0.1/24", "dev", "dpns")
        net.run("ip", "-n", "ctns", "link", "set", "dpns", "up")
        net.run("ip", "-n", "ctns", "neigh", "replace", "10.9.0.2", "lladdr", "02:00:00:00:00:01", "dev", "dpns", "nud", "permanent")
        subprocess.run(["ip", "netns", "exec", "ctns", "ping", "-c", "1", "-W", "1", "10.9.0.2"], capture_output=True, check=False)
        found = subprocess.run(["ip", "netns", "exec", "ctns", "conntrack", "-L", "-w", "3"], capture_output=True, text=True, check=False).stdout
        true("10.9.0.2" in found, f"the connection: {found}")
        net.ip("netns del ctns")
        net.ip("netns add ctns")


if __name__ == "__main__":
    main(setup)
