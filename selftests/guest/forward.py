#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
"""Forwarding: what comes out of the ports, byte by byte, for all kinds of packets and actions."""

import errno
import os
import struct

from lib import net, ovs, packet
from lib.ktap import add, equal, find_module, main, test, true
from lib.net import Wire
from lib.netlink import attr, be16, u32
from lib.ovs import Datapath, Fl, Key, eth, eth_type, flow_stats, in_port, output, recirc, refused

PORTS = 3
dp = None
wires = {}


def setup():
    """A datapath with ports 1, 2, 3, and an internal port 4."""
    global dp
    os.sched_setaffinity(0, {0})
    net.load()
    find_module()
    net.quiet_devices()
    dp = Datapath()
    for i in range(1, PORTS + 1):
        net.veth(f"p{i}", f"e{i}")
        for dev in (f"p{i}", f"e{i}"):
            net.ip(f"link set {dev} mtu 9000")
        dp.add(f"p{i}", number=i)
        wires[i] = Wire(f"e{i}")
    dp.add("int0", ovs.Vp.INTERNAL, 4)
    net.ip("link set int0 mtu 9000 up")
    wires[4] = Wire("int0")


MARKER = packet.pad(packet.ether(b"end of the packets of this test", 0x88B5))


def expect(wanted, down=()):
    """These packets come out of these ports, in this order, and no others: {port: [packet]}."""
    # What is sent last comes out last.
    dp.execute(MARKER, b"".join(output(i) for i in wires))
    for port, wire in wires.items():
        got = []
        if port in down:
            continue
        while (data := wire.receive()) is not None:
            if data == MARKER:
                break
            got.append(data)
        else:
            true(False, f"nothing came out of port {port} any more")
        equal([g.hex() for g in got], [w.hex() for w in wanted.get(port, [])], f"packets out of port {port}")


def tags_of(data):
    """The VLAN tags that are part of a key: two at most."""
    tags = []
    while len(tags) < 2 and data[12:14] in (b"\x81\x00", b"\x88\xa8"):
        tags.append(struct.unpack_from(">HH", data, 12))
        data = data[:12] + data[16:]
    return tags


def through(actions, wanted, data=None, port=1, down=()):
    """Sends a packet into a port with a flow for it; what comes out where."""
    data = data or packet.udp4()
    dp.flush()
    dp.flow_from(port, actions, tags=tags_of(data))
    hits = dp.stats()[0]
    wires[port].send(data)
    net.wait_for(lambda: dp.stats()[0] > hits, "the packet hits the flow")
    expect(wanted, down)


TAG, OTHER = (0x8100, 0x0064), (0x88A8, 0x2065)

KINDS = {
    "UDP over IPv4": packet.udp4(),
    "TCP over IPv4": packet.tcp4(),
    "ICMP": packet.icmp4(),
    "UDP over IPv6": packet.udp6(),
    "TCP over IPv6": packet.tcp6(),
    "ICMPv6": packet.icmp6(),
    "neighbour solicitation": packet.neighbour_solicitation(),
    "ARP": packet.arp_request(),
    "802.2": packet.llc(),
    "unknown type": packet.pad(packet.ether(b"?", 0x88B6)),
    "one VLAN tag": packet.udp4(tags=(TAG,)),
    "two VLAN tags": packet.udp4(tags=(OTHER, TAG)),
    "three VLAN tags": packet.udp4(tags=(OTHER, TAG, (0x8100, 3))),
    "first fragment": packet.udp4(frag=0x2000),
    "later fragment": packet.udp4(frag=0x0010),
    "IP options": packet.pad(packet.ether(b"\x46" + packet.ipv4(b"", 99)[1:] + bytes(4), 0x0800)),
    "MPLS": packet.ether(bytes.fromhex("00064140") + packet.ipv4(packet.udp(), packet.UDP), 0x8847),
    "jumbo frame": packet.ether(packet.ipv4(packet.udp(bytes(8900)), packet.UDP), 0x0800),
    "IPv4 header cut off": packet.ether(packet.ipv4(packet.udp(), packet.UDP)[:12], 0x0800),
    "IPv6 header cut off": packet.ether(packet.ipv6(packet.udp(), packet.UDP)[:30], 0x86DD),
    "TCP header cut off": packet.ether(packet.ipv4(packet.tcp()[:10], packet.TCP), 0x0800),
    "bad IP version": packet.pad(packet.ether(b"\x75" + packet.ipv4(b"", 17)[1:], 0x0800)),
    "no payload": packet.B_MAC + packet.A_MAC + b"\x88\xb5",
}


def kind_passes(data):
    through(output(2), {2: [data]}, data)
    # And by EXECUTE, which takes the packet apart again.
    dp.execute(data, output(3))
    expect({3: [data]})


for name, frame in KINDS.items():
    add(f"{name}: comes out as it went in, from a port and by EXECUTE", kind_passes, frame)


@test
def many_ports():
    """output to many ports, the one of the packet and the internal one among them, in order"""
    data = packet.tcp4()
    through(output(3) + output(2) + output(1) + output(4) + output(2), {1: [data], 2: [data, data], 3: [data], 4: [data]}, data)


@test
def from_internal():
    """what the host sends comes in from the internal port"""
    data = packet.udp4()
    through(output(1) + output(2), {1: [data], 2: [data]}, data, port=4)


@test
def drop():
    """no actions, and DROP: nothing comes out"""
    through(b"", {})
    through(u32(ovs.Act.DROP, 0), {})
    through(output(2) + u32(ovs.Act.DROP, 5), {2: [packet.udp4()]})


@test
def missing_port():
    """output to ports that do not exist or are down drops that copy only"""
    through(output(99) + output(2), {2: [packet.udp4()]})
    through(output(2) + output(99), {2: [packet.udp4()]})
    net.ip("link set p3 down")
    through(output(3) + output(2) + output(3), {2: [packet.udp4()]}, down=(3,))
    net.ip("link set p3 up")
    net.wait_for(lambda: "LOWER_UP" in net.ip("link show e3"), "carrier")
    through(output(3), {3: [packet.udp4()]})


@test
def no_miss_without_listener():
    """a packet without a flow comes out nowhere"""
    dp.flush()
    misses = dp.stats()[1]
    wires[1].send(packet.udp4())
    net.wait_for(lambda: dp.stats()[1] > misses, "miss")
    expect({})


@test
def push_vlan():
    """push_vlan: one tag, and a second one outside of it, over untagged and tagged packets"""
    tagged = packet.udp4(tags=(TAG,))
    through(ovs.push_vlan(0x1064) + output(2), {2: [tagged]})
    through(ovs.push_vlan(0x1064) + output(4), {4: [tagged]})
    both = packet.udp4(tags=(OTHER, TAG))
    through(ovs.push_vlan(0x1064) + ovs.push_vlan(0x3065, 0x88A8) + output(2), {2: [both]})
    through(ovs.push_vlan(0x3065, 0x88A8) + output(2), {2: [both]}, tagged)
    through(ovs.push_vlan(0xF123) + output(2), {2: [packet.udp4(tags=((0x8100, 0xE123),))]})


@test
def pop_vlan():
    """pop_vlan: of one tag, of the outer and of both of two; of an untagged packet it does nothing"""
    tagged, both = packet.udp4(tags=(TAG,)), packet.udp4(tags=(OTHER, TAG))
    through(ovs.POP_VLAN + output(2), {2: [packet.udp4()]}, tagged)
    through(ovs.POP_VLAN + output(2), {2: [tagged]}, both)
    through(ovs.POP_VLAN + ovs.POP_VLAN + output(2), {2: [packet.udp4()]}, both)
    through(ovs.POP_VLAN + output(2), {2: [packet.udp4()]})


@test
def vlan_copies():
    """each copy has the tags that were there when it was output"""
    actions = output(2) + ovs.push_vlan(0x1064) + output(3) + ovs.POP_VLAN + output(4) + ovs.push_vlan(0x1005) + output(2)
    data = packet.udp4()
    through(actions, {2: [data, packet.udp4(tags=((0x8100, 5),))], 3: [packet.udp4(tags=(TAG,))], 4: [data]}, data)


@test
def change_vlan():
    """pop and push exchange a tag"""
    other = packet.udp4(tags=((0x8100, 0x0007),))
    through(ovs.POP_VLAN + ovs.push_vlan(0x1007) + output(2), {2: [other]}, packet.udp4(tags=(TAG,)))


@test
def truncate():
    """trunc shortens the next output, and no other"""
    data = packet.ether(packet.ipv4(packet.udp(bytes(200)), packet.UDP), 0x0800)
    through(ovs.trunc(100) + output(2) + output(3), {2: [data[:100]], 3: [data]}, data)
    through(ovs.trunc(5000) + output(2), {2: [data]}, data)
    through(output(3) + ovs.trunc(14) + output(2), {2: [data[:14]], 3: [data]}, data)


def udp4_key(port=1, tos=0, ttl=64, proto=packet.UDP):
    return in_port(port) + eth() + eth_type(0x0800) + ovs.ipv4(packet.A4, packet.B4, proto, tos, ttl)


def rewritten(key, actions, data, wanted):
    dp.flush()
    dp.flow(key, actions)
    hits = dp.stats()[0]
    wires[1].send(data)
    net.wait_for(lambda: dp.stats()[0] > hits, "the packet hits the flow")
    expect(wanted)


@test
def set_ethernet():
    """set and masked set of Ethernet addresses, of that copy and later ones"""
    data = packet.udp4()
    swapped = packet.udp4(src=packet.B_MAC, dst=packet.A_MAC)
    through(output(2) + ovs.set_key(eth(packet.B_MAC, packet.A_MAC)) + output(3) + output(4), {2: [data], 3: [swapped], 4: [swapped]})
    mask = bytes(6) + b"\x00\x00\x00\x00\x00\xff"
    value = bytes(11) + b"\x99"
    through(ovs.set_masked(Key.ETHERNET, value, mask) + output(2), {2: [packet.udp4(dst=packet.B_MAC[:5] + b"\x99")]})


@test
def set_ipv4():
    """set and masked set of IPv4 addresses, TOS and TTL; checksums of UDP, TCP and IPv4 follow"""
    ip = {"src": "192.168.7.9", "dst": "8.8.4.4"}
    for proto, kind, build in ((packet.UDP, Key.UDP, packet.udp), (packet.TCP, Key.TCP, packet.tcp)):
        data = packet.pad(packet.ether(packet.ipv4(build(), proto), 0x0800))
        key = udp4_key(proto=proto) + ovs.ports(kind, 1000, 2000)
        if proto == packet.TCP:
            key += be16(Key.TCP_FLAGS, 0x18)
        new = packet.pad(packet.ether(packet.ipv4(build(**ip), proto, tos=0x21, ttl=9, **ip), 0x0800))
        rewritten(key, ovs.set_key(ovs.ipv4(ip["src"], ip["dst"], proto, 0x21, 9)) + output(2), data, {2: [new]})
        value = ovs.ipv4("0.0.0.0", "8.8.4.4")[4:]
        mask = ovs.ipv4("0.0.0.0", "255.255.255.255")[4:]
        new = packet.pad(packet.ether(packet.ipv4(build(dst="8.8.4.4"), proto, dst="8.8.4.4"), 0x0800))
        rewritten(key, ovs.set_masked(Key.IPV4, value, mask) + output(2), data, {2: [new]})


@test
def set_ipv6():
    """set of IPv6 addresses, traffic class, flow label and hop limit; the checksum follows"""
    data = packet.tcp6()
    key = in_port(1) + eth() + eth_type(0x86DD) + ovs.ipv6(packet.A6, packet.B6, 0, packet.TCP, 0, 64)
    key += ovs.ports(Key.TCP, 1000, 2000) + be16(Key.TCP_FLAGS, 0x18)
    ip = {"src": "2001:db8::7", "dst": "fe80::9"}
    new = packet.ether(packet.ipv6(packet.tcp(**ip), packet.TCP, tclass=0x45, hlimit=3, label=0x12345, **ip), 0x86DD)
    rewritten(key, ovs.set_key(ovs.ipv6(ip["src"], ip["dst"], 0x12345, packet.TCP, 0x45, 3)) + output(2), data, {2: [new]})


@test
def set_ports():
    """set and masked set of UDP and TCP ports; the checksum follows, and none stays none"""
    key = udp4_key() + ovs.ports(Key.UDP, 1000, 2000)
    new = packet.pad(packet.ether(packet.ipv4(packet.udp(sport=7, dport=8), packet.UDP), 0x0800))
    rewritten(key, ovs.set_key(ovs.ports(Key.UDP, 7, 8)) + output(2), packet.udp4(), {2: [new]})
    new = packet.pad(packet.ether(packet.ipv4(packet.udp(dport=2001), packet.UDP), 0x0800))
    rewritten(key, ovs.set_masked(Key.UDP, bytes.fromhex("00000001"), bytes.fromhex("00000003")) + output(2), packet.udp4(), {2: [new]})
    bare = packet.udp()[:6] + bytes(2) + b"datagram"
    data = packet.pad(packet.ether(packet.ipv4(bare, packet.UDP), 0x0800))
    new = packet.pad(packet.ether(packet.ipv4(struct.pack(">HH", 7, 8) + bare[4:], packet.UDP), 0x0800))
    rewritten(key, ovs.set_key(ovs.ports(Key.UDP, 7, 8)) + output(2), data, {2: [new]})
    key = udp4_key(proto=packet.TCP) + ovs.ports(Key.TCP, 1000, 2000) + be16(Key.TCP_FLAGS, 0x18)
    new = packet.pad(packet.ether(packet.ipv4(packet.tcp(sport=7, dport=8), packet.TCP), 0x0800))
    rewritten(key, ovs.set_key(ovs.ports(Key.TCP, 7, 8)) + output(2), packet.tcp4(), {2: [new]})


@test
def set_under_vlan():
    """a tagged packet's addresses are set under its tag"""
    key = in_port(1) + eth() + ovs.vlan(0x8100, 0x1064, udp4_key()[24:], ovs.ports(Key.UDP, 1000, 2000))
    data, ip = packet.udp4(tags=(TAG,)), {"src": "1.2.3.4", "dst": packet.B4}
    new = packet.tagged(packet.pad(packet.ether(packet.ipv4(packet.udp(**ip), packet.UDP, **ip), 0x0800)), TAG)
    rewritten(key, ovs.set_key(ovs.ipv4("1.2.3.4", packet.B4, packet.UDP, 0, 64)) + output(2), data, {2: [new]})


@test
def recirculate():
    """recirc looks up again, with the new number and the changed packet"""
    dp.flush()
    data, swapped = packet.udp4(), packet.udp4(src=packet.B_MAC, dst=packet.A_MAC)
    dp.flow_from(1, output(3) + ovs.set_key(eth(packet.B_MAC, packet.A_MAC)) + recirc(7) + output(4))
    key = u32(Key.RECIRC_ID, 7) + in_port(1) + eth(packet.B_MAC, packet.A_MAC)
    mask = u32(Key.RECIRC_ID, 0xFFFFFFFF) + in_port(0xFFFFFFFF) + eth(b"\xff" * 6, b"\xff" * 6)
    dp.flow(key, output(2), attr(Fl.UFID, b"second"), mask=mask)
    hits = dp.stats()[0]
    wires[1].send(data)
    net.wait_for(lambda: dp.stats()[0] >= hits + 2, "both flows are hit")
    expect({2: [swapped], 3: [data], 4: [swapped]})
    found = dp.request(ovs.FLOW, ovs.GET, attr(Fl.UFID, b"second"))[0]
    equal(flow_stats(found), (1, len(data)), "packets and octets")


@test
def recirculation_ends():
    """a packet that recirculates forever is dropped in the end"""
    dp.flush()
    mask = u32(Key.RECIRC_ID, 0xFFFFFFFF) + in_port(0xFFFFFFFF) + eth(bytes(6), bytes(6))
    for i in range(20):
        key = u32(Key.RECIRC_ID, i) + in_port(1) + eth()
        dp.flow(key, recirc(i + 1) if i < 19 else recirc(1), attr(Fl.UFID, bytes([i])), mask=mask)
    wires[1].send(packet.udp4())
    expect({})


@test
def narrow_and_wide():
    """packets go by the flow that matches them, whatever the mask"""
    dp.flush()
    mask = in_port(0xFFFFFFFF) + eth_type(0xFFFF)
    dp.flow(in_port(1) + eth() + eth_type(0x0806) + ovs.arp(), output(4), mask=mask)
    mask += ovs.ipv4(dst="255.255.255.0", proto=255)
    dp.flow(udp4_key() + ovs.ports(Key.UDP, 0, 0), output(2), mask=mask)
    dp.flow(udp4_key(proto=packet.TCP) + ovs.ports(Key.TCP, 0, 0) + be16(Key.TCP_FLAGS, 0), output(3), mask=mask)
    wires[1].send(packet.arp_request())
    wires[1].send(packet.udp4())
    wires[1].send(packet.tcp4())
    wires[1].send(packet.icmp4())
    expect({2: [packet.udp4()], 3: [packet.tcp4()], 4: [packet.arp_request()]})


@test
def key_fields():
    """a difference in any field that is matched makes a miss"""
    dp.flush()
    key = udp4_key() + ovs.ports(Key.UDP, 1000, 2000)
    dp.flow(key, output(2))
    others = [
        packet.udp4(src=packet.B_MAC),
        packet.udp4(dst=packet.A_MAC),
        packet.udp4(tags=(TAG,)),
        packet.udp4(tos=4),
        packet.udp4(ttl=63),
        packet.udp4(frag=0x2000),
        packet.tcp4(),
        packet.pad(packet.ether(packet.ipv4(packet.udp(sport=999), packet.UDP), 0x0800)),
        packet.pad(packet.ether(packet.ipv4(packet.udp(dport=999), packet.UDP), 0x0800)),
        packet.pad(packet.ether(packet.ipv4(packet.udp(), packet.UDP, src="10.1.0.9"), 0x0800)),
    ]
    for other in others:
        wires[1].send(other)
    wires[2].send(packet.udp4())
    wires[1].send(packet.udp4())
    expect({2: [packet.udp4()]})


@test
def execute_key():
    """EXECUTE takes the port, priority and mark of its key, and the rest of the packet"""
    dp.flush()
    dp.flow_from(3, output(2))
    data = packet.udp4()
    # Recirculated, it is found as from that port.
    mask = u32(Key.RECIRC_ID, 0xFFFFFFFF) + in_port(0xFFFFFFFF) + u32(Key.SKB_MARK, 0xFFFFFFFF) + eth(bytes(6), bytes(6))
    dp.flow(u32(Key.RECIRC_ID, 5) + in_port(3) + u32(Key.SKB_MARK, 77) + eth(), output(4), mask=mask)
    dp.execute(data, recirc(5), key=in_port(3) + u32(Key.SKB_MARK, 77))
    expect({4: [data]})
    dp.execute(data, recirc(5), key=in_port(3) + u32(Key.SKB_MARK, 78))
    expect({})


@test
def execute_refused():
    """EXECUTE is refused when incomplete, for bad actions and packets, and in no datapath"""
    data = attr(ovs.Pk.PACKET, packet.udp4())
    key, actions = attr(ovs.Pk.KEY, in_port(1)), attr(ovs.Pk.ACTIONS, output(2))
    for attrs in ((key, actions), (data, actions), (data, key)):
        refused(errno.EINVAL, dp.request, ovs.PACKET, ovs.EXECUTE, *attrs)
    refused(errno.ERANGE, dp.execute, packet.udp4()[:13], output(2))
    refused(errno.EINVAL, dp.execute, packet.udp4(), output(0xFFFF))
    refused(errno.EINVAL, dp.execute, packet.udp4(), output(2), key=in_port(0xFFFF))
    refused(errno.ENODEV, dp.nl.request, ovs.PACKET, ovs.EXECUTE, net.ifindex("lo"), data, key, actions)
    expect({})


@test
def tcp_segmentation():
    """a packet of several segments passes as a whole and is cut where it must be"""
    big = Wire("e1", vnet=True)
    payload = bytes(range(256)) * 16
    head = packet.ether(packet.ipv4(packet.tcp(payload), packet.TCP), 0x0800)
    # The checksum of the pseudo header only, for whoever completes it.
    segment = packet.tcp(payload)
    pseudo = ~packet.checksum(packet._pseudo(packet.A4, packet.B4, packet.TCP, len(segment))) & 0xFFFF
    data = head[:50] + struct.pack(">H", pseudo) + head[52:]
    dp.flush()
    dp.flow_from(1, ovs.push_vlan(0x1064) + output(2))
    net.run("ethtool", "-K", "p2", "tso", "off", "gso", "off")
    big.send_gso(data, 54, 1000, 1, 34, 16)
    got, pieces = b"", []
    while len(got) < len(payload):
        piece = wires[2].receive()
        true(piece is not None, f"only {len(got)} octets came")
        equal(piece[12:18].hex(), "810000640800", "tag")
        true(len(piece) <= 58 + 1000, f"a segment of {len(piece)} octets")
        pieces.append(len(piece))
        got += piece[58:]
    equal(got == payload, True, "the same payload")
    equal(len(pieces), 5, "segments")
    net.run("ethtool", "-K", "p2", "tso", "on", "gso", "on")
    big.close()
    for wire in wires.values():
        wire.drain()


if __name__ == "__main__":
    main(setup)
