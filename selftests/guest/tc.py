#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
"""Packets that tc passes on: what a chain of its filters has no match for goes on with that recirculation id."""

import errno
import os
import struct

from lib import ktap, net, ovs, packet
from lib.conntrack import conntrack
from lib.ktap import Skip, defer, equal, find_module, forget, main, test, true
from lib.net import Wire
from lib.netlink import Socket, attr, parse, s32, string, u32
from lib.ovs import DP, NEW, Datapath, Dp, Feature, Key, Pk

# Of the state of connections.
NEW_, INV, TRK, SNAT = 0x01, 0x10, 0x20, 0x40
CHAIN, ZONE = 7, 5


def setup():
    net.load()
    find_module()
    net.quiet_devices()


class Lab:
    """Port 1, whose packets go through tc first."""

    def __init__(self, features=Feature.TC_RECIRC_SHARING):
        # Sharing is refused then, as is seen by the test of datapaths' features.
        if not net.configured("NET_TC_SKB_EXT"):
            raise Skip("this kernel has no NET_TC_SKB_EXT")
        self.nl = Socket()
        defer(self.nl.close)
        self.dp = Datapath(features=features)
        net.veth("p1", "e1")
        self.dp.add("p1", number=1, pids=(self.nl.pid,))
        self.wire = Wire("e1")
        net.run("tc", "qdisc", "add", "dev", "p1", "clsact")

    def filter(self, *actions):
        """tc does this with all packets; those that it sends on to a chain without a match leave it there."""
        net.run("tc", "filter", "add", "dev", "p1", "ingress", "protocol", "all", "flower", *actions)

    def upcall(self, data):
        self.wire.send(data)
        return self.nl.next(lambda message: message.cmd == ovs.MISS)

    def key(self, data):
        """The key of a packet that has no flow: its recirculation id, and what is told of connection tracking."""
        return told(self.upcall(data))


def told(upcall):
    key = dict(parse(upcall.get(Pk.KEY)))
    numbers = [struct.unpack("=I", key[kind])[0] for kind in (Key.RECIRC_ID, Key.CT_STATE)]
    return *numbers, *struct.unpack("=H", key[Key.CT_ZONE])


def goto(chain):
    return "action", "goto", "chain", str(chain)


def track(*more):
    return "action", "ct", "zone", str(ZONE), *more, "pipe"


@test
def chain():
    """the number of the chain is the packet's recirculation id, and its flow is found by that"""
    lab = Lab()
    equal(lab.key(packet.udp4()), (0, 0, 0), "key without filters")
    lab.filter(*goto(CHAIN))
    equal(lab.key(packet.udp4()), (CHAIN, 0, 0), "key")
    # The same chain has a match for some.
    net.run("tc", "filter", "add", "dev", "p1", "ingress", "chain", str(CHAIN), "protocol", "ip", "flower", "ip_proto", "tcp", *goto(9))
    equal(lab.key(packet.udp4()), (CHAIN, 0, 0), "key of a datagram")
    equal(lab.key(packet.tcp4()), (9, 0, 0), "key of a segment")
    net.run("dpctl", "add-flow", "dp0", f"recirc_id({CHAIN}),in_port(1),eth(),eth_type(0x0800),ipv4()", "drop")
    hits = lab.dp.stats()[0]
    lab.wire.send(packet.udp4())
    net.wait_for(lambda: lab.dp.stats()[0] == hits + 1, "hit")


@test
def connections():
    """what tc tracked is known, with its zone; so is what it found invalid"""
    lab = Lab()
    defer(conntrack, "-F")
    lab.filter(*track(), *goto(CHAIN))
    equal(lab.key(packet.udp4()), (CHAIN, TRK | NEW_, ZONE), "key of a new connection")
    equal(lab.key(packet.ether(packet.ipv4(packet.tcp(flags=0x3F), 6), 0x0800)), (CHAIN, TRK | INV, ZONE), "key of an invalid packet")


@test
def translation():
    """NAT is told of the translation that tc has done, not of what the connection has"""
    lab = Lab()
    defer(conntrack, "-F")
    there = packet.udp4()
    lab.filter(*track("commit", "nat", "src", "addr", "10.9.9.9"), *goto(CHAIN))
    equal(lab.key(there), (CHAIN, TRK | NEW_ | SNAT, ZONE), "key of what was translated")
    # The same connection, tracked but not translated.
    net.run("tc", "filter", "del", "dev", "p1", "ingress")
    lab.filter(*track(), *goto(CHAIN))
    equal(lab.key(there), (CHAIN, TRK | NEW_, ZONE), "key of what was not")


@test
def fragments():
    """the size of the fragments that tc put together is known"""
    lab = Lab()
    defer(conntrack, "-F")
    lab.filter(*track(), *goto(CHAIN))
    datagram = packet.udp(bytes(1600))
    # More follow, which are in units of 8 bytes from the start.
    for at, data in ((0x2000, datagram[:800]), (0x2000 | 100, datagram[800:1600])):
        lab.wire.send(packet.ether(packet.ipv4(data, 17, frag=at), 0x0800))
    upcall = lab.upcall(packet.ether(packet.ipv4(datagram[1600:], 17, frag=200), 0x0800))
    equal(told(upcall), (CHAIN, TRK | NEW_, ZONE), "key")
    equal(len(upcall.get(Pk.PACKET)), 14 + 20 + len(datagram), "length of the packet")
    equal(upcall.get(Pk.MRU), struct.pack("=H", 820), "size of the fragments")


def refused_sharing(nl):
    shares = u32(Dp.USER_FEATURES, Feature.TC_RECIRC_SHARING)
    name, pid = string(Dp.NAME, "dp2"), u32(Dp.UPCALL_PID, 0)
    ovs.refused(errno.EEXIST, nl.request, DP, NEW, 0, string(Dp.NAME, "lo"), pid, shares)
    ovs.refused(errno.EINVAL, nl.request, DP, NEW, 0, name, attr(Dp.UPCALL_PID, bytes(4 * 9999)), shares)
    ovs.refused(errno.ERANGE, nl.request, DP, NEW, 0, name, pid, shares, s32(Dp.IFINDEX, -1))


@test
def wanted():
    """tc passes nothing on unless a datapath shares: not after it has gone, was not made, or does no longer"""
    lab = Lab(0)
    lab.filter(*goto(CHAIN))

    def shared():
        return lab.key(packet.udp4())[0] == CHAIN

    true(not shared(), "a packet is passed on though nobody wants it")
    # Who shares decides for all.
    other = Datapath("dp1", 0, Feature.TC_RECIRC_SHARING)
    true(shared(), "no packet is passed on")
    other.set_features(Feature.UNALIGNED)
    true(not shared(), "a packet is passed on to one that shares no longer")
    for _ in range(2):
        other.set_features(Feature.TC_RECIRC_SHARING)
        true(shared(), "no packet is passed on to one that shares again")
    other.delete()
    true(not shared(), "a packet is passed on to one that has gone")

    if ktap.RUST:
        refused_sharing(other.nl)
        true(not shared(), "a packet is passed on to one that was not made")
    else:
        # It would share for ever, until the next boot.
        ktap.diag("not tried with the C module: a datapath that is not made")

    child = os.fork()
    if not child:
        status = 1
        try:
            forget()
            os.unshare(os.CLONE_NEWNET)
            Datapath("dp0", 0, Feature.TC_RECIRC_SHARING)
            status = 0
        finally:
            os._exit(status)
    equal(os.waitpid(child, 0)[1], 0, "status of the process in another namespace")
    net.wait_for(lambda: not shared(), "end of sharing of a namespace that has gone")


if __name__ == "__main__":
    main(setup)
