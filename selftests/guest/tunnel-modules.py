#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
"""The modules for kinds of ports, and tunnels from which things are taken away while packets go through."""

import os
import subprocess

from lib import net
from lib.ktap import Skip, add, defer, equal, find_module, main, test, true
from lib.netlink import Namespace, Socket, attr, nest, u16
from lib.overlay import (
    HERE, PEER, THERE, Overlay, Tun, Underlay, dst, namespace, number, port, remove, run_in, set_tunnel, src, tos, ttl,
    tunnel, unload,
)
from lib.ovs import DEL, VPORT, Datapath, Feature, Vp, eth, in_port, output

STOCK = f"/lib/modules/{os.uname().release}/kernel/net/openvswitch"
# Kind of tunnel: its number as a type of port, and the options.
KINDS = {"gre": (3, ()), "vxlan": (4, (nest(4, u16(1, 4789), nest(2, attr(1))),)), "geneve": (5, (nest(4, u16(1, 6081)),))}
dp = underlay = None


def setup():
    global dp, underlay
    net.load()
    defer(unload)
    find_module()
    net.quiet_devices()
    dp = Datapath(features=Feature.UNALIGNED)
    underlay = Underlay(dp)


def loaded(kind):
    return os.path.exists(f"/sys/module/vport_{kind}")


def on_demand(kind):
    """The first port of a type loads its module."""
    type_, options = KINDS[kind]
    true("/updates/" in net.run("modinfo", "-n", f"vport-{kind}"), "modprobe finds another module than ours")
    net.remove_module(f"vport_{kind}")
    dp.add("tun0", type_, 2, (0,), *options)
    true(loaded(kind), "the module is not loaded")
    true(os.path.exists(f"/sys/module/vport_{kind}/version"), "the module is not ours")
    dp.remove(2)
    net.remove_module(f"vport_{kind}")


def stock(kind):
    """The stock module finds nothing here to hold on to."""
    if not os.path.exists(f"{STOCK}/vport-{kind}.ko"):
        raise Skip("this kernel has no such module")
    net.remove_module(f"vport_{kind}")
    needed = net.run("modinfo", "-F", "depends", f"{STOCK}/vport-{kind}.ko").strip().split(",")
    net.run("modprobe", "-a", *needed)
    done = subprocess.run(["insmod", f"{STOCK}/vport-{kind}.ko"], capture_output=True, text=True, check=False)
    true(done.returncode and "Unknown symbol" in done.stderr, f"insmod: {done.stderr or 'loaded'}")


for KIND in KINDS:
    add(f"a port of type {KIND} loads its module, which is ours", on_demand, KIND)
for KIND in KINDS:
    add(f"the stock vport-{KIND}.ko refuses to load beside our module", stock, KIND)


def flood(sender="left", to=PEER):
    """Packets until the end of the test."""
    flooding = subprocess.Popen(
        ["ip", "netns", "exec", sender, "ping", "-q", "-f", to], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    defer(flooding.wait)
    defer(flooding.kill)


def flood_tunnel():
    """Packets through the tunnel, both ways, until the end of the test."""
    flood()
    sent = net.statistic("u0", "tx_packets")
    net.wait_for(lambda: net.statistic("u0", "tx_packets") > sent + 200, "packets go through the tunnel")


@test
def module():
    """a module goes while packets go through its ports: it takes them along, and user space is told"""
    listener = Socket()
    defer(listener.close)
    listener.join(VPORT)
    lay = Overlay(underlay, "vxlan", vport=KINDS["vxlan"])
    lay.connect()
    flood_tunnel()
    net.remove_module("vport_vxlan")
    equal(set(dp.ports()), {0, 1}, "ports")
    true(not net.exists("tun0"), "the device is still there")
    told = listener.next(lambda message: message.cmd == DEL)
    equal(told.get(Vp.NAME), b"tun0\0", "the port that user space is told of")
    dp.add("tun0", KINDS["vxlan"][0], 2, (0,), *KINDS["vxlan"][1])
    # Ping itself may miss an answer: until it has a filter it gets all those to the flood.
    net.wait_for(reachable, "the peer answers")


@test
def ports():
    """ports and devices come and go while packets go through them"""
    lay = Overlay(underlay, "vxlan")
    lay.connect()
    flood_tunnel()
    for _ in range(3):
        dp.remove(2)
        dp.add("tun0", number=2)
        net.wait_for(reachable, "the peer answers")
    net.ip("link del tun0")
    net.wait_for(lambda: 2 not in dp.ports(), "the port goes with its device")


def reachable():
    return subprocess.run(["ip", "netns", "exec", "left", "ping", "-q", "-c", "1", "-W", "1", PEER], capture_output=True, check=False).returncode == 0


@test
def route():
    """the device of the underlay goes while actions have a route by it"""
    Overlay(underlay, "vxlan")
    namespace("far")
    net.ip("link add u2 type veth peer name u3 netns far")
    net.ip("addr add 172.30.0.1/24 dev u2")
    net.up("u2")
    run_in("far", "ip", "addr", "add", "172.30.0.2/24", "dev", "u3")
    run_in("far", "ip", "link", "set", "u3", "up")
    net.plugged("u2")
    dp.flush()
    dp.flow_from(1, set_tunnel(number(7), dst("172.30.0.2"), ttl(64)) + output(2))
    for _ in range(3):
        dp.execute(bytes(60), set_tunnel(number(7), dst("172.30.0.2"), ttl(64)) + output(2), key=in_port(1))
        reachable()
    true(net.statistic("u2", "tx_packets") > 0, "nothing went by the other underlay")
    net.ip("link del u2")
    true(not net.exists("u2"), "the device is still there")
    equal(len(dp.flows()), 1, "flows")


@test
def whole_namespace():
    """a namespace goes with its datapath, its tunnels, and the routes in its flows"""
    for _ in range(3):
        namespace("gone")
        with Namespace("gone"):
            own = Datapath("dp9", features=Feature.UNALIGNED)
            net.ip("addr add 172.29.0.1/32 dev lo")
            for number_, (type_, options) in enumerate(KINDS.values(), 1):
                own.add(f"tun{number_}", type_, number_, (0,), *options)
                actions = set_tunnel(number(7), dst("172.29.0.1"), ttl(64)) + output(number_)
                own.flow_from(number_ - 1, actions)
                for _ in range(3):
                    own.execute(bytes(60), actions, key=in_port(1))
            # It would keep the namespace.
            own.nl.close()
        remove("gone")


def busy_namespace(kind):
    """What comes from a host goes through a tunnel to the namespace itself, until the namespace goes."""
    type_, options = KINDS[kind]
    there = "172.29.0.1"
    namespace("gone")
    namespace("sender")
    net.ip("-n gone link add g0 type veth peer name s0 netns sender")
    for line in ("addr add 10.8.0.1/24 dev s0", "link set s0 up", "neigh add 10.8.0.2 lladdr 02:00:00:00:08:02 dev s0"):
        net.ip(f"-n sender {line}")
    with Namespace("gone"):
        own = Datapath("dp9", features=Feature.UNALIGNED)
        net.ip(f"addr add {there}/32 dev lo")
        net.up("g0")
        own.add("g0", number=1)
        own.add("tun0", type_, 2, (0,), *options)
        own.flow_from(1, set_tunnel(number(7), src(there), dst(there), ttl(64)) + output(2))
        wild = tunnel(attr(Tun.ID, b"\xff" * 8), tos(0), ttl(0), port(Tun.TP_SRC, 0), port(Tun.TP_DST, 0))
        own.flow(
            in_port(2) + eth() + tunnel(number(7), src(there), dst(there), ttl(0)), output(1),
            mask=in_port(0xFFFFFFFF) + eth(bytes(6), bytes(6)) + wild,
        )
        flood("sender", "10.8.0.2")
        net.wait_for(lambda: own.port_stats(2)[0] > 20, "packets come out of the tunnel")
        # It would keep the namespace.
        own.nl.close()
    remove("gone")
    net.wait_for(lambda: not run_in("sender", "ip", "-br", "link", "show", "type", "veth"), "the namespace is gone")


for KIND in KINDS:
    add(f"a namespace goes while packets go through its port of type {KIND}", busy_namespace, KIND)


@test
def other_end():
    """the namespace at the other end goes, with the device of the underlay, while packets go there"""
    Overlay(underlay, "vxlan").connect()
    flood_tunnel()
    remove("peer")
    net.wait_for(lambda: not net.exists("u0"), "the device of the underlay goes")
    equal(set(dp.ports()), {0, 1, 2}, "ports")
    # There is no way, and that is all.
    before = net.statistic("tun0", "tx_errors") + net.statistic("tun0", "tx_carrier_errors")
    dp.execute(bytes(60), set_tunnel(number(7), src(HERE[4]), dst(THERE[4]), ttl(64)) + output(2), key=in_port(1))
    true(net.statistic("tun0", "tx_errors") + net.statistic("tun0", "tx_carrier_errors") > before, "the packet went somewhere")


main(setup)
