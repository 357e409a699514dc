# SPDX-License-Identifier: GPL-2.0
"""Messages by chance, for all families: valid ones with attributes changed, lost, doubled, moved, nested."""

import random
import struct

from lib import ovs, packet
from lib.netlink import CREATE, DUMP, ECHO, EXCL, REPLACE, attr, nest, parse, string, u16, u32
from lib.ovs import DEL, DP, EXECUTE, FLOW, GET, NEW, PACKET, SET, VPORT, Act, Dp, Feature, Fl, Key, Pk, Vp, output

METER, LIMIT = "ovs_meter", "ovs_ct_limit"
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x1000, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def keys():
    """Flow keys of many kinds."""
    link = ovs.in_port(1) + ovs.eth()
    tcp = ovs.ports(Key.TCP, 80, 4000) + attr(Key.TCP_FLAGS, b"\0\x02")
    yield link + ovs.eth_type(0x0800) + ovs.ipv4(packet.A4, packet.B4, packet.UDP, 0, 64) + ovs.ports(Key.UDP, 1, 2)
    yield link + ovs.eth_type(0x0800) + ovs.ipv4(packet.A4, packet.B4, packet.TCP, 0, 64) + tcp
    yield link + ovs.eth_type(0x86DD) + ovs.ipv6(packet.A6, packet.B6, 5, packet.SCTP, 0, 64) + ovs.ports(Key.SCTP, 1, 2)
    nd = attr(Key.ICMPV6, bytes((135, 0))) + attr(Key.ND, bytes(28))
    yield link + ovs.eth_type(0x86DD) + ovs.ipv6(packet.A6, packet.B6, 0, packet.ICMPV6, 0, 255) + nd
    yield link + ovs.eth_type(0x0806) + ovs.arp(op=1)
    yield link + ovs.vlan(0x88A8, 0x1005, ovs.vlan(0x8100, 0x1007, ovs.eth_type(0x0800) + ovs.ipv4()))
    yield link + ovs.eth_type(0x8847) + attr(Key.MPLS, bytes(12))
    yield link + ovs.eth_type(0x894F) + nest(Key.NSH, attr(1, bytes((0, 63, 1, 3, 0, 0, 1, 5))), attr(2, bytes(16)))
    tunnel = nest(Key.TUNNEL, attr(0, bytes(8)), attr(1, bytes((10, 0, 0, 1))), attr(2, bytes((10, 0, 0, 2))), attr(4, b"\x40"), attr(8, bytes(8)))
    yield u32(Key.RECIRC_ID, 3) + u32(Key.DP_HASH, 9) + u32(Key.PRIORITY, 1) + tunnel + u32(Key.SKB_MARK, 4) + link + ovs.eth_type(0x88B5)
    conntrack = u32(Key.CT_STATE, 0x21) + u16(Key.CT_ZONE, 5) + u32(Key.CT_MARK, 7) + attr(Key.CT_LABELS, bytes(16))
    yield conntrack + link + ovs.eth_type(0x0800) + ovs.ipv4(proto=packet.ICMP) + attr(Key.ICMP, b"\x08\0")


def actions():
    """Lists of actions of many kinds."""
    yield output(2)
    yield ovs.push_vlan(0x1064) + ovs.push_vlan(0x1065, 0x88A8) + output(2) + ovs.POP_VLAN + output(3)
    yield nest(Act.SAMPLE, u32(1, 0x7FFFFFFF), nest(2, output(2), ovs.recirc(3))) + output(3)
    yield nest(Act.CLONE, ovs.trunc(60), output(2), nest(Act.CLONE, ovs.recirc(5))) + ovs.recirc(4)
    yield nest(Act.CHECK_PKT_LEN, u16(1, 100), nest(2, output(2)), nest(3, output(3)))
    yield nest(Act.DEC_TTL, nest(1, output(3))) + output(2)
    yield ovs.set_key(ovs.ipv4(packet.B4, packet.A4, packet.UDP, 4, 9)) + output(2)
    yield ovs.set_masked(Key.ETHERNET, bytes(12), b"\xff" * 12) + ovs.set_masked(Key.UDP, bytes(4), b"\xff\0\0\0")
    yield ovs.userspace(1, ovs.userdata(b"12345678"), attr(4), u32(3, 2)) + u32(Act.METER, 5)
    yield nest(Act.PUSH_MPLS, struct.pack(">IH", 0x1140, 0x8847) + bytes(2)) + attr(Act.POP_MPLS, b"\x08\0")
    yield attr(Act.POP_ETH) + attr(Act.PUSH_ETH, bytes(12)) + attr(Act.HASH, bytes(8))
    yield nest(Act.PUSH_NSH, nest(Key.NSH, attr(1, bytes((0, 63, 1, 3, 0, 0, 1, 5))), attr(2, bytes(16)))) + attr(Act.POP_NSH)
    yield nest(Act.PSAMPLE | 0x8000, u32(1, 7), attr(2, b"cookie")) + u32(Act.DROP, 1)
    yield nest(Act.CT, attr(1), u16(2, 7), attr(3, bytes(8)), nest(6, attr(1), attr(3, bytes(4)))) + attr(Act.CT_CLEAR)
    yield ovs.set_key(nest(Key.TUNNEL, attr(0, bytes(8)), attr(2, bytes((10, 0, 0, 2))), attr(4, b"\x40"), attr(8, bytes(8)))) + output(2)


def messages(name):
    """Valid messages: family, command, and bytes of attributes."""
    ufid = attr(Fl.UFID, b"0123456789abcdef")
    yield DP, NEW, string(Dp.NAME, name) + u32(Dp.UPCALL_PID, 0) + u32(Dp.USER_FEATURES, Feature.UNALIGNED)
    yield DP, SET, u32(Dp.USER_FEATURES, 11) + attr(Dp.PER_CPU_PIDS, bytes(8)) + u32(Dp.MASKS_CACHE_SIZE, 512)
    yield DP, GET, string(Dp.NAME, name)
    yield DP, DEL, string(Dp.NAME, name)
    yield VPORT, NEW, string(Vp.NAME, name + "x") + u32(Vp.TYPE, Vp.INTERNAL) + u32(Vp.UPCALL_PID, 5) + u32(Vp.PORT_NO, 9)
    yield VPORT, NEW, string(Vp.NAME, "lo") + u32(Vp.TYPE, Vp.NETDEV) + attr(Vp.UPCALL_PID, bytes(8))
    yield VPORT, NEW, string(Vp.NAME, name + "v") + u32(Vp.TYPE, 4) + u32(Vp.UPCALL_PID, 0) + nest(Vp.OPTIONS, u16(1, 4789))
    yield VPORT, SET, string(Vp.NAME, name + "x") + attr(Vp.UPCALL_PID, bytes(12))
    yield VPORT, DEL, u32(Vp.PORT_NO, 9)
    yield VPORT, GET, u32(Vp.PORT_NO, 0)
    for key in keys():
        yield FLOW, NEW, attr(Fl.KEY, key) + attr(Fl.ACTIONS, output(2)) + ufid
        yield FLOW, NEW, attr(Fl.KEY, key) + attr(Fl.MASK, key) + attr(Fl.ACTIONS, b"")
        yield FLOW, GET, attr(Fl.KEY, key) + u32(Fl.UFID_FLAGS, 7)
    for list_ in actions():
        key = next(keys())
        yield FLOW, NEW, attr(Fl.KEY, key) + attr(Fl.ACTIONS, list_) + ufid
        yield FLOW, SET, attr(Fl.KEY, key) + attr(Fl.ACTIONS, list_) + ufid + attr(Fl.CLEAR)
        for data in (packet.udp4(), packet.ether(packet.ipv6(packet.icmpv6(), packet.ICMPV6), 0x86DD)):
            yield PACKET, EXECUTE, attr(Pk.PACKET, data) + attr(Pk.KEY, key) + attr(Pk.ACTIONS, list_) + u16(Pk.MRU, 1400)
    yield FLOW, DEL, ufid
    yield METER, SET, u32(1, 5) + attr(2) + nest(4, nest(1, u32(1, 1), u32(2, 1000), u32(3, 10)))
    yield METER, GET, u32(1, 5)
    yield METER, DEL, u32(1, 5)
    yield LIMIT, SET, nest(1, struct.pack("=iII", 3, 10, 0))
    yield LIMIT, GET, nest(1, struct.pack("=iII", -1, 0, 0))


def tree(data):
    """Attributes as lists: [type, bytes or such a list]. What might be attributes is taken for them."""
    try:
        found = parse(data)
    except ValueError:
        return data
    if not found or sum((len(payload) + 7) & ~3 for _, payload in found) != len(data):
        return data
    return [[kind, tree(payload)] for kind, payload in found]


def flat(node):
    if isinstance(node, bytes):
        return node
    parts = []
    for kind, payload, *size in node:
        payload = flat(payload)
        size = size[0] if size else len(payload) + 4
        parts.append(struct.pack("=HH", size & 0xFFFF, kind & 0xFFFF) + payload + bytes(-len(payload) % 4))
    return b"".join(parts)


def lists(node):
    """The list and all those in it."""
    yield node
    for item in node:
        if isinstance(item[1], list):
            yield from lists(item[1])


class Fuzzer:
    """Makes messages by chance."""

    def __init__(self, seed, name):
        self.chance = random.Random(seed)
        self.seeds = [(family, cmd, tree(data)) for family, cmd, data in messages(name)]

    def value(self, old):
        """Other bytes in the place of some."""
        chance, data = self.chance, bytearray(old)
        kind = chance.randrange(6)
        if kind == 0 or not data:
            return chance.randbytes(chance.choice((0, 1, 2, 3, 4, 5, 8, 12, 16, 28, 40, 255, 1000)))
        at = chance.randrange(len(data))
        if kind == 1:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            data[at:] = b""
        elif kind == 3:
            data += chance.randbytes(chance.randrange(1, 9))
        else:
            size = chance.choice((1, 2, 4))
            number = chance.choice(NUMBERS) & ((1 << 8 * size) - 1)
            data[at : at + size] = number.to_bytes(size, chance.choice(("little", "big")))
        return bytes(data)

    def mutate(self, node):
        """Changes one thing in a tree."""
        chance = self.chance
        where = chance.choice(list(lists(node)))
        if not where:
            where.append([chance.randrange(40), b""])
        index = chance.randrange(len(where))
        item, kind = where[index], chance.randrange(10)
        if kind == 0:
            del where[index]
        elif kind == 1:
            where.insert(chance.randrange(len(where) + 1), list(item))
        elif kind == 2:
            chance.shuffle(where)
        elif kind == 3:
            item[0] = chance.choice((item[0] ^ 0x8000, item[0] + 1, item[0] - 1, chance.randrange(40), 0x3FFF))
        elif kind == 4:
            other = chance.choice(list(lists(chance.choice(self.seeds)[2])))
            where.insert(index, list(chance.choice(other)) if other else [0, b""])
        elif kind == 5:
            for _ in range(chance.choice((1, 2, 16, 40))):
                item[1] = [[item[0], item[1]]]
        elif kind == 6:
            item[2:] = [chance.choice((0, 3, 4, 5, len(flat(item[1])) + chance.randrange(-3, 9), 0xFFFF))]
        else:
            item[1] = self.value(flat(item[1]))

    def message(self, dp_ifindex):
        """(family, flags, payload)"""
        chance = self.chance
        family, cmd, seed = chance.choice(self.seeds)
        node = tree(flat(seed))
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 8))):
            if isinstance(node, list):
                self.mutate(node)
        if chance.randrange(20) == 0:
            cmd = chance.randrange(8)
        if chance.randrange(30) == 0:
            dp_ifindex = chance.choice((0, -1, 1, dp_ifindex + 1))
        flags = chance.choice((0, CREATE, CREATE, CREATE | EXCL, ECHO, CREATE | ECHO, REPLACE, DUMP))
        return family, flags, struct.pack("=BBHi", cmd, chance.choice((1, 2)), 0, dp_ifindex) + flat(node)
