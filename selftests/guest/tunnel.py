#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
"""Tunnels: overlays between the datapath and the kernel's own devices, and what keys say of them."""

import os
import socket
import struct
import subprocess

from lib import net, ovs, packet
from lib.ktap import add, defer, equal, find_module, main, test, true
from lib.netlink import PATIENCE, Namespace, Socket, attr, nest, parse, u16, u32
from lib.overlay import (
    BRIDGE, CSUM, DONT_FRAGMENT, HERE, LEFT, OAM, PEER, PEER_HOST, THERE, THIRD_HOST, Overlay, Tun, Underlay, dst, erspan,
    forget_paths, gbp, geneve, geneve_option, number, ping, port, run_in, set_tunnel, src, tos, try_ping, ttl, tunnel, unload,
)
from lib.ovs import ACTION, MISS, Act, Datapath, Feature, Fl, Key, Pk, Vp, flow_stats, in_port, output

GRE, VXLAN, GENEVE = 3, 4, 5
UDP_SEGMENT = 103
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
UDP_PORTS = {"vxlan": 4789, "geneve": 6081}
PORTS = {"vxlan": (VXLAN, (options(4789, GROUP_POLICY),)), "geneve": (GENEVE, (options(6081),)), "gretap": (GRE, ())}


def iperf(client, server, address, *more):
    """A second's worth of packets."""
    running = subprocess.Popen(
        ["ip", "netns", "exec", server, "iperf3", "-s", "-1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        net.wait_for(lambda: ":5201 " in run_in(server, "ss", "-ltn"), "the server listens")
        run_in(client, "iperf3", "-c", address, *more)
    finally:
        running.kill()
        running.wait()


def reaches(client, server, host):
    """Pings, with and without a VLAN inside; TCP in large pieces; UDP."""
    ping(client, host.address)
    ping(client, host.tagged_address)
    iperf(client, server, host.address, "-n", "2M")
    iperf(client, server, host.address, "-u", "-b", "20M", "-n", "500K")


def overlay(kind, version, vport):
    """All that goes through a tunnel, and what does not."""
    lay = Overlay(underlay, kind, version, vport=vport)
    more = MORE.get(kind, ())
    lay.connect(*more)
    reaches("left", "peer", PEER_HOST)
    edges(lay, more)
    stranger(lay)


def edges(lay, more):
    """The longest packets, in one of the underlay that must not be fragmented, and longer ones."""
    fits = str(lay.mtu() - 28)
    long = str(lay.mtu() - 27)
    # TCP has told left what is too long.
    forget_paths()
    lay.connect(DONT_FRAGMENT, *more)
    ping("left", PEER, "-s", fits, "-M", "dont")
    true(not try_ping("left", PEER, "-s", long, "-M", "dont")[0], "a packet went through that is too long")
    if lay.kind in ("vxlan", "geneve"):
        # These drivers answer for the path if the packet inside must not be fragmented, either.
        said = try_ping("left", PEER, "-s", long, "-M", "do")[1]
        true(f"mtu = {lay.mtu()}" in said, f"the sender is not told: {said}")
        forget_paths()
    if lay.version == 4:
        lay.connect(*more)
        ping("left", PEER, "-s", long, "-M", "dont")
        ping("left", PEER, "-s", "1472", "-M", "dont")


def stranger(lay):
    """Packets with another id do not get through: they are a miss, and the key tells of all of the tunnel."""
    lay.plain(8)
    upcalls.pending()
    hits = {flow.get(Fl.KEY): flow_stats(flow)[0] for flow in lay.dp.flows()}
    try_ping("peer", LEFT)
    said = received(lambda said: said[Tun.ID] == (8).to_bytes(8, "big"))
    first = Tun.IPV6_SRC if lay.version == 6 else Tun.IPV4_SRC
    equal(said[first], parse(src(THERE[lay.version]))[0][1], "outer source")
    equal(said[first + 1], parse(src(HERE[lay.version]))[0][1], "outer destination")
    true(said[Tun.TTL] > b"\0", "TTL")
    if lay.kind in UDP_PORTS:
        equal(said[Tun.TP_DST], UDP_PORTS[lay.kind].to_bytes(2, "big"), "outer destination port")
    for flow in lay.dp.flows():
        key = dict(parse(flow.get(Fl.KEY)))
        if key[Key.IN_PORT] == struct.pack("=I", 2):
            equal(flow_stats(flow)[0], hits[flow.get(Fl.KEY)], "packets of a flow for the other id")


for KIND in ("vxlan", "geneve", "gretap", "ip6gretap", "erspan", "ip6erspan"):
    for VERSION in (4, 6):
        if KIND.startswith("ip6") and VERSION == 4 or KIND in ("gretap", "erspan") and VERSION == 6:
            continue
        add(f"a network over {KIND} and IPv{VERSION}", overlay, KIND, VERSION, None)
        if KIND in PORTS:
            add(f"a network over a port of type {KIND} and IPv{VERSION}", overlay, KIND, VERSION, PORTS[KIND])


def middle(first, second):
    """Two hosts reach each other through this one, which takes packets out of one tunnel and puts them
    into another."""
    THIRD_HOST.connect()
    (kind, version, vport), (other, other_version, other_vport) = first, second
    one = Overlay(underlay, kind, version, vport=vport)
    same = kind == other
    two = Overlay(
        underlay, other, other_version, vni=9, vport=other_vport, host=THIRD_HOST, number=2 if same else 3, old=same
    )
    underlay.dp.flush()
    one.from_host(two.out(*MORE.get(other, ())))
    two.from_host(one.out(*MORE.get(kind, ())))
    reaches("peer", "third", THIRD_HOST)
    equal(set(flow_stats(flow)[0] > 0 for flow in underlay.dp.flows()), {True}, "all flows were used")


for FIRST, SECOND in (
    (("vxlan", 4, None), ("geneve", 6, None)),
    (("vxlan", 6, PORTS["vxlan"]), ("gretap", 4, PORTS["gretap"])),
    (("geneve", 4, PORTS["geneve"]), ("ip6gretap", 6, None)),
    (("vxlan", 4, None), ("vxlan", 6, None)),
):
    add(
        "from tunnel to tunnel: " + ", ".join(f"{k} over IPv{v}{' by type of port' if p else ''}" for k, v, p in (FIRST, SECOND)),
        middle, FIRST, SECOND,
    )


def received(wanted=lambda said: True):
    """What the key in the next such upcall for port 2 says of the tunnel."""

    def mine(message):
        key = dict(parse(message.get(Pk.KEY))) if message.cmd == MISS else {}
        return Key.TUNNEL in key and wanted(dict(parse(key[Key.TUNNEL])))

    return dict(parse(dict(parse(upcalls.next(mine).get(Pk.KEY)))[Key.TUNNEL]))


def tunnel_port(kind):
    net.ip(f"link add tun0 type {kind}")
    defer(net.try_ip, "link del tun0")
    net.up("tun0")
    underlay.dp.add("tun0", number=2, pids=(upcalls.pid,))


def to_ourselves(kind, *attrs, version=4, device=True):
    """What comes in after a packet went through such a tunnel to this host."""
    if device:
        tunnel_port(kind)
    send_to_ourselves(*attrs, version=version)
    return received()


def send_to_ourselves(*attrs, version=4):
    underlay.dp.flush()
    upcalls.pending()
    actions = set_tunnel(src(HERE[version]), dst(HERE[version]), *attrs) + output(2)
    underlay.dp.execute(packet.udp4(), actions, key=in_port(1))


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
def gre_checksum():
    """GRE's devices for all tunnels send checksums, and take no packet with one"""
    tunnel_port("gretap external")
    for more, errors in ((), 0), ((CSUM,), 1):
        send_to_ourselves(number(9), ttl(64), *more)
        net.wait_for(lambda: net.statistic("tun0", "rx_packets") + net.statistic("tun0", "rx_errors") > errors, "the packet comes in")
        equal(net.statistic("tun0", "rx_crc_errors"), errors, "packets dropped for their checksum")


@test
def long_for_the_device():
    """a packet that is longer than the device allows is dropped, whatever the path allows"""
    lay = Overlay(underlay, "gretap")
    lay.connect()
    net.ip("link set tun0 mtu 1400")
    ping("left", PEER, "-s", "1372", "-M", "dont")
    before = net.statistic("tun0", "tx_errors"), underlay.dp.port_stats(2)[5]
    true(not try_ping("left", PEER, "-s", "1373", "-M", "dont")[0], "a packet went through that is too long")
    equal(net.statistic("tun0", "tx_errors") - before[0], 1, "errors that the device counts")
    equal(underlay.dp.port_stats(2)[5] - before[1], 1, "errors that the port counts")


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


def datagrams_in_list(kind, version, *more):
    """Datagrams that GRO has put in a list arrive, though there is less room in front of them than the headers need."""
    lay = Overlay(underlay, kind, version)
    lay.connect(*more)
    ping("left", PEER)
    run_in("left", "ethtool", "-K", "eth0", "tx-udp-segmentation", "off")
    net.run("ethtool", "-K", "p1", "gro", "on", "rx-gro-list", "on")
    defer(net.run, "ethtool", "-K", "p1", "gro", "off", "rx-gro-list", "off")
    # They are cut up behind the tunnel's headers.
    net.run("ethtool", "-K", "u0", "tx-gso-list", "off", "gso", "off")
    defer(net.run, "ethtool", "-K", "u0", "tx-gso-list", "on", "gso", "on")
    with Namespace("peer"):
        there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        there.bind((PEER, 5000))
        there.settimeout(PATIENCE)
    with Namespace("left"):
        here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sent = [bytes((i,)) * 500 for i in range(16)]
    before = lay.dp.stats()[0]
    with here, there:
        here.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 500)
        here.sendto(b"".join(sent), (PEER, 5000))
        equal([there.recv(1000).hex() for _ in sent], [data.hex() for data in sent], "datagrams")
    true(lay.dp.stats()[0] - before < len(sent) / 2, "they did not come as a list")


add("datagrams in a list go through a VXLAN tunnel over IPv6", datagrams_in_list, "vxlan", 6)
add("datagrams in a list go through a Geneve tunnel with options", datagrams_in_list, "geneve", 4, geneve(geneve_option(3, bytes(120))))


@test
def lost_checksum():
    """a packet comes out of a tunnel whose outer headers' checksum had been left to the device"""
    tunnel_port("geneve external")
    net.veth("g0", "g1")
    net.ip("addr add 172.16.77.1/24 dev g0")
    inner = packet.ether(bytes(100), 0x88B5)
    outer = struct.pack(">HHHHHHI", 1234, 6081, 16 + len(inner), 0x1234, 0, 0x6558, 5 << 8) + inner
    upcalls.pending()
    net.Wire("g1", vnet=True).send_gso(
        packet.ether(packet.ipv4(outer, 17, "172.16.77.2", "172.16.77.1"), 0x0800, dst=net.mac("g0")), 0, 0, 0, 22, 2
    )
    message = upcalls.next(lambda m: m.cmd == MISS and dict(parse(m.get(Pk.KEY)))[Key.IN_PORT] == struct.pack("=I", 2))
    equal(message.get(Pk.PACKET), inner, "packet for user space")


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


main(setup)
