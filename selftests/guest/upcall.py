#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
"""Upcalls: what a miss and the userspace action tell, to whom, and how they are counted."""

import errno
import os
import struct

from lib import net, ovs, packet
from lib.ktap import add, defer, equal, find_module, main, test, true
from lib.net import Wire
from lib.netlink import Socket, attr, be16, parse, u16, u32, u64
from lib.ovs import ACTION, MISS, Datapath, Feature, Fl, Key, Pk, eth, eth_type, in_port, output, refused

dp = None
listener = None
wires = {}


def setup():
    """A datapath with ports 1 and 2, whose misses go to the listener."""
    global dp, listener
    os.sched_setaffinity(0, {0})
    net.load()
    find_module()
    net.quiet_devices()
    listener = Socket()
    defer(listener.close)
    dp = Datapath("dp0", 0, Feature.UNALIGNED)
    for i in (1, 2):
        net.veth(f"p{i}", f"e{i}")
        dp.add(f"p{i}", number=i, pids=(listener.pid,))
        wires[i] = Wire(f"e{i}")


def upcall(nl=None):
    """The next upcall, which must be alone."""
    nl = nl or listener
    message = nl.next()
    equal(nl.pending(), [], "more upcalls")
    return message


def key_of(message):
    return parse(message.get(Pk.KEY))


TAG, OTHER = (0x8100, 0x0064), (0x88A8, 0x2065)

# What any key begins with, for a packet from port 1 that nothing was done to.
METADATA = [
    (Key.RECIRC_ID, bytes(4)),
    (Key.DP_HASH, bytes(4)),
    (Key.PRIORITY, bytes(4)),
    (Key.IN_PORT, struct.pack("=I", 1)),
    (Key.SKB_MARK, bytes(4)),
    (Key.CT_STATE, bytes(4)),
    (Key.CT_ZONE, bytes(2)),
    (Key.CT_MARK, bytes(4)),
    (Key.CT_LABELS, bytes(16)),
]


def ip4(proto, frag=0, **more):
    return eth_type(0x0800) + ovs.ipv4(packet.A4, packet.B4, proto, more.get("tos", 0), more.get("ttl", 64), frag)


def ip6(proto, frag=0, exthdrs=0, **more):
    head = ovs.ipv6(packet.A6, packet.B6, 0, proto, 0, more.get("hlimit", 64), frag)
    return eth_type(0x86DD) + head + u16(Key.IPV6_EXTHDRS, exthdrs)


UDP_PORTS = ovs.ports(Key.UDP, 1000, 2000)
TCP_KEY = ovs.ports(Key.TCP, 1000, 2000) + be16(Key.TCP_FLAGS, 0x18)
ARP_KEY = eth_type(0x0806) + ovs.arp(packet.A4, packet.B4, 1, packet.A_MAC)
ND = attr(Key.ND, packet.address6(packet.B6) + packet.A_MAC + bytes(6))
SCTP = struct.pack(">HHII", 1000, 2000, 0, 0)
UDP4 = ip4(packet.UDP) + UDP_PORTS


def with_headers(payload, *headers):
    """A packet with extension headers: (number, bytes after the two first ones)."""
    body, following = payload, packet.UDP
    for number, data in reversed(headers):
        body = struct.pack(">BB", following, (len(data) + 2) // 8 - 1) + data + body
        following = number
    return packet.ether(packet.ipv6(body, following), 0x86DD)


def fragment6(offset, more):
    head = struct.pack(">BBHI", packet.UDP, 0, offset << 3 | more, 7)
    return packet.ether(packet.ipv6(head + packet.udp(src=packet.A6, dst=packet.B6), 44), 0x86DD)


KEYS = {
    "UDP over IPv4": (packet.udp4(), UDP4),
    "TCP over IPv4": (packet.tcp4(), ip4(packet.TCP) + TCP_KEY),
    "SCTP over IPv4": (
        packet.pad(packet.ether(packet.ipv4(SCTP, packet.SCTP), 0x0800)),
        ip4(packet.SCTP) + ovs.ports(Key.SCTP, 1000, 2000),
    ),
    "ICMP": (packet.icmp4(), ip4(packet.ICMP) + attr(Key.ICMP, b"\x08\x00")),
    "another protocol, TOS and TTL": (
        packet.pad(packet.ether(packet.ipv4(b"", 99, tos=0x2E, ttl=1), 0x0800)),
        ip4(99, tos=0x2E, ttl=1),
    ),
    "first fragment": (packet.udp4(frag=0x2000), ip4(packet.UDP, 1) + UDP_PORTS),
    "later fragment": (packet.udp4(frag=0x0010), ip4(packet.UDP, 2)),
    "UDP over IPv6": (packet.udp6(), ip6(packet.UDP) + UDP_PORTS),
    "TCP over IPv6": (packet.tcp6(), ip6(packet.TCP) + TCP_KEY),
    "ICMPv6": (packet.icmp6(), ip6(packet.ICMPV6) + attr(Key.ICMPV6, b"\x80\x00")),
    "neighbour solicitation": (
        packet.neighbour_solicitation(),
        ip6(packet.ICMPV6, hlimit=255) + attr(Key.ICMPV6, b"\x87\x00") + ND,
    ),
    "IPv6 with a hop-by-hop header": (
        with_headers(packet.udp(src=packet.A6, dst=packet.B6), (0, bytes(6))),
        ip6(packet.UDP, exthdrs=0x40) + UDP_PORTS,
    ),
    "first fragment of IPv6": (fragment6(0, 1), ip6(packet.UDP, 1, exthdrs=0x10) + UDP_PORTS),
    "later fragment of IPv6": (fragment6(2, 0), ip6(44, 2, exthdrs=0x10)),
    "ARP": (packet.arp_request(dst=packet.B_MAC), ARP_KEY),
    "RARP": (packet.pad(packet.ether(packet.arp(3), 0x8035)), eth_type(0x8035) + ovs.arp(packet.A4, packet.B4, 3, packet.A_MAC)),
    "802.2": (packet.llc(), b""),
    "unknown type": (packet.pad(packet.ether(b"?", 0x88B6)), eth_type(0x88B6)),
    "one VLAN tag": (packet.udp4(tags=(TAG,)), ovs.vlan(0x8100, 0x1064, UDP4)),
    "two VLAN tags": (packet.udp4(tags=(OTHER, TAG)), ovs.vlan(0x88A8, 0x3065, ovs.vlan(0x8100, 0x1064, UDP4))),
    "MPLS": (
        packet.pad(packet.ether(bytes.fromhex("00064040") + bytes.fromhex("00007140") + packet.ipv4(packet.udp(), 17), 0x8847)),
        eth_type(0x8847) + attr(Key.MPLS, bytes.fromhex("0006404000007140")),
    ),
}


def miss_key(data, wanted):
    dp.flush()
    wires[1].send(data)
    message = upcall()
    equal((message.cmd, message.version, message.dp_ifindex, message.pid, message.seq), (MISS, 1, dp.ifindex, 0, 0))
    equal(message.kinds(), [Pk.KEY, Pk.HASH, Pk.PACKET], "attributes")
    equal(message.get(Pk.PACKET), data, "packet")
    equal(key_of(message), METADATA + parse(eth() + wanted), "key")
    # The key makes a flow that the packet hits.
    dp.flow(message.get(Pk.KEY), b"")
    hits = dp.stats()[0]
    wires[1].send(data)
    net.wait_for(lambda: dp.stats()[0] == hits + 1, "the next packet hits the flow")
    equal(listener.pending(), [], "upcalls of the next packet")


for name, (frame, wanted_key) in KEYS.items():
    add(f"a miss tells packet and key: {name}", miss_key, frame, wanted_key)


@test
def two_addresses():
    """the key has both addresses and the port that the packet came from"""
    dp.flush()
    wires[2].send(packet.udp4(src=packet.B_MAC, dst=packet.BROADCAST))
    key = dict(key_of(upcall()))
    equal(key[Key.IN_PORT], struct.pack("=I", 2), "port")
    equal(key[Key.ETHERNET], packet.B_MAC + packet.BROADCAST, "addresses")


@test
def from_internal():
    """packets that the host sends miss, too"""
    dp.add("int0", ovs.Vp.INTERNAL, 9, (listener.pid,))
    defer(dp.remove, 9)
    net.ip("link set int0 up")
    Wire("int0").send(packet.udp4())
    message = upcall()
    equal(message.get(Pk.PACKET), packet.udp4(), "packet")
    equal(dict(key_of(message))[Key.IN_PORT], struct.pack("=I", 9), "port")


@test
def hashes():
    """the hash is the same for packets of the same flow"""
    dp.flush()
    seen = []
    for data in (packet.udp4(), packet.udp4()):
        dp.execute(data, ovs.userspace(listener.pid), key=in_port(1))
        seen.append(struct.unpack("=Q", upcall().get(Pk.HASH))[0])
    equal(seen[0], seen[1], "hashes")
    # What EXECUTE is given comes back.
    for wanted in (0x1_12345678, 0x3_89ABCDEF, 0):
        dp.execute(packet.udp4(), ovs.userspace(listener.pid), u64(Pk.HASH, wanted), key=in_port(1))
        equal(struct.unpack("=Q", upcall().get(Pk.HASH))[0], wanted, "hash")


@test
def action():
    """the userspace action: with user data, with the actions, or bare"""
    dp.flush()
    data = packet.udp4()
    bare = [Pk.KEY, Pk.HASH, Pk.PACKET]
    for more, wanted in (
        ((), bare),
        ((ovs.userdata(b"12345678"),), [Pk.KEY, Pk.USERDATA, Pk.HASH, Pk.PACKET]),
        ((ovs.userdata(b"abc"), attr(4)), [Pk.KEY, Pk.USERDATA, Pk.ACTIONS, Pk.HASH, Pk.PACKET]),
        ((attr(4),), [Pk.KEY, Pk.ACTIONS, Pk.HASH, Pk.PACKET]),
    ):
        dp.flush()
        actions = ovs.userspace(listener.pid, *more) + output(2)
        dp.flow_from(1, actions)
        wires[1].send(data)
        message = upcall()
        equal((message.cmd, message.dp_ifindex, message.kinds()), (ACTION, dp.ifindex, wanted))
        equal(message.get(Pk.PACKET), data, "packet")
        equal(key_of(message), METADATA + parse(eth() + UDP4), "key")
        if ovs.userdata(b"abc") in more:
            equal(message.get(Pk.USERDATA), b"abc", "user data")
        if attr(4) in more:
            equal(message.get(Pk.ACTIONS), actions, "actions")
        equal(wires[2].receive(), data, "packet at the other port")


@test
def changed_packet():
    """an upcall shows packet and key as changed by the actions before"""
    dp.flush()
    dp.flow_from(1, ovs.push_vlan(0x1064) + ovs.userspace(listener.pid))
    wires[1].send(packet.udp4())
    message = upcall()
    equal(message.get(Pk.PACKET), packet.udp4(tags=(TAG,)), "packet")
    equal(key_of(message), METADATA + parse(eth() + ovs.vlan(0x8100, 0x1064, UDP4)), "key")


@test
def recirculated():
    """a miss of a recirculated packet tells number and changed packet"""
    dp.flush()
    dp.flow_from(1, ovs.push_vlan(0x1064) + ovs.recirc(0x77))
    wires[1].send(packet.udp4())
    message = upcall()
    equal(message.cmd, MISS)
    equal(dict(key_of(message))[Key.RECIRC_ID], struct.pack("=I", 0x77), "number")
    equal(key_of(message)[len(METADATA) :], parse(eth() + ovs.vlan(0x8100, 0x1064, UDP4)), "key")
    equal(message.get(Pk.PACKET), packet.udp4(tags=(TAG,)), "packet")


@test
def truncated():
    """a truncated packet tells its true length"""
    dp.flush()
    data = packet.ether(packet.ipv4(packet.udp(bytes(500)), packet.UDP), 0x0800)
    dp.execute(data, ovs.trunc(100) + ovs.userspace(listener.pid), key=in_port(1))
    message = upcall()
    equal(message.kinds(), [Pk.KEY, Pk.LEN, Pk.HASH, Pk.PACKET], "attributes")
    equal((message.get(Pk.PACKET), message.u32(Pk.LEN)), (data[:100], len(data)))


@test
def mru():
    """the longest fragment that EXECUTE tells of comes back"""
    dp.execute(packet.udp4(), ovs.userspace(listener.pid), u16(Pk.MRU, 576), key=in_port(1))
    message = upcall()
    equal(message.kinds(), [Pk.KEY, Pk.MRU, Pk.HASH, Pk.PACKET], "attributes")
    equal(message.get(Pk.MRU), struct.pack("=H", 576), "length")


@test
def alignment():
    """without the feature the packet is padded to a multiple of four"""
    data = packet.udp4() + b"x"
    for features, size in ((Feature.UNALIGNED, 0), (0, 3)):
        dp.set_features(features)
        wires[1].send(data)
        raw = listener.receive()[0]
        true(raw.endswith(data + bytes(size)), f"packet: {raw.hex()}")
        equal(struct.unpack_from("=I", raw)[0], len(raw), "length of the message")
    dp.set_features(Feature.UNALIGNED)


@test
def long_packet():
    """a long packet comes whole, with its checksum completed"""
    net.ip("link set e1 mtu 9000")
    net.ip("link set p1 mtu 9000")
    data = packet.ether(packet.ipv4(packet.udp(bytes(range(250)) * 35), packet.UDP), 0x0800)
    wires[1].send(data)
    equal(upcall().get(Pk.PACKET) == data, True, "the same packet")


@test
def segments():
    """a packet of several segments makes an upcall for each"""
    dp.flush()
    wire = Wire("e1", vnet=True)
    payload = bytes(range(200)) * 15
    segment = packet.tcp(payload)
    whole = packet.ether(packet.ipv4(segment, packet.TCP), 0x0800)
    pseudo = ~packet.checksum(packet._pseudo(packet.A4, packet.B4, packet.TCP, len(segment))) & 0xFFFF
    wire.send_gso(whole[:50] + struct.pack(">H", pseudo) + whole[52:], 54, 1000, 1, 34, 16)
    got = b""
    for number in range(3):
        message = listener.next()
        equal(message.cmd, MISS)
        data = message.get(Pk.PACKET)
        equal(len(data), 1054, f"size of segment {number}")
        segment = data[34:]
        equal(packet.checksum(packet._pseudo(packet.A4, packet.B4, packet.TCP, len(segment)) + segment), 0, "checksum")
        got += data[54:]
    equal(got == payload, True, "the same payload")
    equal(listener.pending(), [], "more upcalls")
    wire.close()


@test
def nobody():
    """upcalls to pid 0 and to nobody are lost, and counted so"""
    dp.flush()
    number = u32(ovs.Vp.PORT_NO, 1)
    gone = Socket()
    pid = gone.pid
    gone.close()
    delivered, failed = dp.upcall_stats(1)
    for target, failures in ((0, 0), (pid, 1)):
        lost = dp.stats()[2]
        dp.request(ovs.VPORT, ovs.SET, number, u32(ovs.Vp.UPCALL_PID, target))
        wires[1].send(packet.udp4())
        net.wait_for(lambda: dp.stats()[2] == lost + 1, "lost")
        failed += failures
        equal(dp.upcall_stats(1), (delivered, failed), "upcalls of the port")
    dp.request(ovs.VPORT, ovs.SET, number, u32(ovs.Vp.UPCALL_PID, listener.pid))
    wires[1].send(packet.udp4())
    upcall()
    equal(dp.upcall_stats(1), (delivered + 1, failed), "upcalls of the port")


@test
def full_socket():
    """upcalls that a full socket cannot take are lost, counted, and told to its owner"""
    slow = Socket()
    slow.sock.setsockopt(1, 8, 4096)
    slow.sock.setsockopt(1, 33, 4096)
    dp.flush()
    dp.request(ovs.VPORT, ovs.SET, u32(ovs.Vp.PORT_NO, 1), u32(ovs.Vp.UPCALL_PID, slow.pid))
    lost, misses = dp.stats()[2], dp.stats()[1]
    for _ in range(50):
        wires[1].send(packet.udp4())
    net.wait_for(lambda: dp.stats()[1] == misses + 50, "misses")
    true(dp.stats()[2] > lost, "nothing was lost")
    try:
        while True:
            slow.receive()
    except OSError as error:
        equal(error.errno, errno.ENOBUFS, "error of the socket")
    slow.close()
    dp.request(ovs.VPORT, ovs.SET, u32(ovs.Vp.PORT_NO, 1), u32(ovs.Vp.UPCALL_PID, listener.pid))


@test
def several_pids():
    """a port with several pids: packets of one flow go to one, those of many to all"""
    others = [Socket() for _ in range(os.sysconf("SC_NPROCESSORS_CONF"))]
    if len(others) < 2:
        return
    dp.flush()
    dp.set_features(Feature.UNALIGNED | Feature.VPORT_PIDS)
    pids = struct.pack(f"={len(others)}I", *(nl.pid for nl in others))
    dp.request(ovs.VPORT, ovs.SET, u32(ovs.Vp.PORT_NO, 1), attr(ovs.Vp.UPCALL_PID, pids))
    misses = dp.stats()[1]
    for i in range(64):
        for _ in range(2):
            wires[1].send(packet.pad(packet.ether(packet.ipv4(packet.udp(sport=i + 1), packet.UDP), 0x0800)))
    net.wait_for(lambda: dp.stats()[1] == misses + 128, "misses")
    got = [nl.pending() for nl in others]
    equal(sum(map(len, got)), 128, "upcalls")
    for messages in got:
        true(messages, "one has none")
        sports = [dict(key_of(m))[Key.UDP] for m in messages]
        true(all(sports.count(s) == 2 for s in sports), "packets of one flow went to both")
    dp.set_features(Feature.UNALIGNED)
    dp.request(ovs.VPORT, ovs.SET, u32(ovs.Vp.PORT_NO, 1), u32(ovs.Vp.UPCALL_PID, listener.pid))
    for nl in others:
        nl.close()


@test
def per_cpu():
    """dispatch by processor: upcalls go to its pid; more processors than pids wrap around"""
    others = [Socket() for _ in range(2)]
    dp.flush()
    per_cpu_features = Feature.UNALIGNED | Feature.PER_CPU
    dp.set_features(per_cpu_features, attr(ovs.Dp.PER_CPU_PIDS, struct.pack("=2I", *(nl.pid for nl in others))))
    for cpu in range(min(2, os.cpu_count())):
        os.sched_setaffinity(0, {cpu})
        # Misses as well as actions, whatever pid these name.
        dp.execute(packet.udp4(), ovs.userspace(listener.pid), key=in_port(1))
        equal(upcall(others[cpu]).cmd, ACTION, f"upcall on processor {cpu}")
        dp.execute(packet.udp4(), ovs.recirc(1), key=in_port(1))
        equal(upcall(others[cpu]).cmd, MISS, f"upcall on processor {cpu}")
    dp.set_features(per_cpu_features, attr(ovs.Dp.PER_CPU_PIDS, struct.pack("=I", others[0].pid)))
    os.sched_setaffinity(0, {os.cpu_count() - 1})
    dp.execute(packet.udp4(), ovs.userspace(listener.pid), key=in_port(1))
    equal(upcall(others[0]).cmd, ACTION, "upcall on a processor without pid")
    os.sched_setaffinity(0, {0})
    dp.set_features(Feature.UNALIGNED)
    equal(listener.pending(), [], "upcalls to the pid that the action names")
    for nl in others:
        nl.close()


@test
def execute_pid():
    """EXECUTE's UPCALL_PID goes before all others"""
    other = Socket()
    dp.flush()
    for actions in (ovs.userspace(listener.pid), ovs.recirc(1)):
        dp.execute(packet.udp4(), actions, u32(Pk.UPCALL_PID, other.pid), key=in_port(1))
        upcall(other)
    equal(listener.pending(), [], "upcalls to the others")
    other.close()


@test
def execute_metadata():
    """an upcall of EXECUTE has the metadata of its key, and all the rest of the packet"""
    key = in_port(2) + u32(Key.PRIORITY, 5) + u32(Key.SKB_MARK, 6) + u32(Key.DP_HASH, 7) + u32(Key.RECIRC_ID, 8)
    # What the key says of the packet itself does not count.
    key += eth(packet.B_MAC, packet.B_MAC) + eth_type(0x88B5)
    dp.execute(packet.udp4(), ovs.userspace(listener.pid), key=key)
    told = dict(key_of(upcall()))
    for kind, value in ((Key.IN_PORT, 2), (Key.PRIORITY, 5), (Key.SKB_MARK, 6), (Key.DP_HASH, 7), (Key.RECIRC_ID, 8)):
        equal(told[kind], struct.pack("=I", value), f"attribute {kind}")
    equal(told[Key.ETHERNET], packet.A_MAC + packet.B_MAC, "addresses")
    equal(told[Key.ETHERTYPE], b"\x08\x00", "type")
    # An unknown port is the local one, but the key stays.
    dp.execute(packet.udp4(), ovs.userspace(listener.pid), key=in_port(77))
    equal(dict(key_of(upcall()))[Key.IN_PORT], struct.pack("=I", 77), "port")


@test
def refused_actions():
    """the userspace action is refused without pid, and with attributes that are none"""
    for bad in (
        attr(ovs.Act.USERSPACE),
        attr(ovs.Act.USERSPACE, ovs.userdata(b"x")),
        ovs.userspace(0),
        attr(ovs.Act.USERSPACE, attr(1, b"\1\2")),
    ):
        number = errno.ERANGE if bad == attr(ovs.Act.USERSPACE, attr(1, b"\1\2")) else errno.EINVAL
        refused(number, dp.execute, packet.udp4(), bad, key=in_port(1))
        refused(number, dp.flow, in_port(1) + eth(), bad, attr(Fl.UFID, b"x"))


if __name__ == "__main__":
    main(setup)
