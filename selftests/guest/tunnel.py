#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
"""Tunnels: overlays between the datapath and the kernel's own devices, and what keys say of them."""

import errno
import os
import struct
import subprocess

from lib import net, ovs, packet
from lib.ktap import add, defer, equal, find_module, main, test, true
from lib.netlink import Socket, attr, nest, parse, u16, u32
from lib.overlay import (
    BRIDGE, CSUM, DONT_FRAGMENT, HERE, LEFT, OAM, PEER, THERE, Overlay, Tun, Underlay, dst, erspan, gbp, geneve,
    geneve_option, ip_in, number, ping, port, run_in, set_tunnel, src, tos, ttl, tunnel, unload,
)
from lib.ovs import ACTION, MISS, Act, Datapath, Feature, Fl, Key, Pk, Vp, flow_stats, in_port, output, refused

GRE, VXLAN, GENEVE = 3, 4, 5
underlay = None
upcalls = None


def setup():
    global underlay, upcalls
    os.sched_setaffinity(0, {0})
    net.load()
    defer(unload)
    find_module()
    net.quiet_devices()
    upcalls = Socket()
    defer(upcalls.close)
    underlay = Underlay(Datapath(features=Feature.UNALIGNED), (upcalls.pid,))


def options(udp, *extensions):
    return nest(Vp.OPTIONS, u16(1, udp), *(nest(2, *extensions) for _ in extensions[:1]))


GROUP_POLICY = attr(1)
# What must be said of a tunnel beside its ends.
MORE = {"erspan": (erspan(1, 5),), "ip6erspan": (erspan(1, 5),)}
PORTS = {"vxlan": (VXLAN, (options(4789, GROUP_POLICY),)), "geneve": (GENEVE, (options(6081),)), "gretap": (GRE, ())}


def iperf(*more):
    """A second's worth of packets from left to peer."""
    server = subprocess.Popen(
        ["ip", "netns", "exec", "peer", "iperf3", "-s", "-1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        net.wait_for(lambda: ":5201 " in run_in("peer", "ss", "-ltn"), "the server listens")
        run_in("left", "iperf3", "-c", PEER, *more)
    finally:
        server.kill()
        server.wait()


def overlay(kind, version, vport):
    """Pings; TCP in large pieces; UDP. Where the headers have a fixed length: pings as long as fit, and longer."""
    lay = Overlay(underlay, kind, version, vport=vport)
    more = MORE.get(kind, ())
    lay.connect(*more)
    ping("left", PEER)
    iperf("-n", "2M")
    iperf("-u", "-b", "20M", "-n", "500K")
    if kind in ("vxlan", "geneve"):
        if version == 4:
            ping("left", PEER, "-s", "1472", "-M", "dont")
        lay.connect(DONT_FRAGMENT)
        ping("left", PEER, "-s", str(lay.mtu() - 28), "-M", "dont")


for KIND in ("vxlan", "geneve", "gretap", "ip6gretap", "erspan", "ip6erspan"):
    for VERSION in (4, 6):
        if KIND.startswith("ip6") and VERSION == 4 or KIND in ("gretap", "erspan") and VERSION == 6:
            continue
        add(f"a network over {KIND} and IPv{VERSION}", overlay, KIND, VERSION, None)
        if KIND in PORTS:
            add(f"a network over a port of type {KIND} and IPv{VERSION}", overlay, KIND, VERSION, PORTS[KIND])


@test
def vlan():
    """a VLAN through a tunnel: the tag is inside"""
    lay = Overlay(underlay, "geneve")
    lay.dp.flush()
    ip_in("left", "link add eth0.9 link eth0 type vlan id 9")
    ip_in("left", "addr add 10.9.0.1/24 dev eth0.9")
    ip_in("left", "link set eth0.9 up")
    ip_in("peer", "link add tun1.9 link tun1 type vlan id 9")
    ip_in("peer", "addr add 10.9.0.2/24 dev tun1.9")
    ip_in("peer", "link set tun1.9 up")
    lay.dp.flow_from(1, set_tunnel(*lay.header()) + output(2), tags=[(0x8100, 9)])
    key, mask = lay.received()
    key = in_port(2) + ovs.eth() + ovs.vlan(0x8100, 0x1009) + key
    mask = in_port(0xFFFFFFFF) + ovs.eth(bytes(6), bytes(6)) + ovs.vlan(0xFFFF, 0xFFFF, ovs.eth_type(0)) + mask
    lay.dp.flow(key, output(1), mask=mask)
    ping("left", "10.9.0.2")


@test
def vni():
    """a packet with another id is a miss, and its key tells of all of the tunnel"""
    lay = Overlay(underlay, "vxlan", vni=8)
    lay.dp.flush()
    lay.from_peer(output(1), 7)
    upcalls.pending()
    subprocess.run(["ip", "netns", "exec", "peer", "ping", "-c", "1", "-W", "1", LEFT], capture_output=True, check=False)
    said = received(lambda said: said[Tun.ID] == (8).to_bytes(8, "big"))
    equal(said[Tun.IPV4_SRC], packet.socket.inet_aton(THERE[4]), "outer source")
    equal(said[Tun.IPV4_DST], packet.socket.inet_aton(HERE[4]), "outer destination")
    equal(said[Tun.TP_DST], (4789).to_bytes(2, "big"), "outer destination port")
    true(said[Tun.TTL] > b"\0", "TTL")
    equal(sum(flow_stats(flow)[0] for flow in lay.dp.flows()), 0, "packets of the flow for the other id")


def received(wanted=lambda said: True):
    """What the key in the next such upcall for port 2 says of the tunnel."""

    def mine(message):
        key = dict(parse(message.get(Pk.KEY))) if message.cmd == MISS else {}
        return Key.TUNNEL in key and wanted(dict(parse(key[Key.TUNNEL])))

    return dict(parse(dict(parse(upcalls.next(mine).get(Pk.KEY)))[Key.TUNNEL]))


def to_ourselves(kind, *attrs, version=4, device=True):
    """What comes in after a packet went through such a tunnel to this host."""
    if device:
        net.ip(f"link add tun0 type {kind}")
        defer(net.try_ip, "link del tun0")
        net.up("tun0")
        underlay.dp.add("tun0", number=2, pids=(upcalls.pid,))
    underlay.dp.flush()
    upcalls.pending()
    actions = set_tunnel(src(HERE[version]), dst(HERE[version]), *attrs) + output(2)
    underlay.dp.execute(packet.udp4(), actions, key=in_port(1))
    return received()


LONG = b"".join(geneve_option(kind, bytes(range(kind, kind + 120))) for kind in (1, 2))
SET = [
    ("vxlan external dstport 4789 nolocalbypass", 4, (number(5), tos(4), ttl(33), CSUM), {Tun.TOS: b"\4", Tun.TTL: b"!", Tun.CSUM: b""}),
    ("vxlan external dstport 4789 nolocalbypass", 4, (number(5), ttl(64), DONT_FRAGMENT), {Tun.DONT_FRAGMENT: b""}),
    ("vxlan external dstport 4789 nolocalbypass gbp", 4, (number(5), ttl(64), gbp(0x1234)), {Tun.VXLAN_OPTS: attr(1, struct.pack("=I", 0x1234))}),
    ("vxlan external dstport 4789 nolocalbypass", 6, (number(0xFFFFFF), tos(8), ttl(1), CSUM), {Tun.TOS: b"\10", Tun.TTL: b"\1"}),
    ("geneve external", 4, (number(5), ttl(64), OAM), {Tun.OAM: b""}),
    ("geneve external", 4, (number(5), ttl(64), geneve(geneve_option(3, b"four"))), {Tun.GENEVE_OPTS: geneve_option(3, b"four")}),
    ("geneve external", 4, (number(5), ttl(64), geneve(geneve_option(0x83, b""))), {Tun.GENEVE_OPTS: geneve_option(0x83, b"")}),
    ("geneve external", 6, (number(5), ttl(64), CSUM, geneve(LONG)), {Tun.GENEVE_OPTS: LONG}),
    ("gretap external", 4, (number(0xFFFFFFFF), tos(4), ttl(2)), {Tun.TOS: b"\4", Tun.TTL: b"\2"}),
    ("ip6gretap external", 6, (number(9), ttl(64)), {}),
    ("erspan external", 4, (number(9), ttl(64), erspan(1, 77)), {Tun.ERSPAN_OPTS: parse(erspan(1, 77))[0][1]}),
    ("erspan external", 4, (number(9), ttl(64), erspan(2, direction=1, hwid=3)), {}),
    ("ip6erspan external", 6, (number(9), ttl(64), erspan(1, 5)), {Tun.ERSPAN_OPTS: parse(erspan(1, 5))[0][1]}),
]


def set_and_seen(kind, version, attrs, wanted):
    """What SET says of a tunnel is what the other end's key says of it."""
    said = to_ourselves(kind, *attrs, version=version)
    equal(said[Tun.ID], parse(attrs[0])[0][1], "id")
    first = Tun.IPV4_SRC if version == 4 else Tun.IPV6_SRC
    address = parse(src(HERE[version]))[0][1]
    equal((said[first], said[first + 1]), (address, address), "addresses")
    for which, value in wanted.items():
        equal(said.get(which), value, f"attribute {which} of the tunnel")
    for which in (Tun.OAM, Tun.GENEVE_OPTS, Tun.VXLAN_OPTS):
        true(which in wanted or which not in said, f"attribute {which} came from nowhere")


for NUMBER, CASE in enumerate(SET):
    add(f"what is set is seen, {NUMBER + 1}: {CASE[0]} over IPv{CASE[1]}", set_and_seen, *CASE)


@test
def matched():
    """Geneve options are matched under masks, and their length is a part of the key"""
    option = geneve_option(3, b"abcd")
    to_ourselves("geneve external", number(5), ttl(64), geneve(option))
    key = in_port(2) + ovs.eth() + tunnel(number(5), src(HERE[4]), dst(HERE[4]), ttl(0), geneve(option))
    mask = in_port(0xFFFFFFFF) + ovs.eth(bytes(6), bytes(6)) + tunnel(
        attr(Tun.ID, b"\xff" * 8), tos(0), ttl(0), port(Tun.TP_SRC, 0), port(Tun.TP_DST, 0),
        geneve(b"\xff" * 4 + b"\xff\xff\0\0"),
    )
    dp = underlay.dp

    def hits(*options_):
        before = sum(flow_stats(flow)[0] for flow in dp.flows())
        hit, missed = dp.stats()[:2]
        actions = set_tunnel(src(HERE[4]), dst(HERE[4]), number(5), ttl(64), *options_) + output(2)
        dp.execute(packet.udp4(), actions, key=in_port(1))
        net.wait_for(lambda: sum(dp.stats()[:2]) > hit + missed, "the packet comes in")
        return sum(flow_stats(flow)[0] for flow in dp.flows()) - before

    dp.flush()
    dp.flow(key, b"", mask=mask)
    equal(hits(geneve(option)), 1, "the same options")
    equal(hits(geneve(geneve_option(3, b"ab--"))), 1, "options that differ where the mask does not look")
    equal(hits(geneve(geneve_option(3, b"-bcd"))), 0, "options that differ where it looks")
    equal(hits(geneve(option + option)), 0, "more options")
    equal(hits(), 0, "no options")


@test
def stale():
    """a packet without tunnel after one with options has none of that in its key"""
    to_ourselves("geneve external", number(5), ttl(64), geneve(LONG))
    said = to_ourselves("", number(5), ttl(64), device=False)
    true(Tun.GENEVE_OPTS not in said, "options are left over")
    subprocess.run(["ip", "netns", "exec", "left", "arping", "-c", "1", "-w", "1", "10.1.0.9"], capture_output=True, check=False)
    message = upcalls.next(lambda m: m.cmd == MISS and dict(parse(m.get(Pk.KEY)))[Key.IN_PORT] == struct.pack("=I", 1))
    true(Key.TUNNEL not in dict(parse(message.get(Pk.KEY))), "a packet that came out of no tunnel has one")


@test
def egress():
    """a USERSPACE action with a tunnel port tells what the header will be"""
    Overlay(underlay, "vxlan")
    upcalls.pending()
    ask = nest(Act.USERSPACE, u32(1, upcalls.pid), u32(3, 2))
    where = (number(5), dst(THERE[4]), ttl(9), tos(4))
    underlay.dp.execute(packet.udp4(), set_tunnel(*where) + ask + ask, key=in_port(1))
    for _ in range(2):
        said = dict(parse(upcalls.next(lambda message: message.cmd == ACTION).get(Pk.EGRESS_TUN_KEY)))
        true(struct.unpack(">H", said.pop(Tun.TP_SRC))[0] > 1024, "source port")
        equal(said, dict(parse(b"".join((*where, src(HERE[4]), port(Tun.TP_DST, 4789))))), "egress tunnel key")
    # Without a tunnel, or with a port that is not one for tunnels, the packet comes without such a key.
    for actions in (ask, set_tunnel(*where) + nest(Act.USERSPACE, u32(1, upcalls.pid), u32(3, 1))):
        underlay.dp.execute(packet.udp4(), actions, key=in_port(1))
        message = upcalls.next(lambda message: message.cmd == ACTION)
        equal(message.get(Pk.EGRESS_TUN_KEY), None, "egress tunnel key")


@test
def dumped():
    """a flow with SET of a tunnel is dumped as it was set"""
    dp = underlay.dp
    for attrs in (
        (number(1), src(HERE[4]), dst(THERE[4]), tos(4), ttl(64), DONT_FRAGMENT, CSUM),
        (number(1), dst(THERE[6]), ttl(64), OAM, geneve(LONG)),
        (dst(THERE[4]), ttl(64), gbp(7)),
        (number(3), BRIDGE),
    ):
        dp.flush()
        actions = set_tunnel(*attrs) + output(1)
        dp.flow_from(1, actions)
        # SET, in it the tunnel, in it the attributes.
        got = dp.flows()[0].get(Fl.ACTIONS)
        for _ in range(2):
            got = parse(got)[0][1]
        equal(sorted(parse(got)), sorted(parse(b"".join(attrs))), "tunnel in the dump")


@test
def port_options():
    """ports that make their devices: options are dumped, devices go with ports and the other way round"""
    dp = underlay.dp
    for kind, opts, wanted in (
        (VXLAN, options(4790, GROUP_POLICY), [(1, struct.pack("=H", 4790)), (2, attr(1))]),
        (VXLAN, options(4790), [(1, struct.pack("=H", 4790))]),
        (GENEVE, options(6082), [(1, struct.pack("=H", 6082))]),
        (GRE, b"", None),
    ):
        dp.add("tun0", kind, 2, (0,), *([opts] if opts else []))
        message = dp.port(2)
        equal(message.u32(Vp.TYPE), kind, "type")
        got = message.get(Vp.OPTIONS)
        equal(got and parse(got), wanted, "options")
        true("UP" in net.ip("link show tun0"), "the device is not up")
        dp.remove(2)
        true(not net.exists("tun0"), "the device is still there")
        dp.add("tun0", kind, 2, (0,), *([opts] if opts else []))
        net.ip("link del tun0")
        net.wait_for(lambda: 2 not in dp.ports(), "the port goes with its device")


@test
def bad_options():
    """ports that make their devices: what is refused, and that nothing stays"""
    dp = underlay.dp
    short = nest(Vp.OPTIONS, attr(1, b"\1"))
    for kind in (VXLAN, GENEVE):
        refused(errno.EINVAL, dp.add, "tun0", kind, 2)
        refused(errno.EINVAL, dp.add, "tun0", kind, 2, (0,), nest(Vp.OPTIONS))
        refused(errno.EINVAL, dp.add, "tun0", kind, 2, (0,), short)
    refused(errno.EINVAL, dp.add, "tun0", VXLAN, 2, (0,), nest(Vp.OPTIONS, u16(1, 4790), attr(2)))
    refused(errno.ERANGE, dp.add, "tun0", VXLAN, 2, (0,), options(4790, attr(1, b"\0\0\0\0")))
    refused(errno.EAFNOSUPPORT, dp.add, "tun0", 9, 2)
    net.ip("link add tun0 type dummy")
    defer(net.try_ip, "link del tun0")
    refused(errno.EEXIST, dp.add, "tun0", VXLAN, 2, (0,), options(4790))
    dp.add("tun2", VXLAN, 2, (0,), options(4790))
    refused(errno.EOPNOTSUPP, dp.request, ovs.VPORT, ovs.SET, u32(Vp.PORT_NO, 2), options(4790))
    refused(errno.EEXIST, dp.add, "tun3", VXLAN, 3, (0,), options(4790))
    true(not net.exists("tun3"), "a device stayed")
    dp.remove(2)
    equal(set(dp.ports()), {0, 1}, "ports")


main(setup)
