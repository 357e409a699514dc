#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
"""The same messages and packets, made by chance, for the kernel's module and ours: answers, dumps, statistics, upcalls,
and what comes out are the same. DIFFER_ROUNDS= says how many times, SEED= which ones."""

import errno
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../guest"))
# pylint: disable=wrong-import-position
from lib import net, ovs, packet
from lib.chance import ARP, IPV4, IPV6, PROTOCOLS, REST, Chance
from lib.fuzzer import Fuzzer
from lib.ktap import Failure, cleanup, equal, main, pending, test, true
from lib.mangle import DEVICES, Mangle
from lib.netlink import ACK, CREATE, DUMP, REQUEST, Error, Message, Socket, attr, nest, parse, u32
from lib.ovs import DP, FLOW, GET, NEW, SET, VPORT, Act, Datapath, Dp, Fl, Key, Pk, Vp

ROUNDS = int(os.environ.get("DIFFER_ROUNDS", 60))
SEED = int(os.environ.get("SEED", 1))
# Rounds before the modules are changed, and before it is told how far it is.
BATCH, TOLD = 20, 200
# Of each round: actions for connections, flows, packets and messages.
TRACKED, FLOWS, PACKETS, MESSAGES = 100, 40, 1000, 100
# Bytes of a frame in which no IP header is cut off, whatever is before it; of one of which actions do not take all
# away, as those of Ethernet have: the kernel's module panics when user space gets a packet of which nothing is left.
WHOLE, SOME = 100, 60
STOCK = f"/lib/modules/{os.uname().release}/kernel/net/openvswitch"
MODULES = "openvswitch", "vport-vxlan", "vport-geneve", "vport-gre"
METER, METER_SET = "ovs_meter", 2
mangle = None


def setup():
    global mangle
    net.quiet_devices()
    mangle = Mangle()
    # Fragments that wait for others are those of a zone, and gone when the other module has its turn.
    net.sysctl("net/ipv4/ipfrag_time", 2)
    net.sysctl("net/netfilter/nf_conntrack_frag6_timeout", 2)


def told(key):
    """A key without what the kernel's module makes up: of headers that are cut off it tells fields that it has not read,
    which is what was on its stack, or in a kernel that fills that, this pattern."""
    found = []
    for kind, value in parse(key):
        if kind == Key.ENCAP:
            value = told(value)
        elif value.count(0xAA) == len(value):
            value = bytes(len(value))
        else:
            value = value.replace(b"\xaa" * 4, bytes(4))
        found.append((kind, value))
    return found


def without_number(data, ethernet):
    """A packet without the identification of an IPv6 fragment, which the kernel has perhaps chosen by chance."""
    at = 14 if ethernet else 0
    while ethernet and data[at - 2 : at] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    if data[at - 2 : at] in (b"\x86\xdd", b"") and data[at + 6 : at + 7] == b"\x2c":
        return data[: at + 44] + bytes(4) + data[at + 48 :]
    return data


def unaligned(attrs):
    """Whether some of these attributes have padding."""
    while len(attrs) >= 4:
        (size,) = struct.unpack_from("=H", attrs)
        if size % 4:
            return True
        attrs = attrs[max(size, 4) :]
    return False


def by_chance(attrs):
    """Whether some packets, and others not, will be samples."""
    for at in range(0, len(attrs) - 3, 4):
        size, kind = struct.unpack_from("=HH", attrs, at)
        inner, end = at + 4, min(at + size, len(attrs))
        while kind & 0x3FFF == Act.SAMPLE and inner + 8 <= end:
            size, kind_inside, value = struct.unpack_from("=HHI", attrs, inner)
            if kind_inside & 0x3FFF == 1 and value not in (0, 0xFFFFFFFF):
                return True
            inner += max(size + 3 & ~3, 4)
    return False


def load(ours):
    """Puts one of the modules in place, and those for its ports: the kernel would load ours."""
    for module in MODULES:
        if ours:
            net.run("modprobe", module)
            continue
        path = f"{STOCK}/{module}.ko"
        for name in filter(None, net.run("modinfo", "-F", "depends", path).strip().split(",")):
            if name != "openvswitch":
                net.run("modprobe", name)
        net.run("insmod", path)
    equal(os.path.exists("/sys/module/openvswitch/version"), ours, "our module is loaded")
    Socket.families.clear()


class Round:
    """What one of the modules does."""

    def __init__(self, seed):
        self.seed = seed
        # In an IP header that is cut off, the kernel's module believes the length behind the packet, and if only its
        # options are, it takes it for the transport header and changes a checksum there.
        self.whole = seed % 2 == 0
        self.found = []
        subprocess.run(["conntrack", "-F"], capture_output=True, check=False)
        # Always the same one.
        self.nl = Socket(1000)
        self.dp = Datapath("dp0", self.nl.pid, ovs.Feature.UNALIGNED)
        for i, device in enumerate(DEVICES, 1):
            self.dp.add(device, number=i, pids=(self.nl.pid,))

    def note(self, what, value):
        self.found.append((what, value))

    def run(self):
        self.tracking()
        self.flows()
        self.packets()
        self.dumps()
        self.messages()
        self.dumps()
        return self.found

    def tracking(self):
        """CT with any arguments: the errno, or how it is dumped."""
        chance = Chance(self.seed, ())
        ends = ovs.in_port(1) + ovs.eth()
        for i in range(TRACKED):
            kind, proto = chance.random.choice((IPV4, IPV4, IPV6, IPV6, ARP)), chance.random.choice((packet.TCP, packet.UDP, 89))
            key = ends + ovs.eth_type(kind) + {IPV4: ovs.ipv4(proto=proto), IPV6: ovs.ipv6(proto=proto), ARP: REST[ARP]}[kind]
            if kind != ARP and proto in PROTOCOLS:
                key += ovs.ports(PROTOCOLS[proto], 1, 2)
            actions = chance.tracking(kind)
            try:
                self.dp.request(FLOW, NEW, attr(Fl.KEY, key), attr(Fl.ACTIONS, actions), flags=CREATE)
                result = self.dp.flows()[0].get(Fl.ACTIONS)
            except Error as error:
                result = error.errno
            self.dp.flush()
            self.note(f"tracking {i}: {kind:x} {proto} {actions.hex()}", result)

    def flows(self):
        chance = Chance(self.seed, list(range(1, 8)), (), self.nl.pid, repeatable=True, whole=self.whole, zone=self.seed * 3 % 60000)
        self.dp.request(METER, METER_SET, u32(1, 0) + nest(4, nest(1, u32(1, 1), u32(2, 1 << 30), u32(3, 1 << 30))))
        for i in range(FLOWS):
            key, mask, actions = chance.flow()
            try:
                self.dp.request(FLOW, NEW, attr(Fl.KEY, key), attr(Fl.MASK, mask), attr(Fl.ACTIONS, actions), flags=CREATE)
                result = 0
            except Error as error:
                result = error.errno
            self.note(f"flow {i}: key {key.hex()} mask {mask.hex()} actions {actions.hex()}", result)

    def packets(self):
        """Packets that come in by a port."""
        for i, digest in enumerate(mangle.digests(DEVICES[0], self.seed, PACKETS, WHOLE if self.whole else SOME)):
            self.note(f"packet {i}", digest)
        self.upcalls()

    def upcalls(self):
        try:
            for message in self.nl.pending():
                # The order of attributes does not matter.
                key = told(message.get(Pk.KEY))
                attrs = sorted((kind, value) for kind, value in message.attrs if kind not in (Pk.HASH, Pk.KEY, Pk.PACKET))
                data = without_number(message.get(Pk.PACKET), Key.ETHERNET in dict(key))
                self.note("upcall", (message.cmd, key, attrs, data))
        except OSError:
            self.note("upcall", "lost")
            # Make room for answers.
            self.nl.pending()

    def dumps(self):
        dp = self.dp
        try:
            # Not the masks: the kernel's module counts those apart that are equal, but are of flows with more fields.
            self.note("statistics", dp.stats())
            # The order is not said.
            for message in sorted(dp.request(VPORT, GET, flags=DUMP), key=lambda port: port.u32(Vp.PORT_NO)):
                # Devices have counted before.
                apart = (Vp.IFINDEX, Vp.STATS) if message.u32(Vp.TYPE) == Vp.NETDEV else (Vp.IFINDEX,)
                self.note("port", sorted((kind, value) for kind, value in message.attrs if kind not in apart))
            flows = [sorted((k, v) for k, v in m.attrs if k != Fl.USED) for m in dp.flows()]
            for flow in sorted(flows):
                self.note("flow", flow)
        except Error as error:
            self.note("dump", error.errno)

    def messages(self):
        """Messages, valid ones and others, one after the other."""
        fuzzer = Fuzzer(self.seed, "dp0", self.nl, 0xFFFFFFFF)
        names = {number: name for name, number in fuzzer.families.items()}
        for i in range(MESSAGES):
            data = bytearray(fuzzer.messages(self.dp.ifindex, 1))
            if names[struct.unpack_from("=H", data, 4)[0]] == "ovs_ct_limit" and unaligned(data[24:]):
                # The kernel's module takes the padding for a part of the list.
                continue
            if by_chance(data[24:]):
                continue
            self.nl.seq += 1
            struct.pack_into("=I", data, 8, self.nl.seq)
            self.nl.sock.sendto(data, (0, 0))
            _, kind, flags, _, _, cmd, version = struct.unpack_from("=IHHIIBB", data)
            what = f"message {i}: {names[kind]} flags {flags:x} {cmd:02x}{version:02x} {data[24:].hex()}"
            answers = self.answers()
            if names[kind] == VPORT and answers[-1] == ("end", -errno.EBUSY):
                # Both the name and the UDP port of a tunnel may be taken: which is said first does not matter.
                answers[-1] = ("end", -errno.EEXIST)
            self.note(what, answers)
            if cmd == 2 and not net.exists("dp0"):
                break
            if names[kind] == DP and cmd == SET and answers[-1][1]:
                # The kernel's module keeps a part of what it refuses.
                self.dp.request(DP, SET, u32(Dp.USER_FEATURES, ovs.Feature.UNALIGNED), u32(Dp.MASKS_CACHE_SIZE, 256))
        fuzzer.close()

    def answers(self):
        """All that comes back."""
        got = []
        while True:
            for data in self.nl.receive():
                size, kind, flags, seq, _ = struct.unpack_from("=IHHII", data)
                if kind in (2, 3):
                    # The kernel's module dumps flows in an order that is by chance.
                    return [*sorted(got), ("end", struct.unpack_from("=i", data, 16)[0])]
                message = Message(data)
                attrs = sorted((k, v) for k, v in message.attrs if not self.volatile(kind, k))
                got.append((message.cmd, seq == self.nl.seq, attrs))

    def volatile(self, kind, attr_kind):
        """What differs from time to time."""
        families = {number[0]: name for name, number in Socket.families.items()}
        return (families.get(kind), attr_kind) in {
            (DP, Dp.IFINDEX), (DP, Dp.MEGAFLOW_STATS), (VPORT, Vp.IFINDEX), (VPORT, Vp.STATS), (FLOW, Fl.USED), (METER, 3), (METER, 5), ("ovs_packet", Pk.HASH),
        }  # fmt: skip

    def end(self):
        self.nl.close()
        self.dp.nl.close()
        other = Socket()
        for message in other.request(DP, GET, flags=DUMP):
            other.request(DP, 2, message.dp_ifindex)
        other.close()


def batch(ours, seeds):
    load(ours)
    found, deferred = [], pending()
    try:
        for seed in seeds:
            round_ = Round(seed)
            try:
                found.append(round_.run())
            finally:
                round_.end()
                cleanup(deferred)
    finally:
        net.unload()
    return found


def first_difference(one, other):
    for a, b in zip(one, other):
        if a != b:
            return f"{a[0]}: the kernel's module {a[1]}, ours {b[1] if a[0] == b[0] else b}"
    return f"{len(one)} and {len(other)} results" if len(one) != len(other) else None


@test
def differ():
    """both modules do the same"""
    start, count, differences = time.monotonic(), 0, []
    for first in range(SEED, SEED + ROUNDS, BATCH):
        seeds = range(first, min(first + BATCH, SEED + ROUNDS))
        for seed, stock, ours in zip(seeds, batch(False, seeds), batch(True, seeds)):
            count += len(stock)
            difference = first_difference(stock, ours)
            if difference:
                differences.append(seed)
                print(f"# SEED={seed} DIFFER_ROUNDS=1: {difference}")
        done = seeds.stop - SEED
        if done % TOLD == 0 or done == ROUNDS:
            print(f"# {done} rounds, {count} results compared, {len(differences)} rounds differ, {time.monotonic() - start:.0f} s")
    true(count > ROUNDS * 100, "too few results")
    if differences:
        raise Failure(f"rounds that differ: {differences}")


if __name__ == "__main__":
    main(setup)
