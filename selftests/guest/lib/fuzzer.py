# SPDX-License-Identifier: GPL-2.0
"""Messages by chance, for all families: valid ones with attributes changed, lost, doubled, moved, nested."""

import contextlib
import os
import struct
import subprocess

from lib import ovs, packet
from lib.netlink import Error, attr, nest, string, u16, u32
from lib.ovs import DEL, DP, EXECUTE, FLOW, GET, NEW, PACKET, SET, VPORT, Act, Dp, Feature, Fl, Key, Pk, Vp, output

METER, LIMIT = "ovs_meter", "ovs_ct_limit"
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../random-messages")


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


def actions(probability):
    """Lists of actions of many kinds."""
    yield output(2)
    yield ovs.push_vlan(0x1064) + ovs.push_vlan(0x1065, 0x88A8) + output(2) + ovs.POP_VLAN + output(3)
    yield nest(Act.SAMPLE, u32(1, probability), nest(2, output(2), ovs.recirc(3))) + output(3)
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


def messages(name, probability):
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
    for list_ in actions(probability):
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


class Fuzzer:
    """Makes messages by chance, by a program of its own (rust/odp/examples/random-messages.rs): Python is too slow."""

    def __init__(self, seed, name, nl, probability=0x7FFFFFFF):
        """`probability` of samples."""
        self.families = {}
        for family in (DP, VPORT, FLOW, PACKET, METER, LIMIT):
            # Of a module's build without connection tracking.
            with contextlib.suppress(Error):
                self.families[family] = nl.family(family)[0]
        self.program = subprocess.Popen([PROGRAM, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for family, cmd, attrs in messages(name, probability):
            if family in self.families:
                self.program.stdin.write(struct.pack("=HBxI", self.families[family], cmd, len(attrs)) + attrs)
        self.program.stdin.write(bytes(8))

    def close(self):
        self.program.stdin.close()
        self.program.stdout.close()
        self.program.wait()

    def messages(self, dp_ifindex, count):
        """Some messages, with their headers, to be sent at once."""
        self.program.stdin.write(struct.pack("=iI", dp_ifindex, count))
        self.program.stdin.flush()
        return self.program.stdout.read(*struct.unpack("=I", self.program.stdout.read(4)))
