#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
# allocations fail
"""Every command again and again, each time another of its allocations fails: the 1st, the 2nd, and so on
until none does. It must fail and change nothing, or succeed, and succeed at the next try. Likewise packets: what does
not come out of a port or get to user space is counted as lost, or dropped for a reason."""

import errno
import os
import re
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../guest"))
# pylint: disable=wrong-import-position
from lib import net, overlay, ovs, packet, tracing
from lib.conntrack import TimeoutPolicy
from lib.ktap import add, defer, equal, find_module, main, true
from lib.netlink import ACK, DUMP, ECHO, NLMSG_DONE, NLMSG_ERROR, PATIENCE, REPLACE, Error, Socket, attr, nest, string, u16, u32
from lib.ovs import CREATE, DEL, DP, EXECUTE, FLOW, GET, NEW, PACKET, SET, VPORT, Act, Datapath, Dp, Fl, Key, Pk, Vp, ct, output

METER, LIMITS = "ovs_meter", "ovs_ct_limit"
METER_FEATURES, METER_SET, METER_DEL, METER_GET = 1, 2, 3, 4
LIMITS_SET, LIMITS_DEL, LIMITS_GET = 1, 2, 3
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
        size, kind, flags = struct.unpack_from("=IHH", data)
        if kind in (NLMSG_ERROR, NLMSG_DONE):
            code = -struct.unpack_from("=i", data, 16)[0]
            if code:
                return REFUSED, failing.happened, Socket.error(code, kind, flags, data[:size])
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
            limits_of_zones = nl.request(LIMITS, LIMITS_GET, message.dp_ifindex)[0].get(1)
            found.append((LIMITS, [limit[:2] for limit in struct.iter_unpack("=iII", limits_of_zones)]))
    finally:
        nl.close()
    return found, sorted(os.listdir("/sys/class/net"))


def sweep(family, cmd, attrs=b"", flags=0, before=None, after=None, index=None, errors=(errno.ENOMEM, errno.ENOBUFS)):
    """`before` makes ready for a try and `after` undoes one that succeeded; `errors` are what a refusal may say."""
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
            true(error.errno in errors, f"allocation {number} fails: {error}")
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
    tracing.mount()
    net.veth("p1", "e1")
    net.veth("p2", "e2")
    net.veth("u0", "u1")
    net.ip("addr add 172.31.0.1/24 dev u0")
    net.ip("neigh add 172.31.0.2 lladdr 02:00:00:00:00:02 dev u0 nud permanent")
    dp = Datapath("dp0", 0, ovs.Feature.UNALIGNED)
    dp.add("p1", number=1)
    dp.add("int0", Vp.INTERNAL, number=5)
    dp.add("tun0", VXLAN, 4, (0,), vxlan(4789))
    net.up("int0")
    for family in (DP, VPORT, FLOW, PACKET, METER, LIMITS):
        dp.nl.family(family)
    dp.request(LIMITS, LIMITS_SET, limit_attrs((10, 100)))
    TimeoutPolicy("slow", 100, 100)
    defer(no_connections)


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


GRE, VXLAN, GENEVE = 3, 4, 5


def vxlan(port_number):
    return nest(Vp.OPTIONS, u16(1, port_number), nest(2, attr(1)))


MASK = ovs.in_port(0xFFFFFFFF) + ovs.eth(bytes(6), b"\xff" * 6) + ovs.eth_type(0xFFFF)
SAMPLE = nest(Act.SAMPLE, u32(1, 1 << 31), nest(2, output(1), ovs.push_vlan(0x1005), output(5)))
ACTIONS = ovs.push_vlan(0x1064) + output(1) + SAMPLE + ovs.userspace(1, ovs.userdata(b"data")) + ovs.recirc(7)
UFID = attr(Fl.UFID, bytes(range(16)))
# Without bits that the mask has not: a flow with an id is not found by others.
KEY = ovs.in_port(1) + ovs.eth(bytes(6)) + ovs.eth_type(0x0800) + ovs.ipv4()
TUNNEL = overlay.number(7), overlay.dst("172.31.0.2"), overlay.ttl(64)
OPTIONS = overlay.geneve(overlay.geneve_option(3, bytes(64)))
NSH = nest(Key.NSH, attr(1, bytes((0, 63, 1, 3, 0, 0, 1, 5))), attr(2, bytes(16)))
MPLS = struct.pack(">IH", 0x1140, 0x8847) + bytes(2)
COMMIT = ct(commit=True, zone=5, mark=(1, 1), labels=(bytes(15) + b"\1", b"\xff" * 16))
# NAT to a range of addresses and ports.
NAT = nest(6, attr(1), attr(3, bytes((10, 2, 0, 1))), attr(4, bytes((10, 2, 0, 9))), u16(5, 1024), u16(6, 2000))
# Stands for that of the listener.
PID = 0x7777
# Lists of actions for all that may want memory.
LISTS = {
    "copies": output(1) + ovs.push_vlan(0x1064) + output(1) + nest(Act.CLONE, ovs.set_key(ovs.eth()), output(1)) + output(1),
    "nested": nest(Act.CLONE, nest(Act.SAMPLE, u32(1, 0xFFFFFFFF), nest(2, output(1), output(1))), ovs.trunc(60), output(1), nest(Act.CLONE, ovs.recirc(5), output(1))) + ovs.recirc(6) + output(1),
    "lengths": nest(Act.CHECK_PKT_LEN, u16(1, 100), nest(2, ovs.push_vlan(0x1007), output(1)), nest(3, output(5))) + output(1),
    "time to live": nest(Act.DEC_TTL, nest(1, output(1))) + output(1),
    "headers": ovs.set_key(ovs.ipv4(packet.A4, packet.B4, packet.UDP, 4, 9)) + attr(Act.HASH, bytes(8)) + output(1),
    "MPLS": attr(Act.PUSH_MPLS, MPLS) + attr(Act.PUSH_MPLS, MPLS) + output(1) + attr(Act.POP_MPLS, b"\x88\x47") + output(1),
    "NSH": nest(Act.PUSH_NSH, NSH) + attr(Act.PUSH_ETH, bytes(12)) + output(1),
    "samples": nest(Act.PSAMPLE | 0x8000, u32(1, 7), attr(2, b"cookie")) + u32(Act.METER, 1) + output(1),
    "connections": COMMIT + output(1) + attr(Act.CT_CLEAR) + ct(zone=6) + ovs.recirc(8),
    "a helper": ct(commit=True, zone=7, helper="ftp") + output(1),
    "translation": ct(commit=True, zone=8, nat=NAT) + output(1),
    "a helper and translation": ct(commit=True, zone=7, helper="ftp", nat=NAT) + output(1),
    "a timeout policy": ct(commit=True, zone=9, timeout="slow", eventmask=1) + output(1),
    "a limited zone": ct(commit=True, zone=10) + output(1),
    "connections by force": ct(commit=True, zone=11) + output(1) + ct(force=True, zone=11, mark=(1, 1)) + output(1),
    "user space": ovs.userspace(PID, ovs.userdata(b"12345678"), attr(4), u32(3, 4)) + output(1),
    "a tunnel": overlay.set_tunnel(*TUNNEL) + output(4) + overlay.set_tunnel(*TUNNEL, overlay.gbp(7)) + output(4),
}
TCP_LISTS = ("a helper", "a helper and translation")
TRACKED = (*TCP_LISTS, "connections", "translation", "a timeout policy", "a limited zone", "connections by force")


def flow():
    dp.flow(KEY, ACTIONS, UFID, mask=MASK)


def no_flows():
    dp.flush()


def port(label, kind, number, *more):
    pids = u32(Vp.UPCALL_PID, 1)
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


def no_connections():
    net.run("conntrack", "-F")


def limit_attrs(*some):
    return attr(1, b"".join(struct.pack("=iII", zone, limit, 0) for zone, limit in some))


def no_limits():
    dp.request(LIMITS, LIMITS_DEL, limit_attrs((3, 0), (4, 0), (99, 0)))
    dp.request(LIMITS, LIMITS_SET, limit_attrs((-1, 0)))


def limits():
    dp.request(LIMITS, LIMITS_SET, limit_attrs((3, 10), (99, 20)))


def key_of(label):
    """The flow key of the packets that are for a list."""
    link = u32(Key.RECIRC_ID, 0) + ovs.in_port(5) + ovs.eth() + ovs.eth_type(0x0800)
    if label in TCP_LISTS:
        return link + ovs.ipv4(proto=packet.TCP) + ovs.ports(Key.TCP, 0, 0) + attr(Key.TCP_FLAGS, b"\0\0")
    return link + ovs.ipv4(proto=packet.UDP) + ovs.ports(Key.UDP, 0, 0)


def mask_of(label):
    kind = Key.TCP if label in TCP_LISTS else Key.UDP
    link = u32(Key.RECIRC_ID, 0xFFFFFFFF) + ovs.in_port(0xFFFFFFFF) + ovs.eth(bytes(6), bytes(6)) + ovs.eth_type(0xFFFF)
    return link + ovs.ipv4(proto=255) + ovs.ports(kind, 0, 0)


def data_of(label):
    return packet.tcp4() if label in TCP_LISTS else packet.udp4()


def came_out(wires, listener):
    """How many packets came out of each wire, and to user space."""
    return [len(wire.drain()) for wire in wires] + [len(listener.pending())]


def journey(label):
    """A packet that comes in by the internal port, and whose actions are this list."""
    wires = [net.Wire(name) for name in ("e1", "u1")]
    sender = net.Wire("int0")
    listener = Socket()
    defer(listener.close)
    dp.request(VPORT, SET, u32(Vp.PORT_NO, 5), u32(Vp.UPCALL_PID, listener.pid))
    quietly(meters)
    dp.flush()
    dp.flow(key_of(label), LISTS[label].replace(u32(1, PID), u32(1, listener.pid)), mask=mask_of(label))
    number, quiet, wanted, told = 0, 0, None, set()
    while True:
        true(number < LIMIT, f"{LIMIT} allocations")
        if label in TRACKED:
            no_connections()
        came_out(wires, listener)
        lost, sent = dp.stats()[2], net.statistic("int0", "tx_packets")
        failing = Failing(number)

        def send(failing=failing):
            with failing:
                try:
                    sender.send(data_of(label))
                except OSError:
                    pass

        drops = "\n".join(tracing.traced("skb/kfree_skb", send))
        reasons = set(re.findall(r" reason: (\S+)", drops))
        got = came_out(wires, listener)
        if wanted is None:
            # Without a failing allocation.
            wanted = got
            true(any(wanted), "nothing comes out")
        elif not failing.happened:
            equal(got, wanted, "packets, without failing allocations")
            break
        elif got != wanted and net.statistic("int0", "tx_packets") > sent:
            true(all(a <= b for a, b in zip(got, wanted)), f"allocation {number} fails: {got} came out instead of {wanted}")
            if dp.stats()[2] == lost and not reasons:
                # A copy that could not be made: there is nothing to drop.
                quiet += 1
            told |= reasons
        number += 1
    print(f"# {number - 1} allocations, {quiet} copies were not made; reasons: {', '.join(sorted(told))}")
    dp.request(VPORT, SET, u32(Vp.PORT_NO, 5), u32(Vp.UPCALL_PID, 0))
    dp.flush()


def packets():
    """Sent by the internal port: each allocation on the way of a packet fails."""
    wire = net.Wire("int0")
    listener = Socket()
    defer(listener.close)
    dp.request(VPORT, SET, u32(Vp.PORT_NO, 5), u32(Vp.UPCALL_PID, listener.pid))
    dp.flush()
    dp.flow(key_of("packets"), ACTIONS + ovs.userspace(listener.pid), mask=mask_of("packets"))
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


# What else the kernel says when it cannot make a device: no name for its object, no socket.
DEVICE = (errno.ENOMEM, errno.ENOBUFS, errno.EINVAL, errno.ENFILE)


def table():
    pids = attr(Dp.PER_CPU_PIDS, struct.pack("=8I", *range(1, 9)))
    features = ovs.Feature.UNALIGNED | ovs.Feature.PER_CPU
    add("DP NEW", sweep, DP, NEW, name("dp9") + u32(Dp.UPCALL_PID, 0) + u32(Dp.USER_FEATURES, 1), ECHO, no_second, no_second, 0, DEVICE)
    add("DP SET", sweep, DP, SET, u32(Dp.USER_FEATURES, features) + pids + u32(Dp.MASKS_CACHE_SIZE, 512), ECHO,
        lambda: dp.set_features(1), lambda: dp.set_features(1))
    add("DP GET", sweep, DP, GET)
    add("DP dump", sweep, DP, GET, b"", DUMP)
    add("DP DEL", sweep, DP, DEL, name("dp9"), ECHO, second, None, 0)
    kinds = (
        ("p2", Vp.NETDEV, ()), ("int9", Vp.INTERNAL, ()), ("vxlan9", VXLAN, (vxlan(4790),)),
        ("geneve9", GENEVE, (nest(Vp.OPTIONS, u16(1, 6082)),)), ("gre9", GRE, ()),
    )
    for label, kind, more in kinds:
        attrs = port(label, kind, 9, *more)
        add(f"VPORT NEW {label}", sweep, VPORT, NEW, attrs, ECHO, lambda: no_port(9), lambda: no_port(9), None, DEVICE)
        add(f"VPORT DEL {label}", sweep, VPORT, DEL, u32(Vp.PORT_NO, 9), ECHO,
            lambda a=attrs: quietly(dp.nl.request, VPORT, NEW, dp.ifindex, a))
    add("VPORT SET", sweep, VPORT, SET, u32(Vp.PORT_NO, 5) + u32(Vp.UPCALL_PID, 1), ECHO,
        lambda: dp.request(VPORT, SET, u32(Vp.PORT_NO, 5), u32(Vp.UPCALL_PID, 0)))
    add("VPORT GET", sweep, VPORT, GET, u32(Vp.PORT_NO, 5))
    add("VPORT dump", sweep, VPORT, GET, b"", DUMP)
    new = attr(Fl.KEY, flow_key()) + attr(Fl.ACTIONS, ACTIONS)
    add("FLOW NEW, exact", sweep, FLOW, NEW, new, CREATE | ECHO, no_flows, no_flows)
    add("FLOW NEW, mask and id", sweep, FLOW, NEW, new + attr(Fl.MASK, MASK) + UFID, CREATE | ECHO, no_flows, no_flows)
    replaced = attr(Fl.KEY, KEY) + attr(Fl.MASK, MASK) + UFID + attr(Fl.ACTIONS, output(1))
    add("FLOW NEW, replace", sweep, FLOW, NEW, replaced, REPLACE | ECHO, lambda: (no_flows(), flow()))
    add("FLOW SET", sweep, FLOW, SET, replaced, ECHO, lambda: (no_flows(), flow()))
    add("FLOW GET", sweep, FLOW, GET, UFID, 0, lambda: (no_flows(), flow()))
    add("FLOW dump", sweep, FLOW, GET, b"", DUMP, lambda: (no_flows(), flow()))
    add("FLOW DEL", sweep, FLOW, DEL, attr(Fl.KEY, KEY) + UFID, ECHO, lambda: (no_flows(), flow()))
    add("FLOW DEL, all", sweep, FLOW, DEL, b"", 0, lambda: (no_flows(), flow()))
    for label, attrs in (("tunnel", TUNNEL), ("options", (*TUNNEL, OPTIONS))):
        key = overlay.tunnel(*attrs) + flow_key()
        add(f"FLOW NEW, {label} in the key", sweep, FLOW, NEW, attr(Fl.KEY, key) + attr(Fl.ACTIONS, b""), CREATE | ECHO, no_flows, no_flows)
        actions = overlay.set_tunnel(*attrs) + output(4)
        add(f"FLOW NEW, SET of {label}", sweep, FLOW, NEW, attr(Fl.KEY, flow_key()) + attr(Fl.ACTIONS, actions), CREATE | ECHO, no_flows, no_flows)
    for label, actions in LISTS.items():
        new = attr(Fl.KEY, key_of(label)) + attr(Fl.MASK, mask_of(label)) + UFID + attr(Fl.ACTIONS, actions)
        add(f"FLOW NEW, {label}", sweep, FLOW, NEW, new, CREATE | ECHO, no_flows, no_flows)
    add("PACKET EXECUTE", sweep, PACKET, EXECUTE, execute(ACTIONS))
    for label, actions in LISTS.items():
        # That is all that connection tracking says.
        errors = (errno.ENOMEM, errno.ENOBUFS, errno.EINVAL)
        add(f"PACKET EXECUTE, {label}", sweep, PACKET, EXECUTE, execute(actions, data_of(label)), 0, no_connections if label in TRACKED else None, None, None, errors)
    add("METER FEATURES", sweep, METER, METER_FEATURES)
    add("METER SET", sweep, METER, METER_SET, meter_attrs(), ECHO, no_meters, no_meters)
    add("METER GET", sweep, METER, METER_GET, u32(1, 1), 0, meters, no_meters)
    add("METER DEL", sweep, METER, METER_DEL, u32(1, 1), ECHO, meters)
    add("CT_LIMIT SET", sweep, LIMITS, LIMITS_SET, limit_attrs((3, 10), (-1, 5), (99, 20)), ECHO, no_limits, no_limits)
    add("CT_LIMIT GET", sweep, LIMITS, LIMITS_GET, b"", 0, limits)
    add("CT_LIMIT GET, zones", sweep, LIMITS, LIMITS_GET, limit_attrs((3, 0), (4, 0)), 0, limits)
    add("CT_LIMIT DEL", sweep, LIMITS, LIMITS_DEL, limit_attrs((3, 0), (4, 0)), ECHO, limits, no_limits)
    add("packets", packets)
    for label in LISTS:
        add(f"packets, {label}", journey, label)


if __name__ == "__main__":
    if not os.path.exists("/proc/self/fail-nth"):
        print("1..0 # SKIP this kernel does not fail allocations on request")
        sys.exit(4)
    table()
    main(setup)
