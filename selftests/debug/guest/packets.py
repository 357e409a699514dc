#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
# allocations fail
"""Packets made by chance (debug/mangle), of all kinds and in all states that drivers leave them in, for flows made by
chance: they come in by devices, go round through tunnels, connection tracking and another datapath, and to user space.

FUZZ_PACKETS= says how many, SEED= which ones. The kernel must not complain; if it does the test tells after which
packets, and if it panics, the kernel itself does. The trace of a call that it may have is of a checksum that it finds
wrong in a packet out of a tunnel: so it does beside its own module.
"""

import os
import re
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../guest"))
# pylint: disable=wrong-import-position
from lib import net, overlay, ovs
from lib.chance import Chance
from lib.ktap import Failure, defer, find_module, main, test, true
from lib.mangle import DEVICES, Mangle
from lib.netlink import CREATE, Error, Socket, attr, nest, u16, u32
from lib.ovs import FLOW, NEW, Datapath, Dp, Fl, Vp

PACKETS = int(os.environ.get("FUZZ_PACKETS", 200000))
SEED = int(os.environ.get("SEED", 1))
# Packets with the same flows, and as many flows; packets before another device has its turn, and of these turns one
# after which what has come to user space is read: else the socket is full, and they are lost.
ROUND, FLOWS, TURN, READ = 10000, 60, 500, 4
BAD = re.compile(r"BUG:|WARNING:|Oops|KASAN|UBSAN|ODEBUG|possible recursive|suspicious RCU|corruption|refcount_t|bad unlock")
GRE, VXLAN, GENEVE = 3, 4, 5
METER, METER_SET = "ovs_meter", 2


def setup():
    net.load()
    find_module()
    net.quiet_devices()
    # What cuts up large packets behind labels.
    net.run("modprobe", "mpls_gso")


class Kernel:
    """What the kernel has said since it was asked last."""

    def __init__(self):
        self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)

    def complaint(self):
        while True:
            try:
                line = os.read(self.fd, 8192).decode(errors="replace")
            except (BlockingIOError, BrokenPipeError):
                return None
            if BAD.search(line):
                return line.split(";", 1)[-1].split("\n")[0]


class World:
    """Two datapaths, and all that can be a port."""

    def __init__(self):
        self.nl = Socket()
        defer(self.nl.close)
        self.dp = Datapath("dp0", self.nl.pid, ovs.Feature.UNALIGNED)
        self.other = Datapath("dp1", self.nl.pid)
        # Through the tunnels.
        net.ip("addr add 172.31.0.1/24 dev mgl4")
        net.ip("neigh add 172.31.0.2 lladdr 02:00:00:00:00:02 dev mgl4 nud permanent")
        for i in range(4):
            self.dp.add(f"mgl{i}", number=i + 1, pids=(self.nl.pid,))
        self.dp.add("int0", Vp.INTERNAL, 5, (self.nl.pid,))
        net.up("int0")
        self.dp.add("vx0", VXLAN, 6, (self.nl.pid,), nest(Vp.OPTIONS, u16(1, 4789), nest(2, attr(1))))
        self.dp.add("gn0", GENEVE, 7, (self.nl.pid,), nest(Vp.OPTIONS, u16(1, 6081)))
        self.dp.add("gre0x", GRE, 8, (self.nl.pid,))
        net.veth("v0", "v1")
        self.dp.add("v0", number=9, pids=(self.nl.pid,))
        self.other.add("v1", number=1, pids=(self.nl.pid,))
        self.other.add("mgl5", number=2, pids=(self.nl.pid,))

    def flows(self, chance, last):
        """Others than before: (how many were tried, how many were taken). The other datapath sends nothing back:
        packets would go round for ever."""
        taken = 0
        for dp in (self.dp, self.other):
            dp.flush()
        for i in range(FLOWS):
            dp, source = (self.dp, chance) if i % 8 else (self.other, last)
            key, mask, actions = source.flow()
            try:
                dp.request(FLOW, NEW, attr(Fl.KEY, key), attr(Fl.MASK, mask), attr(Fl.ACTIONS, actions), flags=CREATE)
                taken += 1
            except Error:
                pass
        for number, rate in ((0, 1000000), (1, 10)):
            self.dp.request(METER, METER_SET, u32(1, number), nest(4, nest(1, u32(1, 1), u32(2, rate), u32(3, rate))))
        features = chance.random.choice((1, 1, 9, 0))
        pids = struct.pack("=2I", self.nl.pid, chance.random.choice((0, self.nl.pid)))
        self.dp.set_features(features, *([attr(Dp.PER_CPU_PIDS, pids)] if features & 8 else []))
        return FLOWS, taken

    def upcalls(self):
        count = 0
        self.nl.sock.setblocking(False)
        try:
            while True:
                try:
                    self.nl.sock.recv(1 << 17)
                    count += 1
                except BlockingIOError:
                    return count
                except OSError:
                    # Some were lost.
                    pass
        finally:
            self.nl.sock.setblocking(True)


def tunnels():
    """What packets are sent through: the port, and where to. Not to this host: packets would go round for ever."""
    where = overlay.number(7), overlay.dst("172.31.0.2")
    for number in (6, 7, 8):
        yield number, (*where, overlay.ttl(64))
    yield 6, (*where, overlay.gbp(5), overlay.CSUM, overlay.DONT_FRAGMENT)
    yield 7, (*where, overlay.geneve(overlay.geneve_option(3, bytes(64))))


@test
def mangled_packets():
    """packets made by chance, for flows made by chance"""
    mangle, world, kernel = Mangle(), World(), Kernel()
    done = sent = up = tried = taken = 0
    start = time.monotonic()
    while done < PACKETS:
        seed = SEED + done // ROUND
        chance = Chance(seed, list(range(10)), list(tunnels()), world.nl.pid)
        some, good = world.flows(chance, Chance(seed, [2, 3], (), world.nl.pid))
        tried, taken = tried + some, taken + good
        for at in range(0, ROUND, TURN):
            sent += mangle.run(chance.random.choice(DEVICES), seed, at, TURN)
            if chance.random.randrange(READ) == 0:
                up += world.upcalls()
            done += TURN
        complaint = kernel.complaint()
        if complaint:
            raise Failure(f"SEED={seed} FUZZ_PACKETS={ROUND}: {complaint}")
        if done % max(10 * ROUND, PACKETS // 100) < ROUND:
            print(f"# {done} packets, {sent} out, {up} to user space, {time.monotonic() - start:.0f} s")
    print(f"# SEED={SEED}: {done} packets, {sent} went out, {up} to user space, {taken} flows of {tried}, {time.monotonic() - start:.0f} s")
    hits, misses, lost, _ = world.dp.stats()
    print(f"# {hits} hits, {misses} misses, {lost} lost")
    true(taken > tried / 4 and sent > done / 50 and up > done / 100, "too few flows are valid, or packets go nowhere")


if __name__ == "__main__":
    main(setup)
