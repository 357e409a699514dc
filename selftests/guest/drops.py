#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
"""Each dropped packet has a reason, which the kernel's own tracepoint skb:kfree_skb tells."""

import os
import re
import struct

from lib import ktap, net, ovs, packet, tracing
from lib.ktap import defer, equal, find_module, main, test, true
from lib.lab import Lab
from lib.netlink import attr, nest, u16, u32
from lib.ovs import Act, Key, Pk, output, recirc
from lib.tracing import traced

# The subsystem of Open vSwitch in a reason, and its reasons (net/openvswitch/drop.h).
SUBSYS = 2 << 16
LAST_ACTION, ACTION_ERROR, EXPLICIT, EXPLICIT_WITH_ERROR, METER, RECURSION_LIMIT, DEFERRED_LIMIT = range(1, 8)
FRAG_L2_TOO_LONG, FRAG_INVALID_PROTO, IP_TTL = 8, 9, 11
lab = None


def setup():
    global lab
    # What is sent comes out on the same CPU.
    os.sched_setaffinity(0, {0})
    net.load()
    find_module()
    net.quiet_devices()
    tracing.mount()
    lab = Lab(2)


def told(function):
    """The reasons for which the module drops packets while something is done: numbers of its own, or
    the kernel's names."""
    lines = "\n".join(traced("skb/kfree_skb", function))
    found = re.findall(r"location=\S+ \[openvswitch\].* reason: (\S+)", lines)
    return [int(reason, 0) - SUBSYS if reason[0].isdigit() else reason for reason in found]


def dropped(reason, data, actions, *attrs):
    """The packet is dropped for this reason, whether user space sends it or a port receives it."""
    execute = told(lambda: lab.dp.execute(data, actions, *attrs, key=ovs.in_port(1)))
    equal(execute, [reason], "reasons, of a packet from user space")
    if not attrs:
        equal(told(lambda: lab.forward(data, actions))[-1:], [reason], "last reason, of a packet from a port")


@test
def last_action():
    """LAST_ACTION: the list ends, and nothing took the packet"""
    dropped(LAST_ACTION, packet.udp4(), b"")
    dropped(LAST_ACTION, packet.udp4(), ovs.push_vlan(0x1064))
    dropped(LAST_ACTION, packet.udp4(), nest(Act.SAMPLE, u32(1, 0), nest(2, output(2))))


@test
def action_error():
    """ACTION_ERROR: an action fails"""
    # Can be asked for, but no packet's mark can be set so.
    error = ovs.set_key(u32(Key.CT_MARK, 1)) + output(2)
    lab.key(packet.udp4())
    lab.dp.flow_from(1, error)
    equal(told(lambda: (lab.send(packet.udp4()), net.wait_for(lambda: lab.dp.stats()[0], "hit")))[-1:], [ACTION_ERROR], "reason")


@test
def cut_off():
    """ACTION_ERROR: the header to be changed is cut off"""
    v4, v6 = packet.ipv4(packet.udp(), packet.UDP), packet.ipv6(packet.udp(), packet.UDP)
    proto = attr(Key.IPV4, bytes(8) + b"\xff" + bytes(3))
    ports = b"\0\1\0\2"
    for data, kind, header, mask, l4, which, value in (
        (v4[:12], 0x0800, ovs.ipv4(proto=packet.UDP), attr(Key.IPV4, bytes(12)), Key.UDP, Key.IPV4, bytes(9) + b"\4\0\0"),
        (v6[:30], 0x86DD, ovs.ipv6(proto=packet.UDP), attr(Key.IPV6, bytes(40)), Key.UDP, Key.IPV6, b"\4" * 16 + bytes(24)),
        (v4[:26], 0x0800, ovs.ipv4(proto=packet.UDP), proto, Key.UDP, Key.UDP, ports),
        (packet.ipv4(bytes(10), packet.SCTP), 0x0800, ovs.ipv4(proto=packet.SCTP), proto, Key.SCTP, Key.SCTP, ports),
    ):
        key = ovs.in_port(1) + ovs.eth() + ovs.eth_type(kind) + header + ovs.ports(l4, 1, 2)
        mask = ovs.in_port(0xFFFFFFFF) + ovs.eth(bytes(6), bytes(6)) + ovs.eth_type(0xFFFF) + mask + ovs.ports(l4, 0, 0)
        data = packet.ether(data, kind)
        lab.dp.flush()
        lab.dp.flow(key, ovs.set_masked(which, value, value) + output(2), mask=mask)
        hits = lab.dp.stats()[0]
        reasons = told(lambda data=data, hits=hits: (lab.send(data), net.wait_for(lambda: lab.dp.stats()[0] > hits, "hit")))
        equal(reasons[-1:], [ACTION_ERROR], "reason")


@test
def explicit():
    """EXPLICIT, EXPLICIT_WITH_ERROR: what the DROP action says"""
    dropped(EXPLICIT, packet.udp4(), u32(Act.DROP, 0))
    dropped(EXPLICIT_WITH_ERROR, packet.udp4(), u32(Act.DROP, 1))


@test
def meter():
    """METER: there are more packets than a meter lets through"""
    band = nest(1, u32(1, 1), u32(2, 1), u32(3, 1))
    lab.dp.request("ovs_meter", 2, u32(1, 5), nest(4, band))
    actions = u32(Act.METER, 5) + output(2)

    def three():
        for _ in range(3):
            lab.dp.execute(packet.udp4(), actions, key=ovs.in_port(1))

    equal(set(told(three)), {METER}, "reasons")
    lab.dp.request("ovs_meter", 3, u32(1, 5))


@test
def time_to_live():
    """IP_TTL: it ran out, and no action is for that"""
    dec_ttl = nest(Act.DEC_TTL, nest(1))
    dropped(IP_TTL, packet.ether(packet.ipv4(packet.udp(), packet.UDP, ttl=1), 0x0800), dec_ttl + output(2))
    data = packet.udp(src=packet.A6, dst=packet.B6)
    dropped(IP_TTL, packet.ether(packet.ipv6(data, packet.UDP, hlimit=1), 0x86DD), dec_ttl + output(2))


@test
def output_device():
    """DEV_READY: the output port is not there, or down"""
    dropped("DEV_READY", packet.udp4(), output(77))
    net.ip("link set p2 down")
    try:
        dropped("DEV_READY", packet.udp4(), output(2))
    finally:
        net.ip("link set p2 up")


@test
def fragments():
    """FRAG_L2_TOO_LONG, FRAG_INVALID_PROTO, PKT_TOO_BIG: what was fragments does not fit, and cannot be fragmented"""
    big = packet.udp(bytes(2000))
    data = packet.ether(packet.ipv4(big, packet.UDP), 0x0800)
    mru = u16(Pk.MRU, 1400)
    dropped(FRAG_INVALID_PROTO, packet.ether(big, 0x88B5), output(2), mru)
    labels = b"".join(nest(Act.PUSH_MPLS, struct.pack(">IH", 0x1140, 0x8847) + bytes(2)) for _ in range(5))
    dropped(FRAG_L2_TOO_LONG, data, labels + output(2), mru)
    # What was received in larger fragments than the port takes.
    larger = packet.ether(packet.ipv4(packet.udp(bytes(9200)), packet.UDP), 0x0800)
    dropped("PKT_TOO_BIG", larger, output(2), u16(Pk.MRU, 9100))


NOT_IP = packet.pad(packet.ether(b"", 0x88B5))


def looked_up(number, actions):
    """A flow for packets that are not IP, with this recirculation id."""
    key = u32(Key.RECIRC_ID, number) + ovs.in_port(1) + ovs.eth() + ovs.eth_type(0x88B5)
    mask = u32(Key.RECIRC_ID, 0xFFFFFFFF) + ovs.in_port(0xFFFFFFFF) + ovs.eth_type(0xFFFF)
    lab.dp.flow(key, actions, mask=mask)


@test
def recursion():
    """DEFERRED_LIMIT: a packet is looked up again and again"""
    looked_up(7, recirc(7))
    reasons = told(lambda: lab.dp.execute(NOT_IP, recirc(7), key=ovs.in_port(1)))
    equal(reasons, [DEFERRED_LIMIT], "reasons")


@test
def growth():
    """DEFERRED_LIMIT: each lookup makes ever more copies that are looked up"""
    lab.dp.flush()
    looked_up(7, recirc(7) * 20)
    reasons = told(lambda: lab.dp.execute(NOT_IP, recirc(7), key=ovs.in_port(1)))
    equal(set(reasons), {DEFERRED_LIMIT}, "reasons")


@test
def nesting():
    """lists in lists, with lookups at their bottom, nested deeper than the stack is deep: none is dropped"""
    lab.dp.flush()

    def nested(actions):
        for _ in range(14):
            actions = nest(Act.CLONE, actions)
        return actions

    # A lookup that is not the last action is of a copy. The C module has no room for that many.
    last = 40 if ktap.RUST else 8
    for number in range(1, last):
        looked_up(number, nested(recirc(number + 1) + ovs.trunc(64)))
    looked_up(last, output(2))
    lab.wires[2].drain()
    reasons = told(lambda: lab.dp.execute(NOT_IP, nested(recirc(1) + ovs.trunc(64)), key=ovs.in_port(1)))
    equal(set(reasons), {LAST_ACTION}, "reasons")
    lab.expect({2: [NOT_IP]})


@test
def nested_datapaths():
    """out of lists in lists into another datapath, and through more of them: none is dropped"""
    lab.dp.flush()
    net.run("modprobe", "8021q")
    dps = [lab.dp, *(ovs.Datapath(f"dp{i}") for i in (1, 2))]
    net.veth("p3", "e3")
    wire = net.Wire("e3")
    for i, (dp, depth) in enumerate(zip(dps, (10, 3, 1)), 1):
        if i < len(dps):
            # What leaves by it comes into the next datapath at once, tagged.
            net.ip(f"link add link dp{i} name v{i} type vlan id 5")
            defer(net.try_ip, f"link del v{i}")
            net.up(f"dp{i}")
            net.up(f"v{i}")
        actions = output(dp.add(f"v{i}" if i < len(dps) else "p3"))
        for _ in range(depth):
            actions = nest(Act.CLONE, actions)
        if dp is lab.dp:
            first = actions
        else:
            dp.flow_from(0, ovs.POP_VLAN + actions, tags=((0x8100, 5),))
    lab.wires[1].drain()
    dps[0].flow_from(1, first)
    lab.wires[1].send(NOT_IP)
    equal(wire.receive(), NOT_IP, "the packet")


if __name__ == "__main__":
    main(setup)
