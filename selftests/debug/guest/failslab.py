#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# allocations fail
"""Every command again and again, each time another of its allocations fails: the 1st, the 2nd, and so on
until none does. It must fail and change nothing, or succeed, and succeed at the next try."""

import errno
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../guest"))
# pylint: disable=wrong-import-position
from lib import net, ovs, packet
from lib.ktap import add, defer, equal, find_module, main, true
from lib.netlink import ACK, DUMP, ECHO, NLMSG_DONE, NLMSG_ERROR, PATIENCE, REPLACE, Error, Socket, attr, nest, string, u32
from lib.ovs import CREATE, DEL, DP, EXECUTE, FLOW, GET, NEW, PACKET, SET, VPORT, Act, Datapath, Dp, Fl, Pk, Vp, output

METER = "ovs_meter"
METER_SET, METER_DEL, METER_GET = 2, 3, 4
# No command has as many; a sweep that comes here does not end.
LIMIT = 2000
SETTINGS = "/sys/kernel/debug"

dp = None


def setting(name, value):
    with open(f"{SETTINGS}/{name}", "w", encoding="ascii") as file:
        file.write(str(value))


class Failing:
    """The N-th allocation of this thread fails, in `with`; tells whether it came to that."""

    def __init__(self, number):
        self.number = number
        self.fd = os.open("/proc/thread-self/fail-nth", os.O_RDWR)
        self.happened = False

    def __enter__(self):
        os.pwrite(self.fd, str(self.number).encode(), 0)
        return self

    def __exit__(self, *_):
        # 0: it happened; else how many are to come.
        self.happened = os.pread(self.fd, 16, 0).strip() == b"0"
        os.pwrite(self.fd, b"0", 0)
        os.close(self.fd)


# What a request came to.
DONE, REFUSED, UNKNOWN = "done", "refused", "unknown"


def attempt(number, family, cmd, dp_ifindex, attrs, flags):
    """One request with a failing allocation: (outcome, did an allocation fail, error)."""
    nl = Socket()
    nl.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("=qq", PATIENCE, 0))
    kind, version, _ = nl.family(family)
    payload = struct.pack("=BBHi", cmd, version, 0, dp_ifindex) + attrs
    dump = flags & DUMP == DUMP
    failing = Failing(number)
    data, error = b"", None
    try:
        with failing:
            nl.send(kind, payload, flags if dump else flags | ACK)
            data = nl.sock.recv(1 << 17)
            while dump and not ends(data):
                data = nl.sock.recv(1 << 17)
    except OSError as problem:
        error = problem
    finally:
        nl.close()
    if error:
        # The socket tells that an answer was lost: nobody knows what became of the request.
        return UNKNOWN, failing.happened, error
    while data:
        size, kind = struct.unpack_from("=IH", data)
        if kind in (NLMSG_ERROR, NLMSG_DONE):
            code = -struct.unpack_from("=i", data, 16)[0]
            if code:
                return REFUSED, failing.happened, Error(code, None, None)
        data = data[(size + 3) & ~3 :]
    return DONE, failing.happened, None


def ends(data):
    """Whether the last message of a dump is in these."""
    while data:
        size, kind = struct.unpack_from("=IH", data)
        if kind in (NLMSG_ERROR, NLMSG_DONE):
            return True
        data = data[(size + 3) & ~3 :]
    return False


def state():
    """All that there is, without what counts by itself."""
    nl = Socket()
    found = []
    volatile = {
        DP: (Dp.STATS, Dp.MEGAFLOW_STATS),
        VPORT: (Vp.STATS, Vp.UPCALL_STATS),
        FLOW: (Fl.STATS, Fl.USED, Fl.TCP_FLAGS),
    }
    try:
        for message in nl.request(DP, GET, flags=DUMP):
            found.append((DP, [a for a in message.attrs if a[0] not in volatile[DP]]))
            for family in (VPORT, FLOW):
                messages = nl.request(family, GET, message.dp_ifindex, flags=DUMP)
                found += sorted((family, [a for a in m.attrs if a[0] not in volatile[family]]) for m in messages)
            for number in (1, 2):
                try:
                    meter = nl.request(METER, METER_GET, message.dp_ifindex, u32(1, number))[0]
                    found.append((METER, meter.get(1)))
                except Error as error:
                    found.append((METER, error.errno))
    finally:
        nl.close()
    return found, sorted(os.listdir("/sys/class/net"))


def sweep(family, cmd, attrs=b"", flags=0, before=None, after=None, index=None):
    """`before` makes ready for a try and `after` undoes one that succeeded."""
    number = 0
    outcomes = {}
    while True:
        number += 1
        true(number < LIMIT, f"{LIMIT} allocations")
        if before:
            before()
        old = state()
        target = dp.ifindex if index is None else index
        outcome, happened, error = attempt(number, family, cmd, target, attrs, flags)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        new = state()
        if outcome == REFUSED:
            true(happened, f"refused without a failing allocation: {error}")
            true(error.errno in (errno.ENOMEM, errno.ENOBUFS), f"allocation {number} fails: {error}")
            equal(new, old, f"state after allocation {number} failed ({error})")
        elif outcome == UNKNOWN:
            true(happened, f"no answer, and no failing allocation: {error}")
        if new != old and after:
            after()
        if not happened:
            equal(outcome, DONE, "without failing allocations")
            break
        # The next try succeeds: what remains of the first, if anything does, is in the way.
        if before:
            before()
        outcome, _, error = attempt(0, family, cmd, target, attrs, flags)
        equal(outcome, DONE, f"the try after allocation {number} failed ({error})")
        if after:
            after()
    print(f"# {number - 1} allocations: {outcomes}")


def quietly(function, *args, **options):
    try:
        function(*args, **options)
    except Error:
        pass


def setup():
    global dp
    net.load()
    find_module()
    net.quiet_devices()
    for name in ("failslab", "fail_page_alloc"):
        setting(f"{name}/ignore-gfp-wait", "N")
        setting(f"{name}/verbose", 0)
    setting("fail_page_alloc/ignore-gfp-highmem", "N")
    setting("fail_page_alloc/min-order", 0)
    net.veth("p1", "e1")
    net.veth("p2", "e2")
    dp = Datapath("dp0", 0, ovs.Feature.UNALIGNED)
    dp.add("p1", number=1)
    dp.add("int0", Vp.INTERNAL, number=5)
    net.up("int0")
    for family in (DP, VPORT, FLOW, PACKET, METER):
        dp.nl.family(family)


def name(text):
    return string(Dp.NAME, text)


def second():
    """Another datapath, and nothing else of that name."""
    quietly(dp.nl.request, DP, NEW, 0, name("dp9"), u32(Dp.UPCALL_PID, 0))


def no_second():
    quietly(dp.nl.request, DP, DEL, 0, name("dp9"))


def no_port(number):
    quietly(dp.remove, number)


def flow_key(i=1):
    return ovs.in_port(1) + ovs.eth() + ovs.eth_type(0x0800) + ovs.ipv4(ttl=i)


MASK = ovs.in_port(0xFFFFFFFF) + ovs.eth(bytes(6), b"\xff" * 6) + ovs.eth_type(0xFFFF)
SAMPLE = nest(Act.SAMPLE, u32(1, 1 << 31), nest(2, output(1), ovs.push_vlan(0x1005), output(5)))
ACTIONS = ovs.push_vlan(0x1064) + output(1) + SAMPLE + ovs.userspace(0, ovs.userdata(b"data")) + ovs.recirc(7)
UFID = attr(Fl.UFID, bytes(range(16)))


def flow():
    dp.flow(flow_key(), ACTIONS, UFID, mask=MASK)


def no_flows():
    dp.flush()


def port(label, kind, number, *more):
    pids = attr(Vp.UPCALL_PID, struct.pack("=II", 1, 2))
    return b"".join((string(Vp.NAME, label), u32(Vp.TYPE, kind), u32(Vp.PORT_NO, number), pids, *more))


def meter_attrs(number=1):
    return u32(1, number) + nest(4, nest(1, u32(1, 1), u32(2, 1000), u32(3, 1000)))


def meters():
    dp.nl.request(METER, METER_SET, dp.ifindex, meter_attrs())


def no_meters():
    quietly(dp.nl.request, METER, METER_DEL, dp.ifindex, u32(1, 1))


def execute(actions, data=None):
    data = data or packet.udp4()
    return attr(Pk.PACKET, data) + attr(Pk.KEY, ovs.in_port(1)) + attr(Pk.ACTIONS, actions)


def packets():
    """Sent by the internal port: each allocation on the way of a packet fails."""
    wire = net.Wire("int0")
    listener = Socket()
    defer(listener.close)
    dp.request(VPORT, SET, u32(Vp.PORT_NO, 5), u32(Vp.UPCALL_PID, listener.pid))
    dp.flush()
    dp.flow(ovs.in_port(5), ACTIONS + ovs.userspace(listener.pid), mask=ovs.in_port(0xFFFFFFFF))
    for rounds in ("with a flow", "with a miss"):
        number, lost = 0, 0
        while True:
            number += 1
            true(number < LIMIT, f"{LIMIT} allocations {rounds}")
            failing = Failing(number)
            with failing:
                try:
                    wire.send(packet.udp4())
                except OSError:
                    lost += 1
            if not failing.happened:
                break
        print(f"# {number - 1} allocations {rounds}, {lost} of them the sender's")
        listener.pending()
        wire.send(packet.udp4())
        true(listener.next(), "an upcall after all that")
        dp.flush()


def table():
    pids = attr(Dp.PER_CPU_PIDS, struct.pack("=8I", *range(1, 9)))
    features = ovs.Feature.UNALIGNED | ovs.Feature.PER_CPU
    add("DP NEW", sweep, DP, NEW, name("dp9") + u32(Dp.UPCALL_PID, 0) + u32(Dp.USER_FEATURES, 1), ECHO, no_second, no_second, 0)
    add("DP SET", sweep, DP, SET, u32(Dp.USER_FEATURES, features) + pids + u32(Dp.MASKS_CACHE_SIZE, 512), ECHO,
        lambda: dp.set_features(1), lambda: dp.set_features(1))
    add("DP GET", sweep, DP, GET)
    add("DP dump", sweep, DP, GET, b"", DUMP)
    add("DP DEL", sweep, DP, DEL, name("dp9"), ECHO, second, None, 0)
    for label, kind, more in (("p2", Vp.NETDEV, ()), ("int9", Vp.INTERNAL, ())):
        attrs = port(label, kind, 9, *more)
        add(f"VPORT NEW {label}", sweep, VPORT, NEW, attrs, ECHO, lambda: no_port(9), lambda: no_port(9))
        add(f"VPORT DEL {label}", sweep, VPORT, DEL, u32(Vp.PORT_NO, 9), ECHO,
            lambda a=attrs: quietly(dp.nl.request, VPORT, NEW, dp.ifindex, a))
    add("VPORT SET", sweep, VPORT, SET, u32(Vp.PORT_NO, 5) + attr(Vp.UPCALL_PID, struct.pack("=3I", 1, 2, 3)), ECHO,
        lambda: dp.request(VPORT, SET, u32(Vp.PORT_NO, 5), u32(Vp.UPCALL_PID, 0)))
    add("VPORT GET", sweep, VPORT, GET, u32(Vp.PORT_NO, 5))
    add("VPORT dump", sweep, VPORT, GET, b"", DUMP)
    new = attr(Fl.KEY, flow_key()) + attr(Fl.ACTIONS, ACTIONS)
    add("FLOW NEW, exact", sweep, FLOW, NEW, new, CREATE | ECHO, no_flows, no_flows)
    add("FLOW NEW, mask and id", sweep, FLOW, NEW, new + attr(Fl.MASK, MASK) + UFID, CREATE | ECHO, no_flows, no_flows)
    replaced = attr(Fl.KEY, flow_key()) + attr(Fl.MASK, MASK) + UFID + attr(Fl.ACTIONS, output(1))
    add("FLOW NEW, replace", sweep, FLOW, NEW, replaced, CREATE | REPLACE | ECHO, lambda: (no_flows(), flow()))
    add("FLOW SET", sweep, FLOW, SET, replaced, ECHO, lambda: (no_flows(), flow()))
    add("FLOW GET", sweep, FLOW, GET, UFID, 0, lambda: (no_flows(), flow()))
    add("FLOW dump", sweep, FLOW, GET, b"", DUMP, lambda: (no_flows(), flow()))
    add("FLOW DEL", sweep, FLOW, DEL, attr(Fl.KEY, flow_key()) + UFID, ECHO, lambda: (no_flows(), flow()))
    add("FLOW DEL, all", sweep, FLOW, DEL, b"", 0, lambda: (no_flows(), flow()))
    add("PACKET EXECUTE", sweep, PACKET, EXECUTE, execute(ACTIONS))
    add("METER SET", sweep, METER, METER_SET, meter_attrs(), ECHO, no_meters, no_meters)
    add("METER GET", sweep, METER, METER_GET, u32(1, 1), 0, meters, no_meters)
    add("METER DEL", sweep, METER, METER_DEL, u32(1, 1), ECHO, meters)
    add("packets", packets)


if __name__ == "__main__":
    if not os.path.exists("/proc/self/fail-nth"):
        print("1..0 # SKIP this kernel does not fail allocations on request")
        sys.exit(4)
    table()
    main(setup)
