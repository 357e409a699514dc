#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
"""The flow table under packets on all CPUs while several processes change and dump it."""

import contextlib
import os
import random
import signal
import socket
import struct

from lib import net, ovs, packet
from lib.ktap import equal, find_module, main, test, true
from lib.net import Wire
from lib.netlink import attr, u32
from lib.ovs import DEL, FLOW, Datapath, Fl, Key, eth, eth_type, flow_stats, in_port

# Flows that stay, and packets hit; all of them in one group of masks.
STABLE = 64
# Flows that a writer adds and removes in each of its rounds. Each has a mask of its own.
FLOWS, ROUNDS = 300, 4
CPUS = range(os.cpu_count())


def setup():
    net.load()
    find_module()
    net.quiet_devices()


def ufid(number):
    return attr(Fl.UFID, struct.pack("=I", number))


def flow(dp, port, dport, number, ttl, src="0.0.0.0", src_mask="0.0.0.0", sport_mask=0):
    """Installs a flow that matches a UDP port, and with these masks, more."""
    key = u32(Key.RECIRC_ID, 0) + in_port(port) + eth() + eth_type(0x0800)
    key += ovs.ipv4(src, packet.B4, packet.UDP, 0, 64) + ovs.ports(Key.UDP, 0, dport)
    mask = u32(Key.RECIRC_ID, 0xFFFFFFFF) + in_port(0xFFFFFFFF) + eth(bytes(6), bytes(6)) + eth_type(0xFFFF)
    mask += ovs.ipv4(src_mask, "255.255.255.255", 255, 0, ttl) + ovs.ports(Key.UDP, sport_mask, 0xFFFF)
    dp.flow(key, b"", ufid(number), mask=mask)


def stable(port, number):
    return port * 1000 + number


def child(cpu, function, *args):
    """Starts a process on a CPU."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.sched_setaffinity(0, {cpu})
        function(*args)
        status = 0
    finally:
        os._exit(status)


def send(port):
    """Sends a packet for each of the flows that stay, again and again until it is killed."""
    wire = Wire(f"e{port}")
    packets = [packet.ether(packet.ipv4(packet.udp(sport=0, dport=stable(port, i)), packet.UDP), 0x0800) for i in range(STABLE)]
    while True:
        for data in packets:
            with contextlib.suppress(OSError):
                wire.send(data)


def change(dp, port, seed):
    """Adds flows in the same group, with masks that come and go, and removes them in another order."""
    chance = random.Random(seed)
    dp.nl = ovs.Socket()
    for _ in range(ROUNDS):
        numbers = [seed << 16 | i for i in range(FLOWS)]
        for number in numbers:
            # No packet comes from there, nor to these ports.
            src_mask = socket.inet_ntoa(struct.pack(">I", 0x80000000 | chance.getrandbits(31)))
            low = number & 0xFFFF
            flow(dp, port, 30000 + seed * FLOWS + low, number, low & 0xFF, "192.0.2.1", src_mask, low)
        chance.shuffle(numbers)
        for number in numbers:
            dp.request(FLOW, DEL, ufid(number))


@test
def no_packet_misses():
    """packets hit flows that stay, on all CPUs, while flows and masks around them come and go"""
    dp = Datapath()
    ports = range(1, len(CPUS) + 1)
    for port in ports:
        net.veth(f"p{port}", f"e{port}")
        dp.add(f"p{port}", number=port)
        for i in range(STABLE):
            flow(dp, port, stable(port, i), stable(port, i), 1 << i % 8)
    wanted = {struct.pack("=I", stable(port, i)) for port in ports for i in range(STABLE)}

    senders = [child(cpu, send, port) for cpu, port in zip(CPUS, ports)]
    try:
        net.wait_for(lambda: dp.stats()[0] > 1000, "packets")
        writers = {child(cpu, change, dp, port, 1 + cpu) for cpu, port in zip(CPUS, ports)}
        dumps = 0
        while writers:
            found = [message.get(Fl.UFID) for message in dp.flows(u32(Fl.UFID_FLAGS, 7))]
            stay = [name for name in found if name in wanted]
            equal((len(stay), set(stay) == wanted), (len(wanted), True), "flows that stay in a dump, each once")
            dumps += 1
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                equal(status, 0, "status of a writer")
                writers.remove(pid)
    finally:
        for pid in senders:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    true(dumps > 1, "no dump while flows changed")

    hits, misses, lost, flows = dp.stats()
    print(f"# {hits} hits, {dumps} dumps")
    equal((misses, lost, flows), (0, 0, len(wanted)), "misses, lost packets, flows left")
    counted = [flow_stats(message)[0] for message in dp.flows()]
    true(all(counted), f"packets of each flow: {counted}")
    equal(sum(counted), hits, "packets of all flows")
    equal(dp.masks(), 8, "masks left")


if __name__ == "__main__":
    main(setup)
