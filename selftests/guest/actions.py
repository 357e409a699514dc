#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
"""Actions that decide what becomes of a packet, and how deep they can be nested."""

import errno
import logging
import os
import struct

# Scapy has something to say about the name server.
logging.disable(logging.WARNING)

from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP, UDP
from scapy.layers.inet import fragment as fragment_ip4
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.inet6 import fragment6 as fragment_ip6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from lib import ktap, net, overlay, ovs, packet
from lib.ktap import add, defer, equal, find_module, main, test, true
from lib.lab import Lab
from lib.netlink import Error, Socket, attr, nest, parse, u16, u32
from lib.ovs import Act, Key, Pk, output, recirc, refused, trunc

IP4, IP6 = 0x0800, 0x86DD
A, B = "02:00:00:00:0a:01", "02:00:00:00:0b:01"
lab = None


def setup():
    global lab
    os.sched_setaffinity(0, {0})
    net.load()
    find_module()
    net.quiet_devices()
    lab = Lab()


def ether(kind):
    return Ether(src=A, dst=B, type=kind)


def datagram(kind, size=64, ttl=64, sport=1000, dport=2000, swap=False, **fields):
    """An Ethernet frame with a UDP datagram, as scapy builds it."""
    ends = ("1", "2")[:: -1 if swap else 1]
    if kind == IP4:
        ip = IP(src=f"10.1.0.{ends[0]}", dst=f"10.1.0.{ends[1]}", id=7, ttl=ttl, **fields)
    else:
        ip = IPv6(src=f"fd01::{ends[0]}", dst=f"fd01::{ends[1]}", hlim=ttl, **fields)
    ports = (dport, sport) if swap else (sport, dport)
    return ether(kind) / ip / UDP(sport=ports[0], dport=ports[1]) / Raw(bytes(i & 255 for i in range(size)))


def both(name):
    """Decorator: a test for IPv4 and one for IPv6."""

    def wrap(function):
        for version, kind in (("IPv4", IP4), ("IPv6", IP6)):
            add(f"{version}: {name}", function, kind)
        return function

    return wrap


def clone(*actions):
    return nest(Act.CLONE, *actions)


def sample(probability, *actions):
    return nest(Act.SAMPLE, u32(1, probability), nest(2, *actions))


def check_pkt_len(size, greater=b"", less_equal=b""):
    return nest(Act.CHECK_PKT_LEN, u16(1, size), nest(2, greater), nest(3, less_equal))


def dec_ttl(*actions):
    return nest(Act.DEC_TTL, nest(1, *actions))


def hash_action(alg, basis=0):
    return attr(Act.HASH, struct.pack("=II", alg, basis))


def drop(error=0):
    return u32(Act.DROP, error)


ALWAYS, NEVER = 0xFFFFFFFF, 0

# The one action whose arguments are parsed strictly.
NESTED = 0x8000


@both("dec_ttl counts down, and its actions are for those that expire")
def decrement_ttl(kind):
    lab.both_ways(bytes(datagram(kind)), dec_ttl() + output(2), {2: [bytes(datagram(kind, ttl=63))]})
    lab.both_ways(bytes(datagram(kind, ttl=2)), dec_ttl() + output(2), {2: [bytes(datagram(kind, ttl=1))]})
    for ttl in (0, 1):
        data = bytes(datagram(kind, ttl=ttl))
        lab.both_ways(data, dec_ttl() + output(2), {})
        lab.both_ways(data, dec_ttl(output(3)) + output(2), {3: [data]})


@test
def decrement_ttl_others():
    """dec_ttl under a VLAN tag, and of what is not IP"""
    data = bytes(datagram(IP4))
    tagged = data[:12] + bytes.fromhex("81000064") + data[12:]
    wanted = bytes(datagram(IP4, ttl=63))
    wanted = wanted[:12] + bytes.fromhex("81000064") + wanted[12:]
    lab.both_ways(tagged, dec_ttl() + output(2), {2: [wanted]})
    for action in (dec_ttl(), dec_ttl(output(3))):
        data = packet.arp_request()
        lab.both_ways(data, action + output(2), {2: [data]})


@both("check_pkt_len chooses by the length of the frame")
def packet_length(kind):
    data = bytes(datagram(kind))
    size = len(data)
    for limit, port in ((size - 1, 3), (size, 2), (size + 1, 2)):
        lab.both_ways(data, check_pkt_len(limit, output(3), output(2)), {port: [data]})
        lab.both_ways(data, check_pkt_len(limit, output(3), output(2)) + output(1), {port: [data], 1: [data]})
    # What is done to the packet inside is not done to it outside.
    other = bytes(datagram(kind, ttl=63))
    lab.both_ways(data, check_pkt_len(size, b"", dec_ttl() + output(2)) + output(3), {2: [other], 3: [data]})
    lab.both_ways(data, check_pkt_len(size), {})


@test
def packet_length_mru():
    """check_pkt_len of a packet that was put together counts its largest fragment"""
    data = bytes(datagram(IP4, 3000))
    for mru, port in ((1486, 2), (1487, 3)):
        lab.dp.execute(data, check_pkt_len(1500, output(3), trunc(100) + output(2)), u16(Pk.MRU, mru))
        if port == 2:
            lab.expect({2: [data[:100]]})
        else:
            # It goes out as fragments.
            true(len(receive(3)) == 3, "fragments")
            lab.expect({})


def receive(port, wanted=3):
    found = []
    while len(found) < wanted and (data := lab.wires[port].receive()) is not None:
        found.append(data)
    return found


@test
def sampling():
    """sample: always, never, and now and then"""
    data = bytes(datagram(IP4))
    lab.both_ways(data, sample(ALWAYS, output(2)) + output(3), {2: [data], 3: [data]})
    lab.both_ways(data, sample(NEVER, output(2)) + output(3), {3: [data]})
    lab.both_ways(data, sample(ALWAYS, output(2)), {2: [data]})
    lab.both_ways(data, sample(NEVER, output(2)), {})
    changed = bytes(datagram(IP4, ttl=63))
    lab.both_ways(data, sample(ALWAYS, dec_ttl() + output(2)) + output(3), {2: [changed], 3: [data]})
    # Of 800 a quarter, give or take five standard deviations.
    lab.dp.execute(data, sample(ALWAYS // 4, output(2)) * 800)
    lab.dp.execute(lab_marker(), output(2))
    got = 0
    while lab.wires[2].receive() == data:
        got += 1
    true(139 <= got <= 261, f"{got} of 800 were sampled")


def lab_marker():
    return bytes(datagram(IP4, sport=1))


@test
def clones():
    """clone: what happens in it stays in it"""
    data, changed = bytes(datagram(IP4)), bytes(datagram(IP4, ttl=63))
    lab.both_ways(data, clone(dec_ttl() + output(2)) + output(3), {2: [changed], 3: [data]})
    lab.both_ways(data, output(3) + clone(dec_ttl() + output(2)), {2: [changed], 3: [data]})
    lab.both_ways(data, clone() + output(2), {2: [data]})
    lab.both_ways(data, clone(), {})
    # A length to cut to does not get out either.
    lab.both_ways(data, clone(trunc(20)) + output(2), {2: [data]})
    lab.both_ways(data, clone(trunc(20) + output(2)) + output(3), {2: [data[:20]], 3: [data]})


@test
def many_copies():
    """twenty copies that are changed each, one after the other"""
    data = bytes(datagram(IP4))
    actions = b"".join(clone(ovs.push_vlan(0x1000 | i) + output(2)) for i in range(1, 21))
    wanted = [data[:12] + struct.pack(">HH", 0x8100, i) + data[12:] for i in range(1, 21)]
    lab.both_ways(data, actions + output(3), {2: wanted, 3: [data]})


@test
def nested_copies():
    """copies of copies, as deep as can be, each with a change of its own"""
    data = bytes(datagram(IP4))
    inner = b""
    # DEC_TTL has a list of its own. The C module has no room for more than four.
    deep = 15 if ktap.RUST else 4
    for _ in range(deep):
        inner = clone(dec_ttl() + output(2) + inner) + output(3)
    lab.dp.execute(data, inner)
    lab.dp.execute(lab_marker(), output(2) + output(3))
    got = {2: [], 3: []}
    for port, found in got.items():
        while (frame := lab.wires[port].receive()) != lab_marker():
            true(frame is not None, f"nothing came out of port {port} any more")
            found.append(frame)
    # The C module defers some, so that they come in another order.
    equal(sorted(got[2]), sorted(bytes(datagram(IP4, ttl=64 - i)) for i in range(1, deep + 1)), "port 2")
    equal(sorted(got[3]), sorted(bytes(datagram(IP4, ttl=64 - i)) for i in range(deep)), "port 3")


@test
def nesting_limit():
    """lists of actions: sixteen within each other at most"""
    data = bytes(datagram(IP4))
    for wrap in (clone, lambda inner: sample(ALWAYS, inner)):
        actions = output(2)
        for _ in range(16):
            actions = wrap(actions)
        lab.dp.execute(data, actions)
        lab.expect({2: [data]})
        refused(errno.EOVERFLOW, lab.dp.execute, data, wrap(actions))


@test
def unsafe_actions():
    """what is refused is in the log and the answer, where tools look for it; in the log unless it is a probe"""

    def logged():
        text = net.run("dmesg")
        return text.count("ctions may not be safe on all matching packets")

    net.log_everything()
    before = logged()
    key = ovs.in_port(1) + ovs.eth() + ovs.eth_type(0x88B5)
    refused(errno.EINVAL, lab.dp.flow, key, drop() + output(1))
    equal(logged() - before, 1, "messages")
    refused(errno.EINVAL, lab.dp.flow, key, drop() + output(1), attr(ovs.Fl.PROBE))
    equal(logged() - before, 1, "messages")
    if ktap.RUST:
        try:
            lab.dp.flow(key, drop() + output(1))
        except Error as error:
            equal(error.message, "Flow actions may not be safe on all matching packets: DROP: not the last action of its list")
        before += 1
    lab.dp.flow(key, output(1), attr(ovs.Fl.UFID, b"unsafe"))
    refused(errno.EINVAL, lab.dp.request, ovs.FLOW, ovs.SET, attr(ovs.Fl.KEY, key), attr(ovs.Fl.ACTIONS, drop() + output(1)), attr(ovs.Fl.UFID, b"unsafe"))
    equal(logged() - before, 2, "messages")
    lab.dp.flush()


def unsafe(key, actions):
    """A flow is refused, and the log and the answer say why as tools know it."""
    before = net.run("dmesg").count("Flow actions may not be safe on all matching packets")
    try:
        lab.dp.flow(key, actions)
    except Error as error:
        equal(errno.errorcode[error.errno], "EINVAL", f"errno ({error.message})")
        said = error.message or ""
        true(said.startswith("Flow actions may not be safe on all matching packets: ") or not ktap.RUST, f"extack: {said}")
    else:
        true(False, "it was not refused")
    after = net.run("dmesg").count("Flow actions may not be safe on all matching packets")
    equal(after - before, 1, "messages in the log")


def not_settable(data, kind, size):
    """A field of the packet cannot be set, neither all of it nor some bits."""
    net.log_everything()
    key = lab.key(data)
    value = bytes(range(1, size + 1))
    for actions in (ovs.set_key(attr(kind, value)), ovs.set_masked(kind, value, b"\xff" * size)):
        unsafe(key, actions + output(2))


NSH_PACKET = packet.pad(packet.ether(bytes((0x0F, 0xC6, 1, 3)) + bytes(20) + packet.udp4(), 0x894F))
for name, data, kind, size in (
    ("in_port", packet.udp4(), Key.IN_PORT, 4),
    ("eth_type", packet.udp4(), Key.ETHERTYPE, 2),
    ("vlan", packet.tagged(packet.udp4(), (0x8100, 5)), Key.VLAN, 2),
    ("tcp_flags", packet.tcp4(), Key.TCP_FLAGS, 2),
    ("icmp", packet.icmp4(), Key.ICMP, 2),
    ("icmpv6", packet.icmp6(), Key.ICMPV6, 2),
    ("arp", packet.arp_request(), Key.ARP, 24),
    ("nd", packet.neighbour_solicitation(), Key.ND, 28),
    ("nsh", NSH_PACKET, Key.NSH, 28),
    ("dp_hash", packet.udp4(), Key.DP_HASH, 4),
    ("recirc_id", packet.udp4(), Key.RECIRC_ID, 4),
    ("ct_state", packet.udp4(), Key.CT_STATE, 4),
    ("ct_zone", packet.udp4(), Key.CT_ZONE, 2),
    # What can be set, but this packet has not.
    ("tcp ports of a UDP datagram", packet.udp4(), Key.TCP, 4),
    ("sctp ports of a TCP segment", packet.tcp4(), Key.SCTP, 4),
    ("ipv6 header of IPv4", packet.udp4(), Key.IPV6, 40),
    ("mpls label of none", packet.udp4(), Key.MPLS, 4),
):
    add(f"set of {name}: refused", not_settable, data, kind, size)


@test
def tunnels_not_settable():
    """set of a tunnel: refused without destination or TTL, with ends of both versions, with what is of no tunnel"""
    net.log_everything()
    key = lab.key(packet.udp4())
    to4, to6 = overlay.dst("10.0.0.9"), overlay.dst("fd00::9")
    for attrs in (
        (),
        (to4,),
        (overlay.src("10.0.0.9"), overlay.ttl(64)),
        (to4, to6, overlay.ttl(64)),
        (to4, overlay.ttl(64), attr(40, b"1")),
        (to4, overlay.ttl(64), attr(overlay.Tun.ID, b"1")),
        (to4, overlay.ttl(64), overlay.geneve(overlay.geneve_option(1, b"abcd")[:-1])),
        (to4, overlay.ttl(64), overlay.geneve(overlay.geneve_option(1, b"abcd")), overlay.gbp(1)),
    ):
        unsafe(key, overlay.set_tunnel(*attrs) + output(2))
    unsafe(key, nest(Act.SET_MASKED, overlay.tunnel(to4, overlay.ttl(64))) + output(2))
    unsafe(key, ovs.set_key(overlay.tunnel(to4, overlay.ttl(64)) + u32(Key.PRIORITY, 1)) + output(2))


@both("20,000 bytes in fragments are looked up again, all of them")
def train(kind):
    data = datagram(kind, 20000)
    if kind == IP4:
        fragments = [bytes(ether(IP4) / fragment) for fragment in fragment_ip4(data[IP], 1480)]
    else:
        fragments = [bytes(part) for part in fragment_ip6(data, 1510)]
    true(len(fragments) > 13, f"{len(fragments)} fragments")
    lab.dp.flush()
    for number, actions in ((0, recirc(5) + recirc(6)), (5, output(2)), (6, output(3))):
        mask = u32(Key.RECIRC_ID, 0xFFFFFFFF) + ovs.in_port(0xFFFFFFFF) + ovs.eth(bytes(6), bytes(6)) + ovs.eth_type(0)
        lab.dp.flow(u32(Key.RECIRC_ID, number) + ovs.in_port(1) + ovs.eth() + ovs.eth_type(0x88B5), actions, mask=mask)
    for fragment in fragments:
        lab.wires[1].send(fragment)
    net.wait_for(lambda: lab.dp.stats()[0] >= 3 * len(fragments), "all hit")
    lab.expect({2: fragments, 3: fragments})


def dp_hash(data, action):
    """The hash that an action gives a packet, as the key of an upcall tells it."""
    lab.nl.pending()
    lab.dp.execute(data, action + recirc(77), key=ovs.in_port(1))
    key = dict(parse(lab.upcall().get(Pk.KEY)))
    equal(struct.unpack("=I", key[Key.RECIRC_ID])[0], 77, "recirculation id")
    return struct.unpack("=I", key[Key.DP_HASH])[0]


@both("hash: the same for a flow, another one for others, never zero")
def hashing(kind):
    lab.dp.flush()
    data = bytes(datagram(kind))
    for alg in (0, 1):
        first = dp_hash(data, hash_action(alg))
        true(first != 0, "it is not zero")
        equal(dp_hash(bytes(datagram(kind, size=70, ttl=3)), hash_action(alg)), first, "another packet of the flow")
        true(dp_hash(bytes(datagram(kind, sport=1001)), hash_action(alg)) != first, "another flow has another")
        true(dp_hash(data, hash_action(alg, 5)) != first, "another basis makes another")
        back = dp_hash(bytes(datagram(kind, swap=True)), hash_action(alg))
        if alg == 1:
            equal(back, first, "symmetric hash of the other direction")
    refused(errno.EINVAL, lab.dp.execute, data, hash_action(2) + output(1))


def hash_of_arriving(data, actions):
    """The hash that a packet which comes in gets by HASH after these actions."""
    lab.dp.flush()
    mask = u32(Key.RECIRC_ID, 0xFFFFFFFF) + ovs.in_port(0xFFFFFFFF) + ovs.eth(bytes(6), bytes(6)) + ovs.eth_type(0xFFFF)
    key = u32(Key.RECIRC_ID, 0) + ovs.in_port(1) + ovs.eth() + ovs.eth_type(IP4) + ovs.ipv4(proto=packet.UDP) + ovs.ports(Key.UDP, 1, 2)
    lab.dp.flow(key, actions + hash_action(0) + recirc(79), mask=mask)
    lab.nl.pending()
    lab.wires[1].send(data)
    key = dict(parse(lab.upcall().get(Pk.KEY)))
    equal(struct.unpack("=I", key[Key.RECIRC_ID])[0], 79, "recirculation id")
    return struct.unpack("=I", key[Key.DP_HASH])[0]


@test
def hash_before():
    """hash: what it was when the packet came in, whatever was put in front meanwhile"""
    label = attr(Act.PUSH_MPLS, struct.pack(">IHxx", 0x1140, 0x8847))
    for sport in range(1000, 1004):
        data = bytes(datagram(IP4, sport=sport))
        plain = hash_of_arriving(data, b"")
        for what, actions in (("VLAN tag", ovs.push_vlan(0x1064)), ("two tags", 2 * ovs.push_vlan(0x1064)), ("MPLS label", label)):
            equal(hash_of_arriving(data, actions), plain, f"behind a {what}, port {sport}")


@test
def hash_behind_label():
    """hash: packets with the same label do not all have the same one"""
    label = attr(Act.PUSH_MPLS, struct.pack(">IHxx", 0x1140, 0x8847))
    hashes = {dp_hash(bytes(datagram(IP4, sport=sport)), label + hash_action(0)) for sport in range(1000, 1008)}
    true(len(hashes) > 1, "only one hash")


def jhash_1word(word, initval):
    """As the kernel has it."""

    def rol(value, by):
        return (value << by | value >> 32 - by) & 0xFFFFFFFF

    init = initval + 0xDEADBEEF + 4
    a, b, c = (word + init) & 0xFFFFFFFF, init & 0xFFFFFFFF, init & 0xFFFFFFFF
    for x, y, by in (("c", "b", 14), ("a", "c", 11), ("b", "a", 25), ("c", "b", 16), ("a", "c", 4), ("b", "a", 14), ("c", "b", 24)):
        v = {"a": a, "b": b, "c": c}
        v[x] = ((v[x] ^ v[y]) - rol(v[y], by)) & 0xFFFFFFFF
        a, b, c = v["a"], v["b"], v["c"]
    return c


@test
def hash_given():
    """hash of a packet whose own hash user space tells"""
    data = bytes(datagram(IP4))
    for own, basis in ((0x12345678, 0), (1, 0xFFFFFFFF)):
        lab.nl.pending()
        given = attr(Pk.HASH, struct.pack("=Q", own | 3 << 32))
        lab.dp.execute(data, hash_action(0, basis) + recirc(78), given, key=ovs.in_port(1))
        key = dict(parse(lab.upcall().get(Pk.KEY)))
        equal(struct.unpack("=I", key[Key.DP_HASH])[0], jhash_1word(own, basis), "hash")


@test
def conntrack_clear():
    """ct_clear forgets what the key has of a connection"""
    data = bytes(datagram(IP4))
    key = ovs.in_port(1) + u32(Key.CT_STATE, 0x22) + u16(Key.CT_ZONE, 5) + u32(Key.CT_MARK, 6) + attr(Key.CT_LABELS, b"7" * 16)
    lab.nl.pending()
    lab.dp.execute(data, recirc(79), key=key)
    got = dict(parse(lab.upcall().get(Pk.KEY)))
    equal((got[Key.CT_STATE], got[Key.CT_MARK]), (struct.pack("=I", 0x22), struct.pack("=I", 6)), "state and mark")
    lab.dp.execute(data, attr(Act.CT_CLEAR) + recirc(80), key=key)
    got = dict(parse(lab.upcall().get(Pk.KEY)))
    equal([got[k].strip(b"\0") for k in (Key.CT_STATE, Key.CT_ZONE, Key.CT_MARK, Key.CT_LABELS)], [b""] * 4, "fields")


@test
def set_metadata():
    """set of priority and mark, whole and masked, as the key has them afterwards"""
    data = bytes(datagram(IP4))
    key = ovs.in_port(1) + u32(Key.PRIORITY, 0xF0F0) + u32(Key.SKB_MARK, 0xFF00FF)
    actions = ovs.set_masked(Key.PRIORITY, struct.pack("=I", 0x0F), struct.pack("=I", 0xFF))
    actions += ovs.set_key(u32(Key.SKB_MARK, 3)) + recirc(81)
    lab.nl.pending()
    lab.dp.execute(data, actions, key=key)
    got = dict(parse(lab.upcall().get(Pk.KEY)))
    equal((got[Key.PRIORITY], got[Key.SKB_MARK]), (struct.pack("=I", 0xF00F), struct.pack("=I", 3)), "priority and mark")


class Samples:
    """What psample tells its listeners."""

    ORIGSIZE, GROUP, GROUP_SEQ, RATE, DATA = 2, 3, 4, 5, 6
    IIFINDEX, COOKIE = 0, 15

    def __init__(self):
        self.nl = Socket()
        defer(self.nl.close)
        group = self.nl.family("psample")[2]["packets"]
        self.nl.sock.setsockopt(270, 1, group)

    def next(self):
        data = self.nl.receive()[0]
        return dict(parse(data[20:]))


def psample(group, cookie=None):
    return nest(Act.PSAMPLE | NESTED, u32(1, group), *([attr(2, cookie)] if cookie else []))


@test
def psampling():
    """psample: packets for collectors, cut off or whole, with cookie and probability"""
    net.run("modprobe", "psample")
    listener = Samples()
    data = bytes(datagram(IP4))
    lab.both_ways(data, psample(42, b"cookie") + output(2), {2: [data]})
    for _ in range(2):
        got = listener.next()
        equal(struct.unpack("=I", got[Samples.GROUP])[0], 42, "group")
        equal(got[Samples.DATA].hex(), data.hex(), "packet")
        equal(struct.unpack("=I", got[Samples.ORIGSIZE])[0], len(data), "size")
        equal(got[Samples.COOKIE], b"cookie", "cookie")
        equal(struct.unpack("=I", got[Samples.RATE])[0], ALWAYS, "probability")
        equal(struct.unpack("=H", got[Samples.IIFINDEX][:2])[0], net.ifindex("p1"), "interface")
    # The length to cut to holds once.
    lab.dp.execute(data, trunc(30) + psample(1) + output(2))
    got = listener.next()
    equal(got[Samples.DATA].hex(), data[:30].hex(), "packet")
    true(Samples.COOKIE not in got, "no cookie")
    lab.expect({2: [data]})
    lab.dp.execute(data, sample(0xFFFFFFFE, psample(1)) + psample(2))
    got = [listener.next(), listener.next()]
    equal([struct.unpack("=I", g[Samples.GROUP])[0] for g in got], [1, 2], "groups")
    equal([struct.unpack("=I", g[Samples.RATE])[0] for g in got], [0xFFFFFFFE, ALWAYS], "probabilities")
    refused(errno.EINVAL, lab.dp.execute, data, nest(Act.PSAMPLE | NESTED, attr(2, b"x")))
    lab.expect({})


def fragments(kind, data, mru, front=14):
    """The fragments of a frame, as scapy cuts them; the IPv6 ones have identification zero."""
    frame, payload = data[:front], data[front:]
    if kind == IP4:
        ip = IP(payload)
        size = (mru - 20) // 8 * 8
        rest, found = bytes(ip.payload), []
        for at in range(0, len(rest), size):
            piece = rest[at : at + size]
            head = IP(payload[:20])
            head.frag, head.flags = at // 8, "MF" if at + size < len(rest) else 0
            del head.len
            del head.chksum
            found.append(frame + bytes(head / Raw(piece)))
        return found
    ip = IPv6(payload)
    size = (mru - 48) // 8 * 8
    rest, found = bytes(ip.payload), []
    for at in range(0, len(rest), size):
        piece = rest[at : at + size]
        head = IPv6(payload[:40])
        head.nh = 44
        del head.plen
        more = int(at + size < len(rest))
        found.append(frame + bytes(head / IPv6ExtHdrFragment(nh=17, offset=at // 8, m=more, id=0) / Raw(piece)))
    return found


def without_id(kind, frame, front=14):
    """The fragment without the identification that the kernel chose."""
    at = front + 44
    return frame if kind == IP4 else frame[:at] + bytes(4) + frame[at + 4 :]


@both("fragmented on output as it was received, by MRU")
def fragmentation(kind):
    data = bytes(datagram(kind, 4000))
    for mru in (1500, 1400):
        lab.dp.execute(data, output(2) + output(3), u16(Pk.MRU, mru))
        wanted = fragments(kind, data, mru)
        for port in (2, 3):
            got = receive(port, len(wanted))
            equal([without_id(kind, g).hex() for g in got], [w.hex() for w in wanted], f"fragments out of port {port}")
        lab.expect({})
    # What is short enough goes out as it is.
    data = bytes(datagram(kind, 1000))
    lab.dp.execute(data, output(2), u16(Pk.MRU, 1500))
    lab.expect({2: [data]})


@both("fragments have the VLAN tags of the packet")
def fragmentation_vlan(kind):
    plain = bytes(datagram(kind, 3000))
    tag, other = struct.pack(">HH", 0x8100, 0x2064), struct.pack(">HH", 0x88A8, 0x0005)
    both_tags = plain[:12] + other + tag + plain[12:]
    cases = [(tag, plain, ovs.push_vlan(0x3064)), (other + tag, both_tags, b"")]
    if ktap.RUST:
        # The C module takes the inner tag for the IP header.
        cases.append((other + tag, plain, ovs.push_vlan(0x3064) + ovs.push_vlan(0x1005, 0x88A8)))
    for tags, data, actions in cases:
        lab.dp.execute(data, actions + output(2), u16(Pk.MRU, 1500))
        wanted = [w[:12] + tags + w[12:] for w in fragments(kind, plain, 1500)]
        got = receive(2, len(wanted))
        equal([without_id(kind, g, 14 + len(tags)).hex() for g in got], [w.hex() for w in wanted], "fragments")
    lab.expect({})


@both("fragments have the MPLS labels of the packet")
def fragmentation_mpls(kind):
    plain = bytes(datagram(kind, 3000))
    entries = bytes(MPLS(label=2, s=0, ttl=9) / MPLS(label=1, s=1, ttl=9))
    actions = b"".join(attr(Act.PUSH_MPLS, e + struct.pack(">Hxx", 0x8847)) for e in (entries[4:], entries[:4]))
    lab.dp.execute(plain, actions + output(2), u16(Pk.MRU, 1400))
    wanted = [w[:12] + b"\x88\x47" + entries + w[14:] for w in fragments(kind, plain, 1400)]
    got = receive(2, len(wanted))
    equal([without_id(kind, g, 22).hex() for g in got], [w.hex() for w in wanted], "fragments")
    lab.expect({})


@both("what is longer than the port takes is dropped")
def fragmentation_mtu(kind):
    data = bytes(datagram(kind, 3000))
    net.ip("link set p2 mtu 1400")
    defer(net.ip, "link set p2 mtu 9000")
    lab.dp.execute(data, output(2), u16(Pk.MRU, 1500))
    lab.expect({})
    lab.dp.execute(data, output(2))
    lab.expect({})
    lab.dp.execute(data, output(2), u16(Pk.MRU, 1400))
    equal(len(receive(2)), 3, "fragments")
    lab.expect({})


@test
def fragmentation_impossible():
    """what cannot be fragmented is dropped"""
    if not ktap.RUST:
        raise ktap.Skip("the C module has a WARNING to say")
    data = bytes(ether(0x88B5)) + bytes(3000)
    lab.dp.execute(data, output(2), u16(Pk.MRU, 1500))
    lab.expect({})
    # Four labels are too much to put before each fragment.
    data = bytes(datagram(IP4, 3000))
    actions = attr(Act.PUSH_MPLS, bytes(4) + struct.pack(">Hxx", 0x8847)) * 5
    lab.dp.execute(data, actions + output(2), u16(Pk.MRU, 1500))
    lab.expect({})


if __name__ == "__main__":
    main(setup)
