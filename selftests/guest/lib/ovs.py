# SPDX-License-Identifier: GPL-2.0
"""The numbers of the datapath's netlink interface, and its everyday requests."""

import errno
import socket
import struct

from lib import ktap, packet
from lib.ktap import defer, equal, true
from lib.netlink import CREATE, DUMP, ECHO, Error, Socket, attr, be16, nest, parse, string, u16, u32, u8  # noqa: F401

DP, VPORT, FLOW, PACKET = "ovs_datapath", "ovs_vport", "ovs_flow", "ovs_packet"
NEW, DEL, GET, SET = 1, 2, 3, 4
MISS, ACTION, EXECUTE = 1, 2, 3


class Dp:
    NAME, UPCALL_PID, STATS, MEGAFLOW_STATS, USER_FEATURES = 1, 2, 3, 4, 5
    MASKS_CACHE_SIZE, PER_CPU_PIDS, IFINDEX = 7, 8, 9


class Feature:
    UNALIGNED, VPORT_PIDS, TC_RECIRC_SHARING, PER_CPU = 1, 2, 4, 8


class Vp:
    PORT_NO, TYPE, NAME, OPTIONS, UPCALL_PID, STATS = 1, 2, 3, 4, 5, 6
    IFINDEX, NETNSID, UPCALL_STATS = 8, 9, 10
    NETDEV, INTERNAL = 1, 2


class Fl:
    KEY, ACTIONS, STATS, TCP_FLAGS, USED, CLEAR, MASK, PROBE, UFID, UFID_FLAGS = range(1, 11)
    OMIT_KEY, OMIT_MASK, OMIT_ACTIONS = 1, 2, 4


class Pk:
    PACKET, KEY, ACTIONS, USERDATA, EGRESS_TUN_KEY = 1, 2, 3, 4, 5
    PROBE, MRU, LEN, HASH, UPCALL_PID = 8, 9, 10, 11, 12


class Key:
    ENCAP, PRIORITY, IN_PORT, ETHERNET, VLAN, ETHERTYPE, IPV4, IPV6, TCP, UDP = range(1, 11)
    ICMP, ICMPV6, ARP, ND, SKB_MARK, TUNNEL, SCTP, TCP_FLAGS, DP_HASH, RECIRC_ID = range(11, 21)
    MPLS, CT_STATE, CT_ZONE, CT_MARK, CT_LABELS, CT_TUPLE4, CT_TUPLE6, NSH = range(21, 29)
    PACKET_TYPE, ND_EXTENSIONS, TUNNEL_INFO, IPV6_EXTHDRS = 29, 30, 31, 32


class Act:
    OUTPUT, USERSPACE, SET, PUSH_VLAN, POP_VLAN, SAMPLE, RECIRC, HASH = range(1, 9)
    PUSH_MPLS, POP_MPLS, SET_MASKED, CT, TRUNC, PUSH_ETH, POP_ETH, CT_CLEAR = range(9, 17)
    PUSH_NSH, POP_NSH, METER, CLONE, CHECK_PKT_LEN, ADD_MPLS, DEC_TTL, DROP, PSAMPLE = range(17, 26)


class Ct:
    COMMIT, ZONE, MARK, LABELS, HELPER, NAT, FORCE_COMMIT, EVENTMASK, TIMEOUT = range(1, 10)


# Keys, each an attribute.


def in_port(number):
    return u32(Key.IN_PORT, number)


def eth(src=packet.A_MAC, dst=packet.B_MAC):
    return attr(Key.ETHERNET, src + dst)


def eth_type(kind):
    return be16(Key.ETHERTYPE, kind)


def ipv4(src="0.0.0.0", dst="0.0.0.0", proto=0, tos=0, ttl=0, frag=0):
    return attr(Key.IPV4, socket.inet_aton(src) + socket.inet_aton(dst) + bytes((proto, tos, ttl, frag)))


def ipv6(src="::", dst="::", label=0, proto=0, tclass=0, hlimit=0, frag=0):
    tail = struct.pack(">IBBBB", label, proto, tclass, hlimit, frag)
    return attr(Key.IPV6, packet.address6(src) + packet.address6(dst) + tail)


def ports(kind, src, dst):
    return attr(kind, struct.pack(">HH", src, dst))


def arp(sip="0.0.0.0", tip="0.0.0.0", op=0, sha=bytes(6), tha=bytes(6)):
    head = socket.inet_aton(sip) + socket.inet_aton(tip)
    return attr(Key.ARP, head + struct.pack(">H", op) + sha + tha + bytes(2))


def vlan(tpid, tci, *inside):
    """The three attributes of a tagged packet's key."""
    return eth_type(tpid) + be16(Key.VLAN, tci) + nest(Key.ENCAP, *inside)


# Actions, each an attribute.


def output(port):
    return u32(Act.OUTPUT, port)


def userspace(pid, *more):
    return nest(Act.USERSPACE, u32(1, pid), *more)


def userdata(data):
    return attr(2, data)


def push_vlan(tci, tpid=0x8100):
    return attr(Act.PUSH_VLAN, struct.pack(">HH", tpid, tci))


POP_VLAN = attr(Act.POP_VLAN)


def trunc(size):
    return u32(Act.TRUNC, size)


def recirc(number):
    return u32(Act.RECIRC, number)


def ct(*more, commit=False, force=False, zone=0, mark=None, labels=None, eventmask=None, helper=None, timeout=None, nat=b""):
    """CT; mark and labels are pairs of value and mask."""
    attrs = []
    if commit or force:
        attrs.append(attr(Ct.FORCE_COMMIT if force else Ct.COMMIT))
    attrs.append(u16(Ct.ZONE, zone))
    if mark:
        attrs.append(attr(Ct.MARK, struct.pack("=II", *mark)))
    if labels:
        attrs.append(attr(Ct.LABELS, b"".join(labels)))
    if helper:
        attrs.append(string(Ct.HELPER, helper))
    if eventmask is not None:
        attrs.append(u32(Ct.EVENTMASK, eventmask))
    if timeout:
        attrs.append(string(Ct.TIMEOUT, timeout))
    return nest(Act.CT, *attrs, nat, *more)


def set_key(key):
    return nest(Act.SET, key)


def set_masked(kind, value, mask):
    return nest(Act.SET_MASKED, attr(kind, value + mask))




def refused(number, function, *args, **options):
    """A request must fail with this errno, and on our module tell why."""
    try:
        function(*args, **options)
    except Error as error:
        equal(errno.errorcode[error.errno], errno.errorcode[number], f"errno ({error.message})")
        # The permission is checked before the module hears of it.
        if ktap.RUST and number != errno.EPERM:
            true(error.message, f"{error} has no extack text")
        return
    true(False, f"it was not refused with {errno.errorcode[number]}")


class Datapath:
    """A datapath, for as long as the test or the file runs."""

    def __init__(self, name="dp0", upcall_pid=0, features=None, *attrs):
        self.name = name
        self.nl = Socket()
        defer(self.nl.close)
        attrs = [string(Dp.NAME, name), u32(Dp.UPCALL_PID, upcall_pid), *attrs]
        if features is not None:
            attrs.append(u32(Dp.USER_FEATURES, features))
        answers = self.nl.request(DP, NEW, 0, *attrs, flags=ECHO)
        self.ifindex = answers[0].dp_ifindex
        defer(self.delete)

    def delete(self):
        try:
            self.nl.request(DP, DEL, self.ifindex)
        except (Error, OSError):
            pass

    def request(self, family, cmd, *attrs, flags=0):
        return self.nl.request(family, cmd, self.ifindex, *attrs, flags=flags)

    def get(self):
        return self.request(DP, GET)[0]

    def stats(self):
        """(hits, misses, lost, flows)"""
        return struct.unpack("=QQQQ", self.get().get(Dp.STATS))

    def masks(self):
        """How many masks there are."""
        return struct.unpack_from("=QI", self.get().get(Dp.MEGAFLOW_STATS))[1]

    def set_features(self, features, *attrs):
        self.request(DP, SET, u32(Dp.USER_FEATURES, features), *attrs)

    def add(self, name, kind=Vp.NETDEV, number=None, pids=(0,), *attrs):
        """Adds a port; its number."""
        attrs = [string(Vp.NAME, name), u32(Vp.TYPE, kind), attr(Vp.UPCALL_PID, struct.pack(f"={len(pids)}I", *pids)), *attrs]
        if number is not None:
            attrs.append(u32(Vp.PORT_NO, number))
        return self.request(VPORT, NEW, *attrs, flags=ECHO)[0].u32(Vp.PORT_NO)

    def remove(self, number):
        return self.request(VPORT, DEL, u32(Vp.PORT_NO, number), flags=ECHO)[0]

    def port(self, number):
        return self.request(VPORT, GET, u32(Vp.PORT_NO, number))[0]

    def port_stats(self, number):
        """(rx packets, tx packets, rx bytes, tx bytes, rx errors, tx errors, rx dropped, tx dropped)"""
        return struct.unpack("=8Q", self.port(number).get(Vp.STATS))

    def upcall_stats(self, number):
        """(delivered, failed)"""
        fields = dict(parse(self.port(number).get(Vp.UPCALL_STATS)))
        return tuple(struct.unpack("=Q", fields[i])[0] for i in (0, 1))

    def ports(self):
        """{number: name}"""
        found = self.request(VPORT, GET, flags=DUMP)
        return {m.u32(Vp.PORT_NO): m.get(Vp.NAME).rstrip(b"\0").decode() for m in found}

    def flow(self, key, actions, *attrs, mask=None, flags=CREATE):
        """Adds a flow. Key, mask and actions are the bytes of their attributes."""
        attrs = [attr(Fl.KEY, key), attr(Fl.ACTIONS, actions), *attrs]
        if mask is not None:
            attrs.append(attr(Fl.MASK, mask))
        return self.request(FLOW, NEW, *attrs, flags=flags)

    def flow_from(self, port, actions, *attrs, tags=(), flags=CREATE):
        """Adds a flow for all Ethernet packets from a port with just these VLAN tags, not
        recirculated ones."""
        key, mask = b"", b""
        for i, (tpid, tci) in enumerate(reversed(tags)):
            key = vlan(tpid, tci | 0x1000, key)
            # A wildcard, but not nothing at all: that would be no mask of a tagged packet.
            mask = vlan(0xFFFF, 0xFFFF, mask if i else eth_type(0))
        mask = u32(Key.RECIRC_ID, 0xFFFFFFFF) + in_port(0xFFFFFFFF) + eth(bytes(6), bytes(6)) + mask
        return self.flow(u32(Key.RECIRC_ID, 0) + in_port(port) + eth() + key, actions, *attrs, mask=mask, flags=flags)

    def flush(self):
        self.request(FLOW, DEL)

    def flows(self, *attrs):
        return self.request(FLOW, GET, *attrs, flags=DUMP)

    def execute(self, data, actions, *attrs, key=b""):
        self.request(PACKET, EXECUTE, attr(Pk.PACKET, data), attr(Pk.KEY, key), attr(Pk.ACTIONS, actions), *attrs)


def flow_stats(message):
    """(packets, bytes) of a flow."""
    data = message.get(Fl.STATS)
    return struct.unpack("=QQ", data) if data else (0, 0)
