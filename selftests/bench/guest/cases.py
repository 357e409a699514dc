# SPDX-License-Identifier: GPL-2.0
"""What is measured."""

import random
import struct
from dataclasses import dataclass, field
from typing import Callable

import traffic
from lib import overlay
from lib.netlink import attr, be16, nest, u8, u32
from lib.ovs import POP_VLAN, Act, Key, ct, in_port, output, push_vlan, recirc, set_masked, trunc, vlan
from traffic import ALL, DST, SPORT, SRC, exact, masked, match

OUT = output(2)
ETHER_TYPE = be16(Key.ETHERTYPE, 0x0800)


@dataclass
class Packets:
    """Nanoseconds of a packet, from a port until it is gone."""

    name: str
    # Key, mask and actions of each flow.
    flows: Callable
    # All frames, of Injector.FRAME bytes each.
    frames: Callable
    # How many packets each one that comes in makes.
    out: int = 1
    # Clones of one packet instead of new ones.
    shared: bool = False
    length: int = traffic.LENGTH
    # The most that it may cost, relative to C.
    target: float = None
    lookups: int = 1
    # Makes ready what is not a flow; has the datapath.
    prepare: Callable = None


@dataclass
class Requests:
    """Times of requests; `run(datapath, upcalls, injector)` gives {metric: value}."""

    name: str
    run: Callable
    # Unit of each metric, and its target.
    metrics: dict
    upcalls: bool = False
    targets: dict = field(default_factory=dict)


def one_frame():
    return traffic.frame()


def one_flow(*actions):
    def flows():
        key, mask = match(dst=(DST, ALL))
        yield key, mask, b"".join(actions)

    return flows


def mask_flows(count):
    """`count` masks, of one flow each."""

    def flows():
        for i in range(max(1, count - 1)):
            yield *masked(i), OUT
        if count > 1:
            yield *traffic.stranger(), OUT

    return flows


def mask_frames(masks, count):
    """The packets that `count` connections send, all flows used alike."""
    used = max(1, masks - 1)
    return lambda: traffic.microflows(count, lambda i: {"dst": DST + i % used, "sport": i // used})


def exact_flows(count):
    return lambda: ((*exact(i), OUT) for i in range(count))


def exact_frames(count):
    return lambda: traffic.microflows(count, lambda i: {"src": SRC + i})


def recirculation(depth):
    """The flow of each round, the last of which sends the packet out."""

    def flows():
        for i in range(depth + 1):
            key, mask = match(dst=(DST, ALL), recirc=i)
            yield key, mask, OUT if i == depth else recirc(i + 1)

    return flows


# Bits of CT_STATE.
NEW, ESTABLISHED, TRACKED = 1, 2, 0x20
LOOK, COMMIT = ct(zone=1), ct(commit=True, zone=1)


def firewall():
    """Packets are tracked, looked up again, and connections committed that are new."""
    yield *match(dst=(DST, ALL)), LOOK + recirc(1)
    for state, actions in ((NEW, COMMIT + OUT), (ESTABLISHED, OUT)):
        key, mask = match(dst=(DST, ALL), recirc=1)
        yield key + u32(Key.CT_STATE, TRACKED | state), mask + u32(Key.CT_STATE, TRACKED | NEW | ESTABLISHED), actions


def unchecked(frame):
    """The frame without the checksum of UDP, which connection tracking looks at."""
    return frame[:40] + bytes(2) + frame[42:]


def connections(count):
    return lambda: b"".join(unchecked(traffic.frame(sport=1024 + i)) for i in range(count))


def udp_timeout(seconds):
    import kernel  # pylint: disable=import-outside-toplevel

    kernel.sysctl("net/netfilter/nf_conntrack_udp_timeout", seconds)


def established(count):
    """Connections that have seen an answer."""

    def prepare(dp):
        udp_timeout(600)
        key = match()[0]
        for i in range(1024, 1024 + count):
            there, back = traffic.frame(sport=i), traffic.frame(DST, SRC, traffic.DPORT, i)
            dp.send(dp.execute(unchecked(data)[:60], key, actions) for data, actions in ((there, COMMIT), (back, LOOK)))

    return prepare


# Of each kind of tunnels, what makes a device take the keys that packets bring, and its UDP port.
TUNNELS = {"vxlan": (u8(25, 1), be16(15, 4789)), "geneve": (attr(6), be16(5, 6081))}
THROUGH = 6


def tunnel(kind):
    """A port through which packets go into an UDP tunnel, and out by the second device."""

    def prepare(dp):
        import kernel  # pylint: disable=import-outside-toplevel

        kernel.add_link(kind, kind, *TUNNELS[kind])
        kernel.up(kind)
        kernel.address("dummy1", "172.31.0.1")
        dp.add(kind, THROUGH)

    return prepare


def into_tunnel(*more):
    return one_flow(overlay.set_tunnel(overlay.number(7), overlay.dst("172.31.0.2"), overlay.ttl(64), *more), output(THROUGH))


def tagged_frame():
    frame = traffic.frame()
    return frame[:12] + struct.pack(">HH", 0x8100, 5) + frame[12:60]


def tagged_flow():
    key, mask = match()
    port, rest = in_port(1), key[key.index(ETHER_TYPE) :]
    yield (
        port + attr(Key.ETHERNET, bytes(12)) + vlan(0x8100, 0x1005, rest),
        in_port(ALL) + attr(Key.ETHERNET, bytes(12)) + vlan(0xFFFF, 0xFFFF, mask[-len(rest) :]),
        POP_VLAN + OUT,
    )


SET_ETH = set_masked(Key.ETHERNET, bytes.fromhex("020000000001") + bytes(6), b"\xff" * 6 + bytes(6))
SET_TTL = set_masked(Key.IPV4, bytes(10) + bytes((63, 0)), bytes(10) + bytes((0xFF, 0)))
SET_SRC = set_masked(Key.IPV4, struct.pack(">I", SRC + 9) + bytes(8), b"\xff" * 4 + bytes(8))
SET_UDP = set_masked(Key.UDP, struct.pack(">HH", 53, 0), b"\xff\xff" + bytes(2))


def many_put(dp, name=traffic.Many.NAME, number=None):
    """Requests that put one flow for each connection."""
    mark = struct.unpack(">I", traffic.Many.MARK)[0] - SRC
    key, mask = exact(mark) if number is None else match((mark + SRC, ALL), (DST, ALL), (SPORT, number))
    return traffic.Many(dp.put(key, mask, OUT, name))


def put_64_masks(dp, _upcalls, _injector, count=20000):
    """64 masks of which each flow has another one."""
    puts = [many_put(dp, number=i * 0x301 & 0xFFFF) for i in range(64)]
    # The masks exist before the clock runs.
    dp.send(next(put([i])) for i, put in enumerate(puts))
    messages = (next(puts[i % 64]([i])) for i in range(64, 64 + count))
    result = {"put": dp.send(messages)}
    assert dp.masks() == 64 and dp.stats()[3] == count + 64
    return result


def table(count, memory):
    """What can be done with a table of `count` flows."""

    def run(dp, _upcalls, _injector):
        import kernel  # pylint: disable=import-outside-toplevel

        result = {}
        before = kernel.free_memory()
        result["put"] = dp.send(many_put(dp)(range(count)))
        assert dp.stats()[3] == count
        if memory:
            result["memory"] = (before - kernel.free_memory()) / count
        # The least of some: nothing but what else the host does makes it more.
        result["dump terse"] = min(dp.dump(True)[0] for _ in range(5)) / 1e6
        result["dump full"] = min(dp.dump(False)[0] for _ in range(3)) / 1e6
        result["delete"] = dp.send(traffic.Many(dp.delete(traffic.Many.NAME))(range(count // 2)))
        assert dp.stats()[3] == count - count // 2
        result["flush"] = dp.flush() / (count - count // 2)
        assert dp.stats()[3] == 0
        return result

    return run


def execute(dp, _upcalls, _injector, count=20000):
    """Packets that user space sends."""
    message = dp.execute(traffic.frame()[:60], match()[0], OUT)
    return {"execute": dp.send(message for _ in range(count))}


def misses(dp, upcalls, injector, rounds=300):
    """Packets without a flow, and a reader who takes them."""
    import statistics  # pylint: disable=import-outside-toplevel
    import time  # pylint: disable=import-outside-toplevel

    injector.load(traffic.microflows(4096, lambda i: {"src": SRC + i}), traffic.LENGTH)
    times, got, first = [], 0, 0
    before = dp.stats()
    start = time.perf_counter_ns()
    for _ in range(rounds):
        batch, rate = injector.run(1, first=first)
        times.append(batch[0] / rate)
        first += injector.BATCH
        got += upcalls.drain()
    spent = time.perf_counter_ns() - start
    packets = rounds * injector.BATCH
    missed, lost = (dp.stats()[i] - before[i] for i in (1, 2))
    assert (got, missed, lost) == (packets, packets, 0)
    return {"queue": statistics.median(times) / injector.BATCH, "queue and read": spent / packets}


def attack_flow(number, bits):
    """A flow of a tuple-space explosion: prefixes that differ from the victim's in
    the last bit, of all lengths."""
    fields = []
    for value, width, choices in ((SRC, 32, 32), (DST, 32, 32), (SPORT, 16, 4)):
        length = number % choices + (1 if width == 32 else 13)
        number //= choices
        shift = width - length
        low = bits & ((1 << shift) - 1)
        fields.append((((value >> shift ^ 1) << shift) | low, ((1 << length) - 1) << shift))
    return fields


def attacked(masks):
    def flows():
        yield *match((SRC, ALL), (DST, ALL), (SPORT, 0xFFFF)), OUT
        for i in range(masks):
            yield *match(*attack_flow(i, 0)), OUT

    return flows


def victim_and_attack(masks, count=16384):
    """One packet of eight is the attacker's; the victim has 512 connections."""

    def frames():
        dice = random.Random(7)
        some = []
        for i in range(count):
            if i % 8 or not masks:
                some.append(traffic.frame(dport=dice.randrange(512)))
            else:
                (src, _), (dst, _), (sport, _) = attack_flow(dice.randrange(masks), dice.getrandbits(32))
                some.append(traffic.frame(src, dst, sport, dice.getrandbits(16)))
        return b"".join(some)

    return frames


TABLE = {"put": "ns", "memory": "bytes", "dump terse": "ms", "dump full": "ms", "delete": "ns", "flush": "ns"}

# Those with targets first.
CASES = [
    Packets("1 flow", one_flow(OUT), one_frame, target=0.60),
    Packets("10,000 flows, 1 mask", exact_flows(10000), exact_frames(10000), target=0.50),
    Packets("64 masks, 64 microflows", mask_flows(64), mask_frames(64, 64), target=0.35),
    Packets("64 masks, 64,000 microflows", mask_flows(64), mask_frames(64, 64000), target=0.15),
    Packets("1,024 masks, 64,000 microflows", mask_flows(1024), mask_frames(1024, 64000), target=0.05),
    Packets("set eth + set ttl + push_vlan", one_flow(SET_ETH, SET_TTL, push_vlan(0x1005), OUT), one_frame, target=0.65),
    Packets("recirculation", recirculation(1), one_frame, target=0.60, lookups=2),
    Requests("64 masks", put_64_masks, {"put": "ns"}, targets={"put": 1 / 3}),
    Requests("200,000 flows", table(200000, True), TABLE, targets={"memory": 0.45, "dump terse": 0.40}),
    # And the others.
    *(
        Packets(f"{n:,} established connection{'s'[:n > 1]}", firewall, connections(n), lookups=2, prepare=established(n))
        for n in (1, 1000)
    ),
    # Each connection is over as soon as it is committed, so that the next packet makes another.
    Packets("vxlan", into_tunnel(), one_frame, prepare=tunnel("vxlan")),
    Packets("geneve", into_tunnel(), one_frame, prepare=tunnel("geneve")),
    Packets("geneve, 64 bytes of options", into_tunnel(overlay.geneve(overlay.geneve_option(3, bytes(60)))), one_frame, prepare=tunnel("geneve")),
    Packets("new connections", firewall, connections(1000), lookups=2, prepare=lambda _: udp_timeout(0)),
    Requests("10,000 flows", table(10000, False), {k: v for k, v in TABLE.items() if k != "memory"}),
    Requests("no flow", misses, {"queue": "ns", "queue and read": "ns"}, upcalls=True),
    Requests("packets from user space", execute, {"execute": "ns"}),
    Packets("1 flow, shared packet", one_flow(OUT), one_frame, shared=True),
    Packets("1 flow, drop", one_flow(), one_frame, out=0),
    Packets("1 flow, drop, shared packet", one_flow(), one_frame, out=0, shared=True),
    Packets("output to 4 ports", one_flow(*map(output, (2, 3, 4, 5))), one_frame, out=4),
    *(Packets(f"{n:,} flows", exact_flows(n), exact_frames(n)) for n in (10, 100, 1000, 100000, 200000)),
    *(
        Packets(f"{n:,} masks, {n:,} microflows", mask_flows(n), mask_frames(n, n))
        for n in (1, 8, 255, 1024, 4000)
    ),
    *(
        Packets(f"{n:,} masks, 64,000 microflows", mask_flows(n), mask_frames(n, 64000))
        for n in (1, 8, 255)
    ),
    # C takes minutes for more.
    Packets("4,000 masks, 16,000 microflows", mask_flows(4000), mask_frames(4000, 16000)),
    Packets("set eth", one_flow(SET_ETH, OUT), one_frame),
    Packets("set ttl", one_flow(SET_TTL, OUT), one_frame),
    Packets("set ip src", one_flow(SET_SRC, OUT), one_frame),
    Packets("set udp src", one_flow(SET_UDP, OUT), one_frame),
    Packets("push_vlan", one_flow(push_vlan(0x1005), OUT), one_frame),
    Packets("pop_vlan", tagged_flow, tagged_frame, length=64),
    Packets("trunc", one_flow(trunc(40), OUT), one_frame),
    Packets("clone(output), output", one_flow(nest(Act.CLONE, OUT), output(3)), one_frame, out=2),
    Packets("clone(set ttl, output), output", one_flow(nest(Act.CLONE, SET_TTL, OUT), output(3)), one_frame, out=2),
    Packets(
        "sample(1/1, output), output",
        one_flow(nest(Act.SAMPLE, u32(1, ALL), nest(2, OUT)), output(3)), one_frame, out=2,
    ),
    *(Packets(f"recirculation, {n} times", recirculation(n), one_frame, lookups=n + 1) for n in (2, 3, 4)),
    Packets("attack, before: 1 victim", attacked(0), victim_and_attack(0)),
    Packets("attack, 1,000 masks", attacked(1000), victim_and_attack(1000)),
    Packets("attack, 4,000 masks", attacked(4000), victim_and_attack(4000)),
]
