#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
"""Actions that put headers before others and take them off: what comes out, compared with scapy."""

import errno
import logging
import os
import struct

# Scapy has something to say about the name server.
logging.disable(logging.WARNING)

from scapy.contrib.mpls import MPLS
from scapy.contrib.nsh import NSH
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from lib import ktap, net, ovs
from lib.ktap import add, defer, equal, find_module, main, test, true
from lib.lab import Lab
from lib.netlink import attr, be16, nest, parse
from lib.ovs import Act, Key, Pk, output, recirc, refused

A, B, C, D = "02:00:00:00:0a:01", "02:00:00:00:0b:01", "02:00:00:00:0c:01", "02:00:00:00:0d:01"
IP4, IP6, MPLS_UC, MPLS_MC, TEB, NSH_TYPE = 0x0800, 0x86DD, 0x8847, 0x8848, 0x6558, 0x894F
lab = None


def setup():
    global lab
    os.sched_setaffinity(0, {0})
    net.load()
    find_module()
    net.quiet_devices()
    lab = Lab(tun=True)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ether(kind, src=A, dst=B):
    return Ether(src=src, dst=dst, type=kind)


PAYLOAD = Raw(bytes(range(64)))
INSIDE = {
    "IPv4": (IP4, IP(src="10.1.0.1", dst="10.1.0.2", id=7) / UDP(sport=1000, dport=2000) / PAYLOAD),
    "IPv6": (IP6, IPv6(src="fd01::1", dst="fd01::2") / TCP(sport=1000, dport=2000, flags="PA") / PAYLOAD),
}


def label(number, tc=0, bottom=1, ttl=64):
    return MPLS(label=number, cos=tc, s=bottom, ttl=ttl)


def lse(*args, **fields):
    return bytes(label(*args, **fields))


def push_mpls(entry, kind=MPLS_UC):
    return attr(Act.PUSH_MPLS, entry + struct.pack(">Hxx", kind))


def add_mpls(entry, kind=MPLS_UC, l3=True):
    return attr(Act.ADD_MPLS, entry + struct.pack(">H", kind) + struct.pack("=H", l3))


def pop_mpls(kind):
    return be16(Act.POP_MPLS, kind)


def set_mpls(entry, mask=None):
    if mask is None:
        return ovs.set_key(attr(Key.MPLS, entry))
    return ovs.set_masked(Key.MPLS, entry, mask)


def push_eth(src=A, dst=B):
    return attr(Act.PUSH_ETH, mac(src) + mac(dst))


POP_ETH, POP_NSH = attr(Act.POP_ETH), attr(Act.POP_NSH)


def push_nsh(np, context=bytes(16), mdtype=1, flags=0, ttl=63, path=0x00012303):
    base = attr(1, bytes((flags, ttl, mdtype, np)) + struct.pack(">I", path))
    return nest(Act.PUSH_NSH, nest(Key.NSH, base, attr(2 if mdtype == 1 else 3, context)))


def nsh(np, context=bytes(16), ttl=63, path=0x00012303):
    """The Network Service Header as scapy has it."""
    fields = {"ttl": ttl, "nextproto": np, "spi": path >> 8, "si": path & 0xFF}
    if len(context) == 16:
        return bytes(NSH(mdtype=1, context_header=context, **fields))
    words = 2 + len(context) // 4
    return bytes(NSH(mdtype=2, length=words, **fields))[:8] + context


def both(name):
    """Decorator: a test for IPv4 and one for IPv6."""

    def wrap(function):
        for version, (kind, inside) in INSIDE.items():
            add(f"{version}: {name}", function, kind, inside)
        return function

    return wrap


@both("push_mpls puts a label behind the Ethernet header")
def push_one(kind, inside):
    data = bytes(ether(kind) / inside)
    for number, mpls in ((MPLS_UC, 0xFFFFF), (MPLS_MC, 17)):
        wanted = bytes(ether(number) / label(mpls, 5) / inside)
        lab.both_ways(data, push_mpls(lse(mpls, 5), number) + output(2), {2: [wanted]})


@both("three labels pushed and popped again")
def push_three(kind, inside):
    data = bytes(ether(kind) / inside)
    stack = label(3, bottom=0) / label(2, bottom=0) / label(1)
    actions = push_mpls(lse(1)) + push_mpls(lse(2, bottom=0)) + push_mpls(lse(3, bottom=0))
    wanted = bytes(ether(MPLS_UC) / stack / inside)
    lab.both_ways(data, actions + output(2), {2: [wanted]})
    actions += output(2) + pop_mpls(MPLS_UC) + pop_mpls(MPLS_UC) + output(3) + pop_mpls(kind) + output(2)
    lab.both_ways(data, actions, {2: [wanted, data], 3: [bytes(ether(MPLS_UC) / label(1) / inside)]})


@both("set of a label, whole and masked, keeps the other bits")
def set_label(kind, inside):
    data = bytes(ether(MPLS_UC) / label(100, 3, 0, 9) / label(200) / inside)
    new = bytes(ether(MPLS_UC) / label(101, 7, 0, 64) / label(200) / inside)
    lab.both_ways(data, set_mpls(lse(101, 7, 0, 64)) + output(2), {2: [new]})
    new = bytes(ether(MPLS_UC) / label(100, 3, 0, 8) / label(200) / inside)
    lab.both_ways(data, set_mpls(lse(0, 0, 0, 8), bytes((0, 0, 0, 255))) + output(2), {2: [new]})
    # One that was pushed just now.
    new = bytes(ether(MPLS_UC) / label(5, 0, 0, 1) / label(100, 3, 0, 9) / label(200) / inside)
    actions = push_mpls(lse(4, bottom=0)) + set_mpls(lse(5, 0, 0, 1)) + output(2)
    lab.both_ways(data, actions, {2: [new]})


@both("after MPLS was popped the packet is known by what is inside")
def pop_and_recirculate(kind, inside):
    data = bytes(ether(MPLS_UC) / label(100, bottom=0) / label(200) / inside)
    plain = bytes(ether(kind) / inside)
    lab.forward(data, pop_mpls(MPLS_UC) + pop_mpls(kind) + recirc(1))
    upcall = lab.upcall()
    equal(upcall.get(Pk.PACKET).hex(), plain.hex(), "packet of the upcall")
    wanted = dict(parse(lab.key(plain)))
    got = dict(parse(upcall.get(Pk.KEY)))
    equal(got.pop(Key.RECIRC_ID), struct.pack("=I", 1), "recirculation id")
    wanted.pop(Key.RECIRC_ID)
    equal(got, wanted, "key")


@both("after MPLS was pushed the packet is known by its labels")
def push_and_recirculate(kind, inside):
    data = bytes(ether(kind) / inside)
    actions = push_mpls(lse(1)) + push_mpls(lse(2, bottom=0)) + recirc(2)
    lab.forward(data, actions)
    upcall = lab.upcall()
    key = dict(parse(upcall.get(Pk.KEY)))
    equal(key[Key.ETHERTYPE], struct.pack(">H", MPLS_UC), "type")
    equal(key[Key.MPLS], lse(2, bottom=0) + lse(1), "labels")
    true(Key.IPV4 not in key and Key.IPV6 not in key, "no IP header is seen")
    # The flow for it pops them again.
    lab.dp.flow(upcall.get(Pk.KEY), pop_mpls(MPLS_UC) + pop_mpls(kind) + output(3))
    lab.send(data)
    lab.expect({3: [data]})


@both("MPLS around a VLAN tag, and under one")
def mpls_and_vlan(kind, inside):
    data = bytes(ether(0x8100) / Dot1Q(vlan=100, type=MPLS_UC) / label(7) / inside)
    wanted = bytes(ether(0x8100) / Dot1Q(vlan=100, type=MPLS_UC) / label(8, ttl=3) / inside)
    lab.both_ways(data, set_mpls(lse(8, ttl=3)) + output(2), {2: [wanted]})
    # The tag must go before labels are popped or pushed.
    refused(errno.EINVAL, lab.dp.execute, data, pop_mpls(kind) + output(2))
    plain = bytes(ether(kind) / inside)
    lab.both_ways(data, ovs.POP_VLAN + pop_mpls(kind) + output(2), {2: [plain]})
    data = bytes(ether(0x8100) / Dot1Q(vlan=100, type=kind) / inside)
    refused(errno.EINVAL, lab.dp.execute, data, push_mpls(lse(1)) + output(2))
    wanted = bytes(ether(0x88A8) / Dot1AD(vlan=5, type=MPLS_UC) / label(1) / inside)
    actions = ovs.POP_VLAN + push_mpls(lse(1)) + ovs.push_vlan(0x1005, 0x88A8) + output(2)
    lab.both_ways(data, actions, {2: [wanted]})


@both("set of a label behind two VLAN tags, and of one that is no longer in front")
def mpls_and_tags(kind, inside):
    tags = ether(0x88A8) / Dot1AD(vlan=5, type=0x8100) / Dot1Q(vlan=6, type=MPLS_UC)
    wanted = bytes(tags / label(8, ttl=3) / inside)
    data = bytes(tags / label(7) / inside)
    if ktap.RUST:
        # The C module drops these packets.
        lab.both_ways(data, set_mpls(lse(8, ttl=3)) + output(2), {2: [wanted]})
        one = bytes(ether(0x8100) / Dot1Q(vlan=6, type=MPLS_UC) / label(7) / inside)
        actions = ovs.push_vlan(0x1005, 0x88A8) + set_mpls(lse(8, ttl=3)) + output(2)
        lab.both_ways(one, actions, {2: [wanted]})
    data = bytes(ether(MPLS_UC) / label(7) / inside)
    lab.forward(data, push_nsh(3) + set_mpls(lse(8)) + push_eth(C, D) + output(2))
    lab.expect({})


@test
def mpls_over_arp():
    """push_mpls in front of ARP"""
    arp = ARP(hwsrc=A, psrc="10.1.0.1", pdst="10.1.0.2", hwdst="00:00:00:00:00:00")
    data = bytes(ether(0x0806) / arp / Raw(bytes(18)))
    wanted = bytes(ether(MPLS_UC) / label(9) / arp / Raw(bytes(18)))
    lab.both_ways(data, push_mpls(lse(9)) + output(2), {2: [wanted]})


@both("add_mpls behind the Ethernet header, and in front of it")
def add_label(kind, inside):
    data = bytes(ether(kind) / inside)
    wanted = bytes(ether(MPLS_UC) / label(33) / inside)
    lab.both_ways(data, add_mpls(lse(33)) + output(2), {2: [wanted]})
    # The whole frame is what the label is for now.
    wanted = bytes(ether(MPLS_UC, C, D)) + lse(34) + data
    actions = add_mpls(lse(34), l3=False) + push_eth(C, D) + output(2)
    lab.both_ways(data, actions, {2: [wanted]})


@both("a frame in MPLS comes to light when the label is popped")
def pop_to_ethernet(kind, inside):
    data = bytes(ether(kind, C, D) / inside)
    tunnelled = bytes(ether(MPLS_UC)) + lse(34) + data
    lab.both_ways(tunnelled, POP_ETH + pop_mpls(TEB) + output(2), {2: [data]})


@both("pop_eth leaves an IP packet, push_eth gives it other addresses")
def pop_and_push_ethernet(kind, inside):
    data = bytes(ether(kind) / inside)
    lab.both_ways(data, POP_ETH + push_eth(C, D) + output(2), {2: [bytes(ether(kind, C, D) / inside)]})
    lab.forward(data, POP_ETH + output(9))
    lab.expect_tun((kind, bytes(inside)))


@both("a packet without an Ethernet header has a key without one, and can get one")
def from_headerless(kind, inside):
    key = dict(parse(lab.key(bytes(inside), 9, kind)))
    true(Key.ETHERNET not in key, "there is no Ethernet header in the key")
    equal(key[Key.ETHERTYPE], struct.pack(">H", kind), "type")
    true(Key.IPV4 in key or Key.IPV6 in key, "the IP header is in the key")
    lab.forward(bytes(inside), push_eth(A, B) + output(2), 9, kind)
    lab.expect({2: [bytes(ether(kind) / inside)]})
    # To an Ethernet port it cannot go as it is.
    lab.forward(bytes(inside), output(2) + output(9), 9, kind)
    lab.expect({})
    lab.expect_tun((kind, bytes(inside)))


@both("to a port without Ethernet headers a frame goes as a whole")
def to_headerless(kind, inside):
    data = bytes(ether(kind) / inside)
    lab.forward(data, output(9))
    lab.expect_tun((TEB, data))


@both("push_nsh around a frame, with metadata of both types")
def nsh_ethernet(kind, inside):
    data = bytes(ether(kind) / inside)
    for mdtype, context in ((1, bytes(range(16))), (2, bytes(range(100, 112)))):
        wanted = bytes(ether(NSH_TYPE, C, D)) + nsh(3, context) + data
        actions = push_nsh(3, context, mdtype) + push_eth(C, D) + output(2)
        lab.both_ways(data, actions, {2: [wanted]})


@both("push_nsh around an IP packet tells its type")
def nsh_ip(kind, inside):
    data = bytes(ether(kind) / inside)
    context = bytes(range(16))
    wanted = bytes(ether(NSH_TYPE, C, D)) + nsh(1 if kind == IP4 else 2, context) + bytes(inside)
    # Whatever the action says.
    actions = POP_ETH + push_nsh(5, context) + push_eth(C, D) + output(2)
    lab.both_ways(data, actions, {2: [wanted]})


@both("the key of an NSH packet; pop_nsh leaves what is inside")
def nsh_pop(kind, inside):
    data = bytes(ether(kind) / inside)
    context = bytes(range(16))
    tunnelled = bytes(ether(NSH_TYPE, C, D)) + nsh(3, context, ttl=33) + data
    key = dict(parse(dict(parse(lab.key(tunnelled)))[Key.NSH]))
    equal(key[1].hex(), bytes((0, 33, 1, 3)).hex() + "00012303", "base header of the key")
    equal(key[2].hex(), context.hex(), "metadata of the key")
    lab.both_ways(tunnelled, POP_ETH + POP_NSH + output(2), {2: [data]})
    tunnelled = bytes(ether(NSH_TYPE, C, D)) + nsh(1 if kind == IP4 else 2, context) + bytes(inside)
    lab.both_ways(tunnelled, POP_ETH + POP_NSH + push_eth(A, B) + output(2), {2: [data]})


@both("segments of a large packet each get the header")
def segments(kind, inside):
    net.run("modprobe", "mpls_gso")
    net.run("ethtool", "-K", "p2", "tso", "off", "gso", "off")
    defer(net.run, "ethtool", "-K", "p2", "tso", "on", "gso", "on")
    wire = lab.wires[1]
    payload = bytes(range(256)) * 12
    ip = inside.copy()
    ip.remove_payload()
    if kind == IP4:
        ip.len = 40 + len(payload)
        ip.id = 0
    else:
        ip.plen = 20 + len(payload)
    tcp = TCP(sport=1, dport=2, flags="A", seq=1000, ack=1, window=100)
    frame = ether(kind) / ip / tcp / Raw(payload)
    data = bytes(frame)
    start = len(bytes(ether(kind) / ip))
    # Only the sum of the pseudo header is there yet.
    head = bytes(Ether(data)[TCP])[:20]
    pseudo = ip.src, ip.dst
    check = pseudo_sum(pseudo, 20 + len(payload))
    data = data[: start + 16] + struct.pack(">H", check) + data[start + 18 :]
    lab.dp.flush()
    lab.nl.pending()
    wire.send_gso(data, start + 20, 1000, 1 if kind == IP4 else 4, start, 16)
    key = lab.upcall().get(Pk.KEY)
    lab.nl.pending()
    lab.dp.flow(key, push_mpls(lse(50)) + output(2))
    wire.send_gso(data, start + 20, 1000, 1 if kind == IP4 else 4, start, 16)
    got = b""
    sizes = []
    for _ in range(4):
        piece = lab.wires[2].receive()
        true(piece is not None, f"only {len(got)} octets came")
        equal(piece[12:18].hex(), (struct.pack(">H", MPLS_UC) + lse(50)).hex(), "type and label")
        if len(piece) > start + 24 + 1000:
            # Segmentation was left to the device at the other end.
            got += piece[start + 24 :]
            sizes.append(len(piece))
            break
        got += piece[start + 24 :]
        sizes.append(len(piece))
    equal(got, payload, f"payload of {sizes}")
    true(head, "header")
    lab.expect({})


def pseudo_sum(addresses, size):
    """The folded sum of a TCP packet's pseudo header."""
    from lib import packet

    return ~packet.checksum(packet._pseudo(*addresses, packet.TCP, size)) & 0xFFFF


@test
def refusals():
    """actions that do not suit the packet are refused"""
    data = bytes(ether(IP4) / INSIDE["IPv4"][1])
    mpls = bytes(ether(MPLS_UC) / label(1) / INSIDE["IPv4"][1])
    for packet, actions in (
        (data, pop_mpls(IP4)),
        (data, set_mpls(lse(1))),
        (data, push_mpls(lse(1), IP4)),
        (data, push_eth()),
        (data, POP_NSH),
        (data, POP_ETH + POP_ETH),
        (data, POP_ETH + ovs.push_vlan(0x1001)),
        (data, push_nsh(3, bytes(15))),
        (data, push_nsh(3, bytes(16), 2)[:-4]),
        (mpls, ovs.set_key(ovs.ipv4("1.2.3.4", "1.2.3.5", 17, 0, 64))),
        (bytes(ether(0x88B5) / PAYLOAD), push_mpls(lse(1))),
    ):
        refused(errno.EINVAL, lab.dp.execute, packet, actions + output(2))
    lab.expect({})


@test
def clones_keep_the_packet():
    """what is done to a clone is not done to the packet"""
    kind, inside = INSIDE["IPv4"]
    data = bytes(ether(kind) / inside)
    mpls = bytes(ether(MPLS_UC) / label(1) / inside)
    clone = nest(Act.CLONE, push_mpls(lse(1)) + output(2))
    lab.both_ways(data, clone + output(3), {2: [mpls], 3: [data]})
    lab.both_ways(data, nest(Act.CLONE, POP_ETH + recirc(9)) + output(3), {3: [data]})
    lab.both_ways(data, output(3) + clone, {2: [mpls], 3: [data]})
    # Nor is the key another one when a copy was looked up.
    lab.forward(data, nest(Act.CLONE, recirc(9)) + ovs.userspace(lab.nl.pid))
    lab.nl.pending()
    lab.send(data)
    miss, action = lab.upcall(), lab.upcall()
    ids = [dict(parse(upcall.get(Pk.KEY)))[Key.RECIRC_ID] for upcall in (miss, action)]
    equal(ids, [struct.pack("=I", 9), bytes(4)], "recirculation ids")


@test
def nothing_left():
    """user space gets a packet that was nothing but an Ethernet header, without that"""
    if not ktap.RUST:
        raise ktap.Skip("with the C module the kernel would stop")
    data = bytes(ether(0x88B5))
    for actions in (ovs.userspace(lab.nl.pid), recirc(9)):
        lab.nl.pending()
        lab.dp.execute(data, POP_ETH + actions, key=ovs.in_port(1))
        upcall = lab.upcall()
        equal((upcall.get(Pk.PACKET), Key.ETHERNET in dict(parse(upcall.get(Pk.KEY)))), (b"", False), "packet")


if __name__ == "__main__":
    main(setup)
