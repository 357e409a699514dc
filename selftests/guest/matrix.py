#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 400
"""Each action on each kind of packet: IPv4 and IPv6, untagged and tagged, in one piece of memory, in
pages, and as a large packet of several segments, or a list of them. What comes out is compared with
what scapy builds."""

import errno
import logging
import os
import struct

# Scapy has something to say about the name server.
logging.disable(logging.WARNING)

from scapy.contrib.mpls import MPLS
from scapy.contrib.nsh import NSH
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.sctp import SCTP
from scapy.packet import Raw

from lib import net, ovs, packet
from lib.ktap import add, defer, equal, find_module, main, test
from lib.lab import IFF_NO_PI, IFF_TAP, IFF_VNET_HDR, Lab, Tun
from lib.netlink import attr, be16, nest, u16, u32
from lib.ovs import Act, Key, output, recirc, refused

IP4, IP6, MPLS_TYPE, NSH_TYPE = 0x0800, 0x86DD, 0x8847, 0x894F
TAG = 100
SEGMENT = 1000
lab = None


def setup():
    global lab
    os.sched_setaffinity(0, {0})
    net.load()
    find_module()
    net.quiet_devices()
    net.run("modprobe", "mpls_gso")
    lab = Lab(3)
    # Everything is finished in software before it comes out.
    net.run("ethtool", "-K", "p2", "tso", "off", "gso", "off", "tx", "off", "sg", "off")
    defer(net.run, "ethtool", "-K", "p2", "tx", "on", "sg", "on", "tso", "on", "gso", "on")
    # What is cut up on its way into port 3 is put together again there.
    net.run("ethtool", "-K", "e3", "tso", "off", "gso", "off", "tx", "off")
    net.run("ethtool", "-K", "p3", "gro", "on", "rx-gro-list", "on")
    band = nest(1, u32(1, 1), u32(2, 1000000), u32(3, 1000000))
    lab.dp.request("ovs_meter", 2, u32(1, 1), nest(4, band))


class Frame:
    """A packet to be, as its fields; `after` is the same packet with others."""

    def __init__(self, kind, tags):
        self.kind, self.tags = kind, tags
        self.src, self.dst = "02:00:00:00:0a:01", "02:00:00:00:0b:01"
        self.ip = {"src": "10.1.0.1", "dst": "10.1.0.2", "tos": 4, "ttl": 64}
        if kind == IP6:
            self.ip = {"src": "fd01::1", "dst": "fd01::2", "tc": 4, "hlim": 64, "fl": 5}
        self.proto, self.ports = packet.TCP, (1000, 2000)
        self.shim, self.type = b"", kind
        self.cut = None
        self.port = 1

    def after(self, **fields):
        other = Frame(self.kind, self.tags)
        other.__dict__.update(self.__dict__)
        other.ip = self.ip | fields.pop("ip", {})
        other.__dict__.update(fields)
        return other

    def build(self, payload, number=0):
        """With this payload, which is that of the segment with this number."""
        kind = self.type
        front = Ether(src=self.src, dst=self.dst, type=0x8100 if self.tags else kind)
        for i, tag in enumerate(self.tags):
            inner = 0x8100 if i + 1 < len(self.tags) else kind
            front /= Dot1Q(vlan=tag, prio=3, type=inner)
        sport, dport = self.ports
        if self.proto == packet.TCP:
            segment = TCP(sport=sport, dport=dport, flags="A", seq=1 + number * SEGMENT, ack=1, window=100)
        else:
            segment = SCTP(sport=sport, dport=dport, tag=7)
        if self.kind == IP4:
            ip = IP(id=7 + number, proto=self.proto, **self.ip)
        else:
            ip = IPv6(nh=self.proto, **self.ip)
        return (bytes(front) + self.shim + bytes(ip / segment / Raw(payload)))[: self.cut]


def key_of(frame, fill):
    """The key of a frame: its values, or if `fill`, all bits of the same attributes."""

    def field(kind, payload):
        return attr(kind, b"\xff" * len(payload) if fill else payload)

    sport, dport = frame.ports
    inner = field(Key.ETHERTYPE, struct.pack(">H", frame.kind))
    ip = frame.ip
    if frame.kind == IP4:
        inner += field(Key.IPV4, ovs.ipv4(ip["src"], ip["dst"], frame.proto, ip["tos"], ip["ttl"])[4:])
    else:
        whole = ovs.ipv6(ip["src"], ip["dst"], ip["fl"], frame.proto, ip["tc"], ip["hlim"])[4:]
        # The flow label has 20 bits.
        inner += attr(Key.IPV6, b"\xff" * 32 + bytes((0, 15, 255, 255)) + b"\xff" * 4) if fill else attr(Key.IPV6, whole)
    if frame.proto == packet.TCP:
        inner += field(Key.TCP, struct.pack(">HH", sport, dport))
        # ACK, of twelve bits.
        inner += attr(Key.TCP_FLAGS, b"\x0f\xff" if fill else b"\0\x10")
    else:
        inner += field(Key.SCTP, struct.pack(">HH", sport, dport))
    key = field(Key.RECIRC_ID, bytes(4)) + field(Key.IN_PORT, struct.pack("=I", frame.port))
    key += field(Key.ETHERNET, packet.A_MAC + packet.B_MAC)
    for tag in frame.tags:
        key += field(Key.ETHERTYPE, b"\x81\x00") + field(Key.VLAN, struct.pack(">H", 0x7000 | tag)) + nest(Key.ENCAP, inner)
        return key
    return key + inner


def split(payload):
    return [payload[i : i + SEGMENT] for i in range(0, len(payload), SEGMENT)]


def send_linear(frame):
    """A small packet, which is in one piece."""
    payload = bytes(range(64))
    lab.wires[1].send(frame.build(payload))
    return [[payload]]


def send_paged(frame):
    """A packet of which all but the Ethernet header is in pages."""
    payload = bytes(i & 255 for i in range(6001))
    lab.wires[1].sock.send(struct.pack("=BBHHHH", 0, 0, 14, 0, 0, 0) + frame.build(payload))
    return [[payload]]


def send_large(frame):
    """Several segments in one, in pages, their checksum to be completed. By port 3 it comes as a list of segments."""
    payload = bytes(i & 255 for i in range(4500))
    data = frame.build(payload)
    start = len(data) - len(payload) - 20
    size = struct.pack(">I", 20 + len(payload))
    pseudo = data[start - 8 : start] + struct.pack(">HH", packet.TCP, 20 + len(payload))
    if frame.kind == IP6:
        pseudo = data[start - 32 : start] + size + struct.pack(">I", packet.TCP)
    partial = ~packet.checksum(pseudo) & 0xFFFF
    data = data[: start + 16] + struct.pack(">H", partial) + data[start + 18 :]
    lab.wires[frame.port].send_gso(data, start + 20, SEGMENT, 1 if frame.kind == IP4 else 4, start, 16)
    whole = split(payload)
    # The last one has a socket that its memory is charged to, so GRO leaves it alone.
    return [whole[:-1], whole[-1:]] if frame.port == 3 else [whole]


# How they are sent: [[payload]], for each packet those of its segments. And by which port they come in.
FORMS = {"linear": (send_linear, 1), "paged": (send_paged, 1), "large": (send_large, 1), "list": (send_large, 3)}


def check(actions, change, frame, send, more):
    """A packet goes through these actions and comes out changed so."""
    tags = frame.tags
    lab.dp.flush()
    lab.nl.pending()
    for number, others in more.items():
        key, mask = b"", ovs.eth_type(0)
        for tag in tags:
            key, mask = ovs.vlan(0x8100, 0x7000 | tag), ovs.vlan(0xFFFF, 0xFFFF, mask)
        key = u32(Key.RECIRC_ID, number) + ovs.in_port(frame.port) + ovs.eth() + (key or ovs.eth_type(0x88B5))
        lab.dp.flow(key, others, mask=u32(Key.RECIRC_ID, 0xFFFFFFFF) + ovs.in_port(0xFFFFFFFF) + mask)
    lab.dp.flow(key_of(frame, False), actions, mask=key_of(frame, True))
    wanted, number = [], 0
    for payloads in send(frame):
        wanted += [copy.build(payload, number + i) for copy in change(frame) for i, payload in enumerate(payloads)]
        number += len(payloads)
    lab.expect({2: wanted})


def check_refused(actions, kind, tags):
    """A flow for such packets cannot have these actions."""
    frame = Frame(kind, tags)
    refused(errno.EINVAL, lab.dp.flow, key_of(frame, False), actions, mask=key_of(frame, True))


def action(name, make, change, untagged_only=False, forms=FORMS, more=None, proto=packet.TCP):
    """Tests of an action; `make(kind)` are the actions, `change(frame)` the frames that come out."""
    for version, kind in (("IPv4", IP4), ("IPv6", IP6)):
        for tagged, tags in (("untagged", ()), ("tagged", (TAG,))):
            what = f"{name}: {version}, {tagged}"
            actions = make(kind)
            if tags and untagged_only:
                add(f"{what}: refused", check_refused, actions, kind, tags)
                continue
            for form in forms:
                send, port = FORMS[form]
                frame = Frame(kind, tags).after(proto=proto, port=port)
                add(f"{what}, {form}", check, actions, change, frame, send, more or {})


def changed(**fields):
    return lambda frame: [frame.after(**fields)]


def same(frame):
    return [frame]


def ip_change(v4, v6):
    return lambda frame: [frame.after(ip=v4 if frame.kind == IP4 else v6)]


def set_ip(kind, **fields):
    """The IP header of the frames, with other fields."""
    ip = Frame(kind, ()).ip | fields
    if kind == IP4:
        return ovs.set_key(ovs.ipv4(ip["src"], ip["dst"], packet.TCP, ip["tos"], ip["ttl"]))
    return ovs.set_key(ovs.ipv6(ip["src"], ip["dst"], ip["fl"], packet.TCP, ip["tc"], ip["hlim"]))


def set_masked_source(kind):
    """The last octet of the source address."""
    size = 12 if kind == IP4 else 40
    at = 3 if kind == IP4 else 15
    one = lambda octet: bytes(octet if i == at else 0 for i in range(size))  # noqa: E731
    return ovs.set_masked(Key.IPV4 if kind == IP4 else Key.IPV6, one(99), one(255))


C, D = bytes.fromhex("020000000c01"), bytes.fromhex("020000000d01")
MAC_C, MAC_D = "02:00:00:00:0c:01", "02:00:00:00:0d:01"
LABEL = bytes(MPLS(label=50, cos=5, s=1, ttl=33))
OTHER = bytes(MPLS(label=51, cos=0, s=1, ttl=9))
TTL_63 = ip_change({"ttl": 63}, {"hlim": 63})
DEC_TTL = nest(Act.DEC_TTL, nest(1))
OUT = output(2)


def always(*actions):
    return nest(Act.SAMPLE, u32(1, 0xFFFFFFFF), nest(2, *actions))


def push_mpls(label):
    return attr(Act.PUSH_MPLS, label + struct.pack(">Hxx", MPLS_TYPE))


FIXED = bytes(range(16))
# Two values of variable length, the second one empty.
VARIABLE = struct.pack(">HBB", 0x0123, 7, 8) + bytes(range(8)) + struct.pack(">HBB", 0x0124, 8, 0)


def push_nsh(mdtype, context):
    base = attr(1, bytes((0, 63, mdtype, 3)) + struct.pack(">I", 0x00012303))
    return nest(Act.PUSH_NSH, nest(Key.NSH, base, attr(mdtype + 1, context)))


def in_nsh(mdtype, context):
    """The whole frame behind a Network Service Header and another Ethernet header; what is tagged is dropped."""
    nsh = NSH(mdtype=mdtype, length=2 + len(context) // 4, ttl=63, nextproto=3, spi=0x000123, si=3)
    front = bytes(Ether(src=MAC_C, dst=MAC_D, type=NSH_TYPE)) + bytes(nsh)[:8] + context

    def change(frame):
        outside = frame.after()
        outside.build = lambda payload, number=0: front + frame.build(payload, number)
        return [] if frame.tags else [outside]

    return change


action("output", lambda kind: OUT, same)
action("set eth", lambda kind: ovs.set_key(ovs.eth(C, D)) + OUT, changed(src=MAC_C, dst=MAC_D))
action(
    "set masked eth",
    lambda kind: ovs.set_masked(Key.ETHERNET, bytes(5) + b"\x77" + bytes(6), bytes(5) + b"\xff" + bytes(6)) + OUT,
    changed(src="02:00:00:00:0a:77"),
)
action(
    "set addresses",
    lambda kind: (set_ip(kind, src="10.9.8.7", dst="10.6.5.4") if kind == IP4 else set_ip(kind, src="fd09::7", dst="fd06::4")) + OUT,
    ip_change({"src": "10.9.8.7", "dst": "10.6.5.4"}, {"src": "fd09::7", "dst": "fd06::4"}),
)
action(
    "set masked address",
    lambda kind: set_masked_source(kind) + OUT,
    ip_change({"src": "10.1.0.99"}, {"src": "fd01::63"}),
)
action(
    "set class and limit",
    lambda kind: (set_ip(kind, tos=0x48, ttl=9) if kind == IP4 else set_ip(kind, tc=0x48, hlim=9, fl=0x12345)) + OUT,
    ip_change({"tos": 0x48, "ttl": 9}, {"tc": 0x48, "hlim": 9, "fl": 0x12345}),
)
action("set ports", lambda kind: ovs.set_key(ovs.ports(Key.TCP, 81, 82)) + OUT, changed(ports=(81, 82)))
action(
    "set masked port",
    lambda kind: ovs.set_masked(Key.TCP, struct.pack(">HH", 0, 83), struct.pack(">HH", 0, 0xFFFF)) + OUT,
    changed(ports=(1000, 83)),
)
# Devices cannot be given a large packet of it.
action(
    "set ports of SCTP",
    lambda kind: ovs.set_key(ovs.ports(Key.SCTP, 81, 82)) + OUT,
    changed(ports=(81, 82)),
    forms=("linear", "paged"),
    proto=packet.SCTP,
)
action(
    "set masked port of SCTP",
    lambda kind: ovs.set_masked(Key.SCTP, struct.pack(">HH", 0, 83), struct.pack(">HH", 0, 0xFFFF)) + OUT,
    changed(ports=(1000, 83)),
    forms=("linear", "paged"),
    proto=packet.SCTP,
)
action("dec_ttl", lambda kind: DEC_TTL + OUT, TTL_63)
action(
    "push_vlan",
    lambda kind: ovs.push_vlan(0x7000 | 200) + OUT,
    lambda frame: [frame.after(tags=(200, *frame.tags))],
)
action("pop_vlan", lambda kind: ovs.POP_VLAN + OUT, changed(tags=()))
action("push_mpls", lambda kind: push_mpls(LABEL) + OUT, changed(shim=LABEL, type=MPLS_TYPE), untagged_only=True)
action(
    "push_mpls, set_mpls",
    lambda kind: push_mpls(LABEL) + ovs.set_key(attr(Key.MPLS, OTHER)) + OUT,
    changed(shim=OTHER, type=MPLS_TYPE),
    untagged_only=True,
)
# To be cut up for user space, and then on output as if it had not been.
action(
    "push_mpls, userspace",
    lambda kind: push_mpls(LABEL) + ovs.userspace(1) + OUT,
    changed(shim=LABEL, type=MPLS_TYPE),
    untagged_only=True,
)
action("push_mpls, pop_mpls", lambda kind: push_mpls(LABEL) + be16(Act.POP_MPLS, kind) + OUT, same, untagged_only=True)
action(
    "add_mpls",
    lambda kind: attr(Act.ADD_MPLS, LABEL + struct.pack(">H", MPLS_TYPE) + struct.pack("=H", 1)) + OUT,
    changed(shim=LABEL, type=MPLS_TYPE),
    untagged_only=True,
)
action(
    "pop_eth, push_eth",
    lambda kind: attr(Act.POP_ETH) + attr(Act.PUSH_ETH, C + D) + OUT,
    changed(src=MAC_C, dst=MAC_D),
    untagged_only=True,
)
for mdtype, context in ((1, FIXED), (2, VARIABLE)):
    action(
        f"push_nsh of type {mdtype}, push_eth",
        lambda kind, mdtype=mdtype, context=context: push_nsh(mdtype, context) + attr(Act.PUSH_ETH, C + D) + OUT,
        in_nsh(mdtype, context),
    )
    action(
        f"push_nsh of type {mdtype}, push_eth, userspace",
        lambda kind, mdtype=mdtype, context=context: push_nsh(mdtype, context)
        + attr(Act.PUSH_ETH, C + D) + ovs.userspace(1) + OUT,
        in_nsh(mdtype, context),
    )
action("set priority and mark", lambda kind: ovs.set_key(u32(Key.PRIORITY, 7)) + ovs.set_key(u32(Key.SKB_MARK, 8)) + OUT, same)
action("hash", lambda kind: attr(Act.HASH, struct.pack("=II", 0, 1)) + OUT, same)
action("ct_clear", lambda kind: attr(Act.CT_CLEAR) + OUT, same)
action("meter", lambda kind: u32(Act.METER, 1) + OUT, same)
action("recirc", lambda kind: DEC_TTL + recirc(9), TTL_63, more={9: OUT})
action("recirc of a copy", lambda kind: recirc(9) + DEC_TTL + OUT, lambda f: [f, *TTL_63(f)], more={9: OUT})
action("clone", lambda kind: nest(Act.CLONE, DEC_TTL, OUT) + OUT, lambda f: [*TTL_63(f), f])
action("sample", lambda kind: always(DEC_TTL, OUT) + OUT, lambda f: [*TTL_63(f), f])
action("psample", lambda kind: nest(Act.PSAMPLE | 0x8000, u32(1, 7)) + OUT, same)
action("userspace", lambda kind: ovs.userspace(1) + OUT, same)
action(
    "check_pkt_len",
    lambda kind: nest(Act.CHECK_PKT_LEN, u16(1, 1200), nest(2, DEC_TTL, DEC_TTL, OUT), nest(3, DEC_TTL, OUT)),
    lambda frame: TTL_63(frame),
    forms=("linear", "large", "list"),
)
# The tag is beside the packet, and not counted.
action(
    "trunc",
    lambda kind: ovs.trunc(70) + OUT + OUT,
    lambda f: [f.after(cut=74 if f.tags else 70), f],
    forms=("linear", "paged"),
)


@test
def one_list():
    """the segments that are put together before port 3 are one packet there, but for the last one"""
    frame = Frame(IP4, ()).after(port=3)
    check(OUT, same, frame, send_large, {})
    equal([ovs.flow_stats(flow)[0] for flow in lab.dp.flows()], [2], "packets of the flow")


@test
def fragments():
    """a datagram to be fragmented is so on output, too, after it was for user space"""
    data = packet.ether(packet.ipv6(packet.udp(bytes(range(250)) * 12), packet.UDP), IP6)
    header = struct.pack("=BBHHHH", 1, 3, 62, SEGMENT, 54, 6)
    # Other devices of software would have it fragmented before it comes in.
    tap = Tun("t1", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)
    lab.dp.add("t1", number=4, pids=(lab.nl.pid,))

    def sent(actions):
        lab.dp.flush()
        lab.dp.flow_from(4, actions)
        os.write(tap.fd, header + data)
        got = [lab.wires[2].receive() for _ in range(4)]
        # The id of the fragments is a new one each time.
        return [(one or b"").hex()[: 2 * 58] + (one or b"").hex()[2 * 62 :] for one in got]

    lab.nl.pending()
    plain = sent(OUT)
    equal(len(plain[0]), 2 * (62 + SEGMENT - 4), "length of the first fragment")
    equal(sent(ovs.userspace(1) + OUT), plain, "fragments")
    lab.expect({})


if __name__ == "__main__":
    main(setup)
