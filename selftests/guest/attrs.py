#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
"""Bad forms of every attribute: short, long, out of range, duplicate, missing, unknown.

Each must be refused with the errno of the C module, on our module with a text that tells
why, and must leave everything as it was.
"""

import errno
import struct

from lib import ktap, net, ovs, packet
from lib.ktap import add, equal, find_module, main
from lib.netlink import CREATE, DUMP, Error, Socket, attr, be16, nest, s32, string, u16, u32, u8
from lib.ovs import (
    DEL, DP, EXECUTE, FLOW, GET, NEW, PACKET, SET, VPORT, Act, Datapath, Dp, Fl, Key, Pk, Vp, eth, eth_type, in_port,
    output, push_vlan, set_key, set_masked, userspace,
)

EINVAL, ERANGE, ENODEV, EFBIG, EOPNOTSUPP = errno.EINVAL, errno.ERANGE, errno.ENODEV, errno.EFBIG, errno.EOPNOTSUPP
EAFNOSUPPORT, EOVERFLOW, EMSGSIZE, EEXIST, ENOENT = (
    errno.EAFNOSUPPORT, errno.EOVERFLOW, errno.EMSGSIZE, errno.EEXIST, errno.ENOENT,
)

dp = None
state = None


def setup():
    global dp, state
    net.load()
    find_module()
    net.quiet_devices()
    dp = Datapath()
    net.veth("p1", "e1")
    dp.add("p1")
    dp.add("int0", Vp.INTERNAL)
    dp.flow(UDP4, output(1), attr(Fl.UFID, b"known"))
    state = snapshot()


def snapshot():
    """All that a request could have changed."""
    nl = Socket()
    found = []
    for family, ifindex in ((DP, 0), (VPORT, dp.ifindex), (FLOW, dp.ifindex)):
        for message in nl.request(family, GET, ifindex, flags=DUMP):
            # The statistics of devices are not ours to keep still.
            found.append([a for a in message.attrs if family != VPORT or a[0] != Vp.STATS])
    nl.close()
    with open("/proc/net/dev", encoding="ascii") as file:
        return found, sorted(line.split(":")[0].strip() for line in file.readlines()[2:])


def bad(number, family, cmd, attrs, flags, at_dp):
    global state
    try:
        dp.nl.request(family, cmd, dp.ifindex if at_dp else 0, *attrs, flags=flags)
    except Error as error:
        got = errno.errorcode[error.errno]
        equal(got, errno.errorcode[number], f"errno ({error.message})")
        after = snapshot()
        same, state = after == state, after
        if not same and not ktap.RUST:
            raise ktap.Skip("the C module refuses this, but keeps a part of it") from None
        equal(same, True, "everything as it was")
        if ktap.RUST and not error.message:
            raise ktap.Failure(f"{got} without extack text")
        return
    state = snapshot()
    raise ktap.Failure(f"it was accepted; {errno.errorcode[number]} was wanted")


def row(name, number, family, cmd, *attrs, flags=0, at_dp=True):
    add(name, bad, number, family, cmd, attrs, flags, at_dp)


# --- datapaths

NAME, PID = string(Dp.NAME, "new0"), u32(Dp.UPCALL_PID, 0)


def dp_new(what, number, *attrs):
    row(f"dp: {what}", number, DP, NEW, *attrs, at_dp=False)


def dp_set(what, number, *attrs):
    row(f"dp: {what}", number, DP, SET, *attrs)


dp_new("no NAME", EINVAL, PID)
dp_new("no UPCALL_PID", EINVAL, NAME)
dp_new("NAME empty", EINVAL, attr(Dp.NAME), PID)
dp_new("NAME not terminated", EINVAL, attr(Dp.NAME, b"new0"), PID)
dp_new("NAME too long", EINVAL, string(Dp.NAME, "x" * 16), PID)
dp_new("NAME long after its end", ERANGE, attr(Dp.NAME, b"new0" + bytes(16)), PID)
dp_new("NAME not a device's", EINVAL, string(Dp.NAME, "new/0"), PID)
dp_new("NAME taken", EEXIST, string(Dp.NAME, "p1"), PID)
dp_new("UPCALL_PID short", ERANGE, NAME, attr(Dp.UPCALL_PID, bytes(3)))
dp_new("USER_FEATURES short", ERANGE, NAME, PID, attr(Dp.USER_FEATURES, bytes(2)))
dp_new("USER_FEATURES unknown", EOPNOTSUPP, NAME, PID, u32(Dp.USER_FEATURES, 1 << 31))
dp_new("MASKS_CACHE_SIZE short", ERANGE, NAME, PID, attr(Dp.MASKS_CACHE_SIZE, bytes(3)))
dp_new("MASKS_CACHE_SIZE too big", ERANGE, NAME, PID, u32(Dp.MASKS_CACHE_SIZE, 1 << 20))
dp_new("MASKS_CACHE_SIZE odd", EINVAL, NAME, PID, u32(Dp.MASKS_CACHE_SIZE, 100))
dp_new("IFINDEX short", ERANGE, NAME, PID, attr(Dp.IFINDEX, bytes(2)))
dp_new("IFINDEX negative", ERANGE, NAME, PID, s32(Dp.IFINDEX, -1))
dp_new("IFINDEX taken", EEXIST, NAME, PID, s32(Dp.IFINDEX, 1))
dp_new("PER_CPU_PIDS empty", EINVAL, NAME, PID, u32(Dp.USER_FEATURES, 8), attr(Dp.PER_CPU_PIDS))
dp_set("PER_CPU_PIDS short", EINVAL, u32(Dp.USER_FEATURES, 8), attr(Dp.PER_CPU_PIDS, bytes(3)))
dp_set("USER_FEATURES unknown", EOPNOTSUPP, u32(Dp.USER_FEATURES, 16))
dp_set("MASKS_CACHE_SIZE too big", ERANGE, u32(Dp.MASKS_CACHE_SIZE, 4097))
dp_set("NAME unknown", ENODEV, string(Dp.NAME, "new0"))
row("dp: GET without anything", ENODEV, DP, GET, at_dp=False)
row("dp: DEL of a port", ENODEV, DP, DEL, string(Dp.NAME, "int0"), at_dp=False)

# --- ports

VNAME, VTYPE, VPID = string(Vp.NAME, "new1"), u32(Vp.TYPE, Vp.INTERNAL), u32(Vp.UPCALL_PID, 0)


def vp_new(what, number, *attrs):
    row(f"vport: {what}", number, VPORT, NEW, *attrs)


vp_new("no NAME", EINVAL, VTYPE, VPID)
vp_new("no TYPE", EINVAL, VNAME, VPID)
vp_new("no UPCALL_PID", EINVAL, VNAME, VTYPE)
vp_new("NAME not terminated", EINVAL, attr(Vp.NAME, b"new1"), VTYPE, VPID)
vp_new("NAME too long", EINVAL, string(Vp.NAME, "x" * 16), VTYPE, VPID)
vp_new("NAME long after its end", ERANGE, attr(Vp.NAME, b"new1" + bytes(16)), VTYPE, VPID)
vp_new("NAME not a device's", EINVAL, string(Vp.NAME, "new 1"), VTYPE, VPID)
vp_new("NAME taken", EEXIST, string(Vp.NAME, "p1"), VTYPE, VPID)
vp_new("TYPE short", ERANGE, VNAME, attr(Vp.TYPE, bytes(2)), VPID)
vp_new("TYPE unknown", EAFNOSUPPORT, VNAME, u32(Vp.TYPE, 99), VPID)
vp_new("UPCALL_PID empty", EINVAL, VNAME, VTYPE, attr(Vp.UPCALL_PID))
vp_new("UPCALL_PID short", EINVAL, VNAME, VTYPE, attr(Vp.UPCALL_PID, bytes(3)))
vp_new("UPCALL_PID not of pids", EINVAL, VNAME, VTYPE, attr(Vp.UPCALL_PID, bytes(6)))
vp_new("UPCALL_PID too many", EINVAL, VNAME, VTYPE, attr(Vp.UPCALL_PID, bytes(4 * 8193)))
vp_new("PORT_NO short", ERANGE, VNAME, VTYPE, VPID, attr(Vp.PORT_NO, bytes(3)))
vp_new("PORT_NO too big", EFBIG, VNAME, VTYPE, VPID, u32(Vp.PORT_NO, 65535))
vp_new("PORT_NO taken", errno.EBUSY, VNAME, VTYPE, VPID, u32(Vp.PORT_NO, 1))
vp_new("IFINDEX short", ERANGE, VNAME, VTYPE, VPID, attr(Vp.IFINDEX, bytes(1)))
vp_new("IFINDEX negative", ERANGE, VNAME, VTYPE, VPID, s32(Vp.IFINDEX, -1))
vp_new("IFINDEX of a device", EOPNOTSUPP, string(Vp.NAME, "e1"), u32(Vp.TYPE, Vp.NETDEV), VPID, s32(Vp.IFINDEX, 1))
row("vport: SET with OPTIONS", EOPNOTSUPP, VPORT, SET, u32(Vp.PORT_NO, 1), nest(Vp.OPTIONS))
row("vport: SET of another TYPE", EINVAL, VPORT, SET, u32(Vp.PORT_NO, 1), u32(Vp.TYPE, Vp.INTERNAL))
row("vport: SET with UPCALL_PID short", EINVAL, VPORT, SET, u32(Vp.PORT_NO, 1), attr(Vp.UPCALL_PID, bytes(2)))
row("vport: GET with nothing", EINVAL, VPORT, GET)
row("vport: GET with IFINDEX", EOPNOTSUPP, VPORT, GET, u32(Vp.PORT_NO, 1), s32(Vp.IFINDEX, 1))
row("vport: GET with PORT_NO too big", EFBIG, VPORT, GET, u32(Vp.PORT_NO, 65535))
row("vport: DEL of port 0", EINVAL, VPORT, DEL, u32(Vp.PORT_NO, 0))
row("vport: NEW in no datapath", ENODEV, VPORT, NEW, VNAME, VTYPE, VPID, at_dp=False)

# --- flows

UDP4 = in_port(1) + eth() + eth_type(0x0800) + ovs.ipv4(packet.A4, packet.B4, packet.UDP) + ovs.ports(Key.UDP, 1, 2)
UFID = attr(Fl.UFID, b"new")


def flow(what, number, *attrs):
    row(f"flow: {what}", number, FLOW, NEW, *attrs, flags=CREATE)


ACTIONS = attr(Fl.ACTIONS, output(1))
flow("no KEY", EINVAL, UFID, ACTIONS)
flow("no ACTIONS", EINVAL, UFID, attr(Fl.KEY, UDP4))
flow("KEY shorter than an attribute", ERANGE, attr(Fl.KEY, b"abc"), ACTIONS, UFID)
flow("KEY empty", EINVAL, attr(Fl.KEY), ACTIONS, UFID)
flow("UFID empty", ERANGE, attr(Fl.KEY, UDP4), ACTIONS, attr(Fl.UFID))
flow("UFID_FLAGS short", ERANGE, attr(Fl.KEY, UDP4), ACTIONS, attr(Fl.UFID_FLAGS, b"x"))
flow("PROBE not a flag", ERANGE, attr(Fl.KEY, UDP4), ACTIONS, u32(Fl.PROBE, 1))
flow("CLEAR not a flag", ERANGE, attr(Fl.KEY, UDP4), ACTIONS, u32(Fl.CLEAR, 1))
flow("exists", EEXIST, attr(Fl.KEY, UDP4), ACTIONS, attr(Fl.UFID, b"known"))
row("flow: SET with ACTIONS and no KEY", EINVAL, FLOW, SET, attr(Fl.UFID, b"known"), ACTIONS)
row("flow: SET of nothing", EINVAL, FLOW, SET)
row("flow: SET of an unknown one", ENOENT, FLOW, SET, UFID)
row("flow: GET of nothing", EINVAL, FLOW, GET)
row("flow: GET with UFID empty", ERANGE, FLOW, GET, attr(Fl.UFID))
row("flow: DEL of an unknown one", ENOENT, FLOW, DEL, UFID)
row("flow: DEL in no datapath", ENODEV, FLOW, DEL, at_dp=False)

# --- keys: numbers and lengths

SIZES = {
    "PRIORITY": 4, "IN_PORT": 4, "ETHERNET": 12, "VLAN": 2, "ETHERTYPE": 2, "IPV4": 12, "IPV6": 40, "TCP": 4, "UDP": 4,
    "ICMP": 2, "ICMPV6": 2, "ARP": 24, "ND": 28, "SKB_MARK": 4, "SCTP": 4, "TCP_FLAGS": 2, "DP_HASH": 4, "RECIRC_ID": 4,
    "CT_STATE": 4, "CT_ZONE": 2, "CT_MARK": 4, "CT_LABELS": 16, "CT_TUPLE4": 16, "CT_TUPLE6": 40, "IPV6_EXTHDRS": 2,
}


def key(what, number, data, *more):
    flow(f"key: {what}", number, attr(Fl.KEY, data), ACTIONS, UFID, *more)


def mask(what, number, data, given=UDP4):
    flow(f"mask: {what}", number, attr(Fl.KEY, given), attr(Fl.MASK, data), ACTIONS, UFID)


BASE = in_port(1) + eth()
for name, size in SIZES.items():
    kind = getattr(Key, name)
    key(f"{name} short", EINVAL, BASE + attr(kind, bytes(size - 1)))
    key(f"{name} long", EINVAL, BASE + attr(kind, bytes(size + 1)))
    key(f"{name} empty", EINVAL, BASE + attr(kind))
    key(f"{name} twice", EINVAL, BASE + attr(kind, bytes(size)) + attr(kind, bytes(size)))
    mask(f"{name} short", EINVAL, attr(kind, bytes(size - 1)))
    mask(f"{name} long", EINVAL, attr(kind, bytes(size + 1)))
for kind in (29, 30, 31, 33, 34, 100, 0x3FFF):
    key(f"unknown type {kind}", EINVAL, UDP4 + u32(kind, 0))
    mask(f"unknown type {kind}", EINVAL, u32(kind, 0))
key("type 0", EINVAL, UDP4 + attr(0, b"\1\1\1\1"))
key("bytes left over", EINVAL, UDP4 + b"\1\1")
key("attribute longer than the rest", EINVAL, UDP4 + struct.pack("=HHI", 99, Key.PRIORITY, 0))
key("attribute shorter than a header", EINVAL, UDP4 + struct.pack("=HHI", 3, Key.PRIORITY, 0))
mask("bytes left over", EINVAL, in_port(0xFFFFFFFF) + b"\1\1")

# --- keys: values and what belongs together

key("neither ETHERNET nor ETHERTYPE", EINVAL, in_port(1))
key("IN_PORT too big", EINVAL, in_port(65535) + eth())
key("ETHERTYPE is a length", EINVAL, BASE + eth_type(0x05FF))
key("IPV4 missing", EINVAL, BASE + eth_type(0x0800))
key("IPV4 with another type", EINVAL, BASE + eth_type(0x88B5) + ovs.ipv4())
key("IPV4 with unknown fragment", EINVAL, BASE + eth_type(0x0800) + ovs.ipv4(frag=3))
key("IPV6 missing", EINVAL, BASE + eth_type(0x86DD))
key("IPV6 with unknown fragment", EINVAL, BASE + eth_type(0x86DD) + ovs.ipv6(frag=3))
key("IPV6 with label too big", EINVAL, BASE + eth_type(0x86DD) + ovs.ipv6(label=1 << 20))
key("ARP missing", EINVAL, BASE + eth_type(0x0806))
key("ARP operation too big", EINVAL, BASE + eth_type(0x0806) + ovs.arp(op=256))
key("MPLS missing", EINVAL, BASE + eth_type(0x8847))
for size in (0, 3, 5, 16):
    key(f"MPLS of {size} octets", EINVAL, BASE + eth_type(0x8847) + attr(Key.MPLS, bytes(size)))
for proto, what in ((packet.TCP, "TCP"), (packet.UDP, "UDP"), (packet.SCTP, "SCTP"), (packet.ICMP, "ICMP")):
    key(f"{what} missing", EINVAL, BASE + eth_type(0x0800) + ovs.ipv4(proto=proto))
for proto, what in ((packet.TCP, "TCP"), (packet.UDP, "UDP"), (packet.SCTP, "SCTP"), (packet.ICMPV6, "ICMPV6")):
    key(f"{what} over IPv6 missing", EINVAL, BASE + eth_type(0x86DD) + ovs.ipv6(proto=proto))
key("TCP_FLAGS missing", EINVAL, BASE + eth_type(0x0800) + ovs.ipv4(proto=packet.TCP) + ovs.ports(Key.TCP, 0, 0))
key("ND missing", EINVAL, BASE + eth_type(0x86DD) + ovs.ipv6(proto=packet.ICMPV6) + attr(Key.ICMPV6, b"\x87\0"))
key("CT_STATE unknown", EINVAL, UDP4 + u32(Key.CT_STATE, 0x100))
INNER = eth_type(0x0800) + ovs.ipv4(proto=99)
key("VLAN missing", EINVAL, BASE + eth_type(0x8100) + nest(Key.ENCAP, INNER))
key("ENCAP missing", EINVAL, BASE + eth_type(0x8100) + be16(Key.VLAN, 0x1001))
key("ENCAP without VLAN", EINVAL, BASE + nest(Key.ENCAP, INNER))
key("VLAN without its type", EINVAL, BASE + eth_type(0x88B5) + be16(Key.VLAN, 0x1001) + nest(Key.ENCAP, INNER))
key("VLAN without the bit that says so", EINVAL, BASE + ovs.vlan(0x8100, 0x0001, INNER))
key("VLAN cut off, but with ENCAP", EINVAL, BASE + ovs.vlan(0x8100, 0, INNER))
key("VLAN: three", EINVAL, BASE + ovs.vlan(0x88A8, 0x1001, ovs.vlan(0x8100, 0x1002, ovs.vlan(0x8100, 0x1003, INNER))))
key("ENCAP: bad attribute within", EINVAL, BASE + ovs.vlan(0x8100, 0x1001, eth_type(0x0800) + attr(Key.IPV4, bytes(11))))
key("NSH missing", EINVAL, BASE + eth_type(0x894F))

mask("of a field that the key has not", EINVAL, ovs.ports(Key.TCP, 1, 1))
# A field of zeros is no field of a mask.
mask("of ND that the key has not", EINVAL, attr(Key.ND, b"\xff" * 28))
mask("UDP without its protocol", EINVAL, eth_type(0xFFFF) + ovs.ports(Key.UDP, 0xFFFF, 0xFFFF))
mask("IPV4 of a protocol in part", EINVAL, eth_type(0xFFFF) + ovs.ipv4(proto=0x0F) + ovs.ports(Key.UDP, 0xFFFF, 0))
mask("IPV4 without the type", EINVAL, ovs.ipv4(proto=0xFF))
mask("ENCAP of an untagged key", EINVAL, eth_type(0xFFFF) + be16(Key.VLAN, 0xFFFF) + nest(Key.ENCAP, eth_type(0xFFFF)))
TAGGED = BASE + ovs.vlan(0x8100, 0x1001, INNER)
mask("VLAN without ENCAP", EINVAL, eth(b"\xff" * 6) + eth_type(0xFFFF) + be16(Key.VLAN, 0xFFFF), TAGGED)
mask("VLAN type in part", EINVAL, eth(b"\xff" * 6) + ovs.vlan(0xFF00, 0xFFFF, eth_type(0xFFFF)), TAGGED)
mask("VLAN without the bit that says so", EINVAL, eth(b"\xff" * 6) + ovs.vlan(0xFFFF, 0x0FFF, eth_type(0xFFFF)), TAGGED)

# --- actions


def actions(what, number, data, given=UDP4):
    flow(f"actions: {what}", number, attr(Fl.KEY, given), attr(Fl.ACTIONS, data), UFID)
    row(f"execute: actions: {what}", number, PACKET, EXECUTE, attr(Pk.PACKET, packet.udp4()), attr(Pk.KEY, in_port(1)), attr(Pk.ACTIONS, data))


ACTION_SIZES = {
    "OUTPUT": 4, "PUSH_VLAN": 4, "POP_VLAN": 0, "RECIRC": 4, "HASH": 8, "PUSH_MPLS": 6, "POP_MPLS": 2, "TRUNC": 4,
    "PUSH_ETH": 12, "POP_ETH": 0, "CT_CLEAR": 0, "POP_NSH": 0, "METER": 4, "ADD_MPLS": 8, "DROP": 4,
}
for name, size in ACTION_SIZES.items():
    kind = getattr(Act, name)
    actions(f"{name} long", EINVAL, attr(kind, bytes(size + 4)))
    if size:
        actions(f"{name} short", EINVAL, attr(kind, bytes(size - 1)))
        actions(f"{name} empty", EINVAL, attr(kind))
for kind in (0, 26, 27, 100):
    actions(f"unknown type {kind}", EINVAL, u32(kind, 0))
actions("OUTPUT too big", EINVAL, output(65535))
actions("TRUNC too short", EINVAL, ovs.trunc(13))
actions("HASH unknown", EINVAL, attr(Act.HASH, struct.pack("=II", 2, 0)))
actions("PUSH_VLAN of another type", EINVAL, push_vlan(0x1001, 0x9100))
actions("PUSH_VLAN without the bit that says so", EINVAL, push_vlan(0x0001))
actions("PUSH_ETH over Ethernet", EINVAL, attr(Act.PUSH_ETH, bytes(12)))
actions("PUSH_MPLS of another type", EINVAL, attr(Act.PUSH_MPLS, struct.pack(">IH", 0, 0x0800)))
actions("PUSH_MPLS over VLAN", EINVAL, push_vlan(0x1001) + attr(Act.PUSH_MPLS, struct.pack(">IH", 0, 0x8847)))
actions("POP_MPLS of no MPLS", EINVAL, be16(Act.POP_MPLS, 0x0800))
actions("POP_ETH under VLAN", EINVAL, push_vlan(0x1001) + attr(Act.POP_ETH))
actions("POP_VLAN after POP_ETH", EINVAL, attr(Act.POP_ETH) + attr(Act.POP_VLAN))
actions("PUSH_VLAN after POP_ETH", EINVAL, attr(Act.POP_ETH) + push_vlan(0x1001))
actions("DROP not the last", EINVAL, u32(Act.DROP, 0) + output(1))
actions("USERSPACE without PID", EINVAL, attr(Act.USERSPACE))
actions("USERSPACE with PID 0", EINVAL, userspace(0))
actions("USERSPACE with PID short", ERANGE, nest(Act.USERSPACE, attr(1, b"\1\1")))
actions("USERSPACE with EGRESS_TUN_PORT short", ERANGE, userspace(1, attr(3, b"\1")))
actions("USERSPACE with unknown attribute", EINVAL, userspace(1, u32(9, 1)))
actions("SAMPLE empty", EINVAL, attr(Act.SAMPLE))
actions("SAMPLE without ACTIONS", EINVAL, nest(Act.SAMPLE, u32(1, 1)))
actions("SAMPLE without PROBABILITY", EINVAL, nest(Act.SAMPLE, attr(2)))
actions("SAMPLE with unknown attribute", EINVAL, nest(Act.SAMPLE, u32(1, 1), attr(2), attr(3)))
actions("SAMPLE with bad actions", EINVAL, nest(Act.SAMPLE, u32(1, 1), nest(2, output(65535))))
actions("CLONE with bad actions", EINVAL, nest(Act.CLONE, output(65535)))
actions("CHECK_PKT_LEN empty", EINVAL, attr(Act.CHECK_PKT_LEN))
actions("CHECK_PKT_LEN with one branch", EINVAL, nest(Act.CHECK_PKT_LEN, u16(1, 100), attr(2)))
actions("CHECK_PKT_LEN of 0", EINVAL, nest(Act.CHECK_PKT_LEN, u16(1, 0), attr(2), attr(3)))
actions("DEC_TTL empty", EINVAL, attr(Act.DEC_TTL))
actions("CT of no attribute that it knows", EINVAL, nest(Act.CT, u32(77, 1)))
actions("CT with ZONE short", EINVAL, nest(Act.CT, u8(2, 1)))

NESTED = output(1)
for _ in range(18):
    NESTED = nest(Act.CLONE, NESTED)
actions("nested too deep", EOVERFLOW, NESTED)

for name in ("PRIORITY", "SKB_MARK", "ETHERNET", "IPV4", "IPV6", "TCP", "UDP", "SCTP"):
    kind, size = getattr(Key, name), SIZES[name]
    actions(f"SET {name} short", EINVAL, set_key(attr(kind, bytes(size - 1))))
    actions(f"SET {name} long", EINVAL, set_key(attr(kind, bytes(size + 1))))
    actions(f"SET_MASKED {name} without mask", EINVAL, nest(Act.SET_MASKED, attr(kind, bytes(size))))
    actions(f"SET_MASKED {name} outside of the mask", EINVAL, set_masked(kind, b"\1" * size, bytes(size)))
for name in ("IN_PORT", "VLAN", "ETHERTYPE", "ICMP", "ARP", "ND", "RECIRC_ID", "DP_HASH", "TCP_FLAGS", "CT_STATE"):
    actions(f"SET of {name}", EINVAL, set_key(attr(getattr(Key, name), bytes(SIZES[name]))))
actions("SET empty", EINVAL, attr(Act.SET))
actions("SET of two", EINVAL, nest(Act.SET, u32(Key.PRIORITY, 1), u32(Key.SKB_MARK, 1)))
actions("SET of an unknown key", EINVAL, set_key(u32(99, 1)))
actions("SET of IPV6 in IPv4", EINVAL, set_key(ovs.ipv6(proto=packet.UDP)))
actions("SET of TCP in UDP", EINVAL, set_key(ovs.ports(Key.TCP, 1, 2)))
actions("SET of IPV4 with another protocol", EINVAL, set_key(ovs.ipv4(proto=packet.TCP)))
actions("SET of IPV4 with another fragment", EINVAL, set_key(ovs.ipv4(proto=packet.UDP, frag=1)))
actions("SET_MASKED of IPV4's protocol", EINVAL, set_masked(Key.IPV4, ovs.ipv4(proto=6)[4:], ovs.ipv4(proto=0xFF)[4:]))
actions("SET of Ethernet after POP_ETH", EINVAL, attr(Act.POP_ETH) + set_key(eth()))

# --- packets


def execute(what, number, *attrs):
    row(f"execute: {what}", number, PACKET, EXECUTE, *attrs)


DATA, PKEY, PACTIONS = attr(Pk.PACKET, packet.udp4()), attr(Pk.KEY, in_port(1)), attr(Pk.ACTIONS, output(1))
execute("no PACKET", EINVAL, PKEY, PACTIONS)
execute("no KEY", EINVAL, DATA, PACTIONS)
execute("no ACTIONS", EINVAL, DATA, PKEY)
execute("PACKET short", ERANGE, attr(Pk.PACKET, bytes(13)), PKEY, PACTIONS)
execute("PACKET empty", ERANGE, attr(Pk.PACKET), PKEY, PACTIONS)
execute("KEY shorter than an attribute", ERANGE, DATA, attr(Pk.KEY, b"abc"), PACTIONS)
execute("PROBE not a flag", ERANGE, DATA, PKEY, PACTIONS, u32(Pk.PROBE, 1))
execute("MRU short", ERANGE, DATA, PKEY, PACTIONS, u8(Pk.MRU, 1))
execute("HASH short", ERANGE, DATA, PKEY, PACTIONS, u32(Pk.HASH, 1))
execute("UPCALL_PID short", ERANGE, DATA, PKEY, PACTIONS, u8(Pk.UPCALL_PID, 1))
execute("IN_PORT too big", EINVAL, DATA, attr(Pk.KEY, in_port(65535)), PACTIONS)
execute("key type unknown", EINVAL, DATA, attr(Pk.KEY, u32(99, 1)), PACTIONS)
execute("key twice", EINVAL, DATA, attr(Pk.KEY, in_port(1) + in_port(1)), PACTIONS)
row("execute: in no datapath", ENODEV, PACKET, EXECUTE, DATA, PKEY, PACTIONS, at_dp=False)


if __name__ == "__main__":
    main(setup)
