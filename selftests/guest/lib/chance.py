# SPDX-License-Identifier: GPL-2.0
"""Flows and frames by chance, of all kinds, and always the same ones for a seed."""

import random
import struct

from lib import overlay, ovs, packet
from lib.netlink import attr, nest, u16, u32
from lib.ovs import Act, Ct, Key, output

ALL = 0xFFFFFFFF
NSH_HEADER = nest(Key.NSH, attr(1, bytes((0, 63, 1, 3, 0, 0, 1, 5))), attr(2, bytes(16)))
# Kinds of packets that flows tell apart: ethertype, protocol.
IPV4, IPV6, ARP, MPLS, NSH, OTHER = 0x0800, 0x86DD, 0x0806, 0x8847, 0x894F, 0x88B5
PROTOCOLS = {packet.TCP: Key.TCP, packet.UDP: Key.UDP, packet.SCTP: Key.SCTP}
# What must be in a key with an ethertype, or a protocol.
REST = {ARP: ovs.arp(op=1), MPLS: attr(Key.MPLS, b"\0\1\1\x40"), NSH: NSH_HEADER}
NESTED = 0x8000
# How long the arguments of CT and NAT are, from the first on, or which values they have.
ADDRESS = -1
CT_LENGTHS = 0, 2, 8, 32, (b"ftp\0", b"ftp\0x", b"ftp", b"sip\0", b"\0", b"x" * 16, b"x" * 17), (b"", b"\4\0\1\0"), 0, 4, (b"name\0", b"a\0b", b"a", b"\0", b"x" * 32)
NAT_LENGTHS = 0, 0, ADDRESS, ADDRESS, 2, 2, 0, 0, 0


class Chance:
    """What is chosen from; `random` is all there is to choose with.

    `ports` are numbers for OUTPUT, `tunnels` pairs of such a number and the attributes of a tunnel.
    `repeatable`: nothing whose outcome is not determined by packets and flows, of which no two match the same packet.
    `whole`: the IP headers of packets are; of others no connections are tracked, and they are not changed.
    `zone`: the first of three.
    """

    def __init__(self, seed, ports, tunnels=(), pid=1, repeatable=False, whole=True, zone=0):
        self.random = random.Random(seed)
        self.ports, self.tunnels, self.pid, self.repeatable, self.whole = ports, tunnels, pid, repeatable, whole
        self.lookups, self.zone, self.covered, self.tagged = 0, zone, False, False
        # What all flows look at then.
        self.exact = {name: self.random.randrange(2) for name in ("proto", "frag", "ports")}

    def flow(self):
        """Key, mask and actions of a flow."""
        chance = self.random
        kind = chance.choice((IPV4, IPV4, IPV4, IPV6, IPV6, ARP, MPLS, NSH, OTHER))
        proto = chance.choice((packet.TCP, packet.UDP, packet.SCTP, packet.ICMP, packet.ICMPV6, 0))
        inside = ovs.eth_type(kind), ovs.eth_type(0xFFFF)
        if kind in (IPV4, IPV6):
            inside = join(inside, self.network(kind, proto))
        elif kind in REST:
            inside = join(inside, (REST[kind], b""))
        if chance.randrange(6) == 0:
            inside = tuple(ovs.vlan(tpid, tci, part) for tpid, tci, part in zip((0x8100, 0xFFFF), (0x1000, 0x1000), inside))
        meta = self.meta()
        self.covered = self.tagged = False
        return (*join(meta, inside), self.actions(kind, proto))

    def meta(self):
        chance = self.random
        self.lookups = chance.choice((0, 0, 0, 1, 2, 3))
        found = u32(Key.RECIRC_ID, self.lookups), u32(Key.RECIRC_ID, ALL)
        if self.repeatable:
            ports = ovs.in_port(chance.choice(self.ports)), ovs.in_port(ALL)
            return join(found, ports, (ovs.eth(), ovs.eth(bytes(6), bytes(6))))
        if chance.randrange(3):
            found = join(found, (ovs.in_port(chance.choice(self.ports)), ovs.in_port(ALL)))
        if chance.randrange(8) == 0:
            found = join(found, (u32(Key.CT_STATE, 0x20), u32(Key.CT_STATE, 0x20)))
        if chance.randrange(12) == 0:
            found = join(found, (u32(Key.SKB_MARK, 1), u32(Key.SKB_MARK, 1)))
        mac = chance.choice((bytes(6), b"\xff" * 6, b"\1" + bytes(5)))
        return join(found, (ovs.eth(), ovs.eth(mac, bytes(6))))

    def network(self, kind, proto):
        """A part of a flow that looks at IP, and perhaps behind."""
        chance = self.random
        exact = chance.choice((0, 0xFF)) if proto else 0
        frag = chance.choice((0, 0xFF))
        if self.repeatable:
            exact, frag = 0xFF * self.exact["proto"], 0xFF * self.exact["frag"]
        address = ovs.ipv4 if kind == IPV4 else ovs.ipv6
        ends = (packet.A4, packet.B4) if kind == IPV4 else (packet.A6, packet.B6)
        ones = "255.255.255.255" if kind == IPV4 else "ffff:" * 7 + "ffff"
        some = {"src": ones} if chance.randrange(4) == 0 and not self.repeatable else {}
        found = address(*ends, proto=proto), address(proto=exact, frag=frag, **some)
        if proto in PROTOCOLS:
            mask = b""
            if exact and (self.exact["ports"] if self.repeatable else chance.randrange(2)):
                mask = ovs.ports(PROTOCOLS[proto], 0xFFFF if self.repeatable else chance.choice((0, 1, 0xFF00, 0xFFFF)), 0)
            found = join(found, (ovs.ports(PROTOCOLS[proto], 1000, 2000), mask))
        if proto == packet.TCP:
            found = join(found, (attr(Key.TCP_FLAGS, b"\0\x18"), b""))
        elif (kind, proto) == (IPV4, packet.ICMP):
            found = join(found, (attr(Key.ICMP, b"\x08\0"), b""))
        elif (kind, proto) == (IPV6, packet.ICMPV6):
            found = join(found, (attr(Key.ICMPV6, b"\x80\0"), b""))
        return found

    def actions(self, kind, proto, depth=0):
        chance = self.random
        count = chance.choice((0, 1, 1, 2, 2, 3, 5)) if depth == 0 else chance.randrange(3)
        some = [self.action(kind, proto, depth) for _ in range(count)]
        if chance.randrange(4):
            some.append(output(chance.choice(self.ports)))
        return b"".join(some)

    def action(self, kind, proto, depth):
        chance = self.random
        makers = [self.plain, self.header, self.encapsulation, self.lookup]
        if depth < 3:
            makers.append(self.nested)
        return chance.choice(makers)(kind, proto, depth)

    def plain(self, *_):
        chance = self.random
        some = [
            output(chance.choice(self.ports)),
            output(chance.choice(self.ports)),
            ovs.trunc(chance.choice((200, 1500) if self.repeatable else (14, 20, 60, 1500))),
            ovs.userspace(self.pid, *chance.choice(((), (ovs.userdata(b"data"),), (attr(4),)))),
            u32(Act.METER, 0 if self.repeatable else chance.randrange(3)),
            nest(Act.PSAMPLE | NESTED, u32(1, 7), attr(2, b"cookie")),
            u32(Act.DROP, chance.randrange(2)),
            attr(Act.CT_CLEAR),
            masked(Key.SKB_MARK, struct.pack("=I", 1), struct.pack("=I", 1)),
            ovs.set_key(u32(Key.PRIORITY, 7)),
        ]
        if self.tunnels:
            port, where = chance.choice(self.tunnels)
            some.append(overlay.set_tunnel(*where) + output(port))
        some.append(attr(Act.HASH, struct.pack("=II", chance.randrange(2), 5)))
        return chance.choice(some)

    def header(self, kind, proto, _):
        """Sets a field."""
        chance = self.random
        some = [masked(Key.ETHERNET, b"\2" * 12, chance.choice((b"\xff", b"\x0f")) * 12)]
        # In a packet that got a second tag the kernel's module changes what is in front of the header.
        whole = self.whole and not (self.tagged and self.repeatable)
        if not whole:
            pass
        elif kind == IPV4:
            masks = bytes(8) + b"\0\xff\xff\0", b"\xff" * 8 + bytes(4), bytes(4) + b"\xff" * 4 + b"\0\0\xff\0"
            # Protocol and fragment cannot be set.
            value = bytes((10, 9, 8, 7, 10, 9, 8, 6, 0, 4, 9, 0))
            some.append(masked(Key.IPV4, value, chance.choice(masks)))
        elif kind == IPV6:
            value = packet.address6("fd09::1") + packet.address6("fd09::2") + struct.pack(">IBBBB", 0x12345, 0, 4, 9, 0)
            masks = b"\xff" * 32 + bytes(8), bytes(32) + b"\0\x0f\xff\xff\0\xff\xff\0", b"\xff" * 16 + bytes(24)
            some.append(masked(Key.IPV6, value, chance.choice(masks)))
        elif kind == MPLS:
            some.append(masked(Key.MPLS, b"\1\2\1\7", b"\xff\xff\xf0\xff"))
        elif kind == NSH:
            some.append(nest(Act.SET, NSH_HEADER))
        if proto in PROTOCOLS and whole:
            some.append(masked(PROTOCOLS[proto], struct.pack(">HH", 53, 80), chance.choice((b"\xff\xff\0\0", b"\xff" * 4))))
        return chance.choice(some)

    def encapsulation(self, *_):
        chance = self.random
        label = struct.pack(">I", 0x1140)
        kind = chance.choice((b"\x88\x47", b"\x88\x48"))
        action = chance.choice((
            ovs.push_vlan(0x1064), ovs.push_vlan(0x1065, 0x88A8), ovs.POP_VLAN, ovs.POP_VLAN,
            attr(Act.PUSH_MPLS, label + kind + bytes(2)),
            attr(Act.ADD_MPLS, label + kind + struct.pack("=H", chance.randrange(2))),
            attr(Act.POP_MPLS, chance.choice((b"\x08\0", b"\x86\xdd", b"\x88\x47"))),
            attr(Act.POP_ETH), attr(Act.PUSH_ETH, b"\4" * 12), nest(Act.PUSH_NSH, NSH_HEADER), attr(Act.POP_NSH),
        ))  # fmt: skip
        self.covered = self.covered or action[2] in (Act.PUSH_MPLS, Act.ADD_MPLS, Act.PUSH_NSH)
        self.tagged = self.tagged or action[2] == Act.PUSH_VLAN
        return action

    def lookup(self, kind, proto, depth):
        """Connection tracking, looking up again."""
        chance = self.random
        if chance.randrange(3) == 0 or kind not in (IPV4, IPV6) or not self.whole or (self.covered and self.repeatable):
            # The kernel's module takes an MPLS or NSH header in front of the one of IP for that, ours drops the packet.
            return self.again()
        options = {"zone": self.zone + chance.randrange(3)}
        if chance.randrange(2):
            options["commit"] = True
            if chance.randrange(2):
                options["mark"] = (chance.randrange(4), 3)
            if chance.randrange(3) == 0:
                options["labels"] = (b"\1" * 16, b"\3" * 16)
            if chance.randrange(6) == 0:
                options["force"] = True
        if not self.repeatable and chance.randrange(3) == 0:
            options["nat"] = self.nat(kind, options.get("commit", False))
        if proto == packet.TCP and chance.randrange(6) == 0:
            options["helper"] = "ftp"
        return ovs.ct(**options) + (self.again() if chance.randrange(2) else b"")

    def again(self):
        """Looking up again. The kernel's module does not do it as often as ours: if it is to be repeatable, not in a circle."""
        first = self.lookups + 1 if self.repeatable else 1
        return ovs.recirc(self.random.randrange(first, 4)) if first < 4 else b""

    def nat(self, kind, commit):
        chance = self.random
        if not commit:
            return nest(6)
        source = chance.randrange(2)
        first, last = ("10.9.0.1", "10.9.0.5") if kind == IPV4 else ("fd09::1", "fd09::5")
        address = (lambda text: bytes(map(int, text.split(".")))) if kind == IPV4 else packet.address6
        some = [attr(1 if source else 2), attr(3, address(first))]
        if chance.randrange(2):
            some.append(attr(4, address(last)))
        if chance.randrange(2):
            some += [u16(5, 1024), u16(6, 1100)]
        return nest(6, *some)

    def tracking(self, kind):
        """CT with any arguments, also such as are refused."""
        some = self.some(lambda: nest(Ct.NAT, *self.some(lambda: self.argument(NAT_LENGTHS, kind))), lambda: self.argument(CT_LENGTHS, kind))
        return nest(Act.CT, *([attr(Ct.COMMIT)] if self.random.randrange(2) else []), *some)

    def some(self, *choices):
        return [self.random.choice(choices)() for _ in range(self.random.randrange(4))]

    def argument(self, lengths, kind):
        """One of these attributes, mostly as long as it should be."""
        chance = self.random
        which = chance.randrange(len(lengths) + 1)
        size = dict(enumerate(lengths, 1)).get(which, 0)
        if size == ADDRESS:
            size = 16 if kind == IPV6 else 4
        if isinstance(size, tuple):
            return attr(which, chance.choice(size))
        if chance.randrange(12) == 0:
            size = chance.choice((0, 1, 2, 4, 8, 16, 33))
        return attr(which, bytes(chance.choice((0, 0, 1, 255)) for _ in range(size)))

    def nested(self, kind, proto, depth):
        chance = self.random

        def list_():
            return self.actions(kind, proto, depth + 1)

        probability = chance.choice((0, ALL)) if self.repeatable else chance.choice((0, ALL, ALL // 2))
        return chance.choice((
            lambda: nest(Act.SAMPLE, u32(1, probability), nest(2, list_())),
            lambda: nest(Act.CLONE, list_()),
            lambda: nest(Act.CHECK_PKT_LEN, u16(1, chance.choice((60, 64, 200, 1500))), nest(2, list_()), nest(3, list_())),
            lambda: nest(Act.DEC_TTL, nest(1, list_())),
        ))()  # fmt: skip


def masked(kind, value, mask):
    """SET of some bits."""
    return ovs.set_masked(kind, bytes(a & b for a, b in zip(value, mask)), mask)


def join(*pairs):
    """Pairs of key and mask, one behind the other."""
    return tuple(b"".join(parts) for parts in zip(*pairs))


def frames():
    """Frames of all kinds, to be changed by chance."""
    data = bytes(range(200))
    datagram, segment = packet.udp(data), packet.tcp(data)
    for frame in (
        packet.udp4(), packet.tcp4(), packet.icmp4(), packet.udp6(), packet.tcp6(), packet.icmp6(),
        packet.arp_request(), packet.neighbour_solicitation(), packet.llc(),
    ):  # fmt: skip
        yield frame
        yield packet.tagged(frame, (0x8100, 0x2005))
    yield packet.tagged(packet.udp4(), (0x88A8, 7), (0x8100, 8))
    yield packet.tagged(packet.tcp6(), (0x8100, 7), (0x8100, 8), (0x8100, 9))
    # 802.3 with SNAP.
    yield packet.ether(b"\xaa\xaa\3\0\0\0\x08\0" + packet.ipv4(datagram, packet.UDP), 60)
    # Fragments, and headers of IP that are longer.
    for frag in (0x2000, 0x2010, 0x0010):
        yield packet.ether(packet.ipv4(datagram, packet.UDP, frag=frag), IPV4)
    yield packet.ether(packet.ipv4(segment, packet.TCP)[:40] + b"", IPV4)
    options = packet.ipv4(b"\1" * 12 + segment, packet.TCP)
    yield packet.ether(b"\x48" + options[1:], IPV4)
    chain = (
        bytes((43, 0)) + bytes(6)  # hop by hop
        + bytes((44, 2, 0, 1)) + bytes(20)  # routing
        + bytes((60, 0, 0, 1, 0, 0, 0, 7))  # fragment
        + bytes((51, 0)) + bytes(6)  # destination
        + bytes((17, 4)) + bytes(22)  # authentication
    )  # fmt: skip
    for at in (0, 8, 32, 40, 48):
        kind = (0, 43, 44, 60, 51)[(0, 8, 32, 40, 48).index(at)]
        yield packet.ether(packet.ipv6(chain[at:] + packet.udp(src=packet.A6, dst=packet.B6), kind), IPV6)
    for proto, head in ((packet.SCTP, bytes(12)), (50, bytes(16)), (2, b"\x16\0\0\0" + bytes(4)), (41, packet.ipv6(datagram, 17))):
        yield packet.ether(packet.ipv4(head + data[:40], proto), IPV4)
    for proto in (packet.SCTP, 47, 59, 89):
        yield packet.ether(packet.ipv6(bytes(60), proto), IPV6)
    # Neighbours advertised, redirects, errors with what they are about.
    for kind in (134, 136, 137, 1, 3):
        body = bytes(4) + packet.address6(packet.B6) + b"\2\1" + packet.A_MAC + packet.ipv6(datagram, packet.UDP)
        yield packet.ether(packet.ipv6(packet.icmpv6(kind, 0, body), packet.ICMPV6, hlimit=255), IPV6)
    for kind, code in ((3, 1), (3, 4), (5, 0), (11, 0)):
        message = bytes((kind, code)) + bytes(6) + packet.ipv4(datagram, packet.UDP, src=packet.B4, dst=packet.A4)
        yield packet.ether(packet.ipv4(message[:2] + struct.pack(">H", packet.checksum(message)) + message[4:], packet.ICMP), IPV4)
    for labels in (b"\0\1\1\x40", b"\0\1\0\x40\0\2\1\x40", b"\0\1\0\x40" * 5 + b"\0\2\1\x40"):
        yield packet.ether(labels + packet.ipv4(datagram, packet.UDP), MPLS)
    yield packet.ether(bytes((0, 0, 0, 63, 0, 1, 0, 0, 1, 5)) + bytes(14) + packet.ipv4(datagram, packet.UDP), NSH)
    yield packet.ether(bytes((0x0F, 0xC6, 1, 3, 0, 0, 1, 5)) + bytes(16) + packet.udp4(), NSH)
    yield packet.ether(data, OTHER)
    # Through tunnels, to an address of this host: VXLAN, Geneve, GRE with an Ethernet frame in it.
    inner = packet.tcp4()
    ends = {"src": "172.31.0.2", "dst": "172.31.0.1"}
    for payload, proto in (
        (packet.udp(b"\x08\0\0\0\0\0\7\0" + inner, 5000, 4789, **ends), packet.UDP),
        (packet.udp(b"\0\0\x65\x58\0\0\7\0" + inner, 5000, 6081, **ends), packet.UDP),
        (packet.udp(b"\1\0\x65\x58\0\0\7\0" + b"\1\2\3\1abcd" + inner, 5000, 6081, **ends), packet.UDP),
        (b"\x20\0\x65\x58\0\0\0\7" + inner, 47),
    ):
        yield packet.ether(packet.ipv4(payload, proto, **ends), IPV4, dst=packet.BROADCAST)
    # What has to be cut into segments.
    large = bytes(range(256)) * 20
    yield packet.ether(packet.ipv4(packet.tcp(large), packet.TCP), IPV4)
    yield packet.ether(packet.ipv4(packet.udp(large), packet.UDP), IPV4)
    yield packet.ether(packet.ipv6(packet.tcp(large, src=packet.A6, dst=packet.B6), packet.TCP), IPV6)
    yield packet.ether(packet.ipv6(packet.udp(large, src=packet.A6, dst=packet.B6), packet.UDP), IPV6)
    yield packet.ether(large[:1500], OTHER)
