#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 60
"""Who may do what: every command, tried without privileges, from user namespaces, and across network namespaces."""

import errno
import json
import os
import struct

from lib import net, ovs, packet
from lib.ktap import defer, equal, find_module, forget, main, test, true
from lib.netlink import CREATE, DUMP, ECHO, Error, Namespace, Socket, attr, nest, string, u32
from lib.ovs import DEL, DP, EXECUTE, FLOW, GET, NEW, PACKET, SET, VPORT, Datapath, Dp, Fl, Pk, Vp, output

METER, LIMITS = "ovs_meter", "ovs_ct_limit"
FAMILIES = (DP, VPORT, FLOW, PACKET, METER, LIMITS)
METER_FEATURES, METER_SET, METER_DEL, METER_GET = 1, 2, 3, 4
LIMITS_SET, LIMITS_DEL, LIMITS_GET = 1, 2, 3
NOBODY = 65534
UFID = attr(Fl.UFID, b"0123456789abcdef")
# What only reads.
READS = {"dp get", "dp dump", "port get", "port dump", "flow get", "flow dump", "meter features", "meter get", "limits get"}

dp = watcher = None


def commands(name):
    """Each command, in an order in which all succeed: (label, family, command, attributes, flags)."""
    key = attr(Fl.KEY, ovs.in_port(0) + ovs.eth() + ovs.eth_type(0x88B5))
    band = nest(4, nest(1, u32(1, 1), u32(2, 1000), u32(3, 10)))
    limit = attr(1, struct.pack("=iII", 3, 10, 0))
    return (
        ("dp set", DP, SET, u32(Dp.USER_FEATURES, 1), 0),
        ("dp get", DP, GET, b"", 0),
        ("dp dump", DP, GET, b"", DUMP),
        ("port new", VPORT, NEW, string(Vp.NAME, name + "i") + u32(Vp.TYPE, Vp.INTERNAL) + u32(Vp.PORT_NO, 9) + u32(Vp.UPCALL_PID, 0), 0),
        ("port set", VPORT, SET, u32(Vp.PORT_NO, 9) + u32(Vp.UPCALL_PID, 1), 0),
        ("port get", VPORT, GET, u32(Vp.PORT_NO, 9), 0),
        ("port dump", VPORT, GET, b"", DUMP),
        ("flow new", FLOW, NEW, key + UFID + attr(Fl.ACTIONS, output(9)), CREATE),
        ("flow set", FLOW, SET, key + UFID + attr(Fl.ACTIONS, b""), 0),
        ("flow get", FLOW, GET, UFID, 0),
        ("flow dump", FLOW, GET, b"", DUMP),
        ("execute", PACKET, EXECUTE, attr(Pk.PACKET, packet.udp4()) + attr(Pk.KEY, ovs.in_port(0)) + attr(Pk.ACTIONS, output(9)), 0),
        ("meter features", METER, METER_FEATURES, b"", 0),
        ("meter set", METER, METER_SET, u32(1, 5) + band, 0),
        ("meter get", METER, METER_GET, u32(1, 5), 0),
        ("limits set", LIMITS, LIMITS_SET, limit, 0),
        ("limits get", LIMITS, LIMITS_GET, b"", 0),
        ("limits del", LIMITS, LIMITS_DEL, limit, 0),
        ("meter del", METER, METER_DEL, u32(1, 5), 0),
        ("flow del", FLOW, DEL, UFID, 0),
        ("flush", FLOW, DEL, b"", 0),
        ("port del", VPORT, DEL, u32(Vp.PORT_NO, 9), 0),
    )  # fmt: skip


def tried(nl, ifindex, name="own"):
    """What each command on a datapath comes to: {label: errno's name, or how many answers}."""
    found = {}
    for label, family, cmd, attrs, flags in commands(name):
        try:
            found[label] = len(nl.request(family, cmd, ifindex, attrs, flags=flags))
        except Error as error:
            found[label] = errno.errorcode[error.errno]
    return found


def as_other(become, function, *args):
    """What a function returns in a process that has become another."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            forget()
            become()
            os.write(writer, json.dumps(function(*args)).encode())
            status = 0
        except BaseException as error:  # pylint: disable=broad-except
            print(f"# in the other process: {error!r}", flush=True)
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        said = file.read()
    equal(os.waitpid(child, 0)[1], 0, "status of the other process")
    return json.loads(said)


def nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def in_namespaces(flags):
    """As somebody without privileges, who is root of a user namespace."""
    nobody()
    # The process may write its own maps only if it may be traced.
    net.dumpable()
    os.unshare(os.CLONE_NEWUSER | flags)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {NOBODY} 1"), ("gid_map", f"0 {NOBODY} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def setup():
    global dp, watcher
    net.load()
    find_module()
    net.quiet_devices()
    net.veth("p1", "e1")
    watcher = Socket()
    defer(watcher.close)
    for family in FAMILIES:
        # So that nobody has to ask later.
        watcher.family(family)
    dp = Datapath("dp0", watcher.pid)
    dp.add("p1", number=1, pids=(watcher.pid,))
    dp.flow(ovs.in_port(1) + ovs.eth() + ovs.eth_type(0x88B5), output(1), UFID)
    dp.request(METER, METER_SET, u32(1, 5) + nest(4, nest(1, u32(1, 1), u32(2, 1000), u32(3, 10))))
    dp.request(LIMITS, LIMITS_SET, attr(1, struct.pack("=iII", 7, 70, 0)))
    for family in (DP, VPORT, FLOW, METER):
        watcher.join(family)


def all_there_is():
    """The datapath, without what counts by itself."""
    return (
        dp.get().get(Dp.NAME), dp.ports(), [flow.attrs for flow in dp.flows()],
        [m.get(2) for m in dp.request(METER, METER_GET, u32(1, 5))],
        dp.request(LIMITS, LIMITS_GET)[0].get(1),
    )  # fmt: skip


class Unchanged:
    """Nothing here changes, and nothing is told, while others try what they can."""

    def __enter__(self):
        watcher.pending()
        self.before = all_there_is()

    def __exit__(self, failed, *_):
        if not failed:
            equal(all_there_is(), self.before, "the datapath")
            equal([(m.cmd, m.attrs) for m in watcher.pending()], [], "what its listener is told")


def refused_changes(found):
    """Only what reads is allowed."""
    equal({label for label, got in found.items() if got == "EPERM"}, {c[0] for c in commands("x")} - READS, "commands refused")
    true(all(not isinstance(found[label], str) or found[label] == "ENODEV" for label in READS), f"what reads: {found}")


def make(name):
    """Creates a datapath, if that is allowed: its ifindex, or the errno's name."""
    nl = Socket()
    try:
        return nl.request(DP, NEW, 0, string(Dp.NAME, name), u32(Dp.UPCALL_PID, 0), flags=ECHO)[0].dp_ifindex
    except Error as error:
        return errno.errorcode[error.errno]


def unprivileged():
    found = tried(Socket(), dp.ifindex)
    found["dp new"] = make("dp7")
    try:
        Socket().request(DP, DEL, dp.ifindex)
        found["dp del"] = 0
    except Error as error:
        found["dp del"] = errno.errorcode[error.errno]
    return found


def cannot_change(become):
    with Unchanged():
        found = as_other(become, unprivileged)
    equal((found.pop("dp new"), found.pop("dp del")), ("EPERM", "EPERM"), "making and deleting datapaths")
    refused_changes(found)


@test
def no_privileges():
    """without CAP_NET_ADMIN: what reads is allowed, all else refused"""
    cannot_change(nobody)


@test
def user_namespace():
    """with CAP_NET_ADMIN in a user namespace that does not own the network namespace: the same"""
    cannot_change(lambda: in_namespaces(0))


def own_network():
    """In a network namespace of one's own."""
    net.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
    nl = Socket()
    mine = nl.request(DP, NEW, 0, string(Dp.NAME, "mine"), u32(Dp.UPCALL_PID, watcher.pid), flags=ECHO)[0].dp_ifindex
    result = {"foreign": tried(nl, dp.ifindex), "own": tried(nl, mine)}
    # By name, from here, there is nothing of the others.
    for label, family, attrs in (("dp", DP, string(Dp.NAME, "dp0")), ("port", VPORT, string(Vp.NAME, "p1")), ("device", VPORT, b"")):
        try:
            if label == "device":
                nl.request(VPORT, NEW, mine, string(Vp.NAME, "e1"), u32(Vp.TYPE, Vp.NETDEV), u32(Vp.UPCALL_PID, 0))
            else:
                nl.request(family, GET, 0, attrs)
            result[label] = "found"
        except Error as error:
            result[label] = errno.errorcode[error.errno]
    result["dump"] = [m.get(Dp.NAME).rstrip(b"\0").decode() for m in nl.request(DP, GET, flags=DUMP)]
    # The number of the other's socket is nobody's here, or one's own: a miss goes nowhere else.
    nl.request(VPORT, SET, mine, u32(Vp.PORT_NO, 0), u32(Vp.UPCALL_PID, watcher.pid))
    net.up("mine")
    wire = net.Wire("mine")
    wire.send(packet.pad(packet.ether(b"mine alone", 0x88B5)))
    stats = struct.unpack("=QQQQ", nl.request(DP, GET, mine)[0].get(Dp.STATS))
    result["misses"] = stats[1:3]
    nl.request(DP, DEL, mine)
    return result


def of_datapath(label):
    """Whether a command is for one datapath: limits are for the connections of a namespace."""
    return label not in ("dp dump", "meter features") and not label.startswith("limits")


def apart(found):
    """Everything on its own datapath, nothing on that of the others."""
    equal({k: v for k, v in found["own"].items() if isinstance(v, str)}, {}, "refused on its own datapath")
    foreign = {label: got for label, got in found["foreign"].items() if of_datapath(label)}
    # What a dump of a datapath says that is not there.
    equal(set(foreign.values()) - {0}, {"ENODEV"}, f"tried on the other's datapath: {foreign}")
    equal([label for label, got in foreign.items() if got == 0 and not label.endswith("dump")], [], "succeeded there")
    equal((found["dp"], found["port"], found["device"]), ("ENODEV",) * 3, "found by name")
    equal(found["dump"], ["mine"], "datapaths in its dump")
    equal(found["misses"], [1, 1], "misses, and those lost")


@test
def own_namespaces():
    """in a user and network namespace of its own: everything there, nothing outside"""
    with Unchanged():
        apart(as_other(lambda: in_namespaces(os.CLONE_NEWNET), own_network))


@test
def other_network():
    """root in another network namespace: the same"""
    with Unchanged():
        apart(as_other(lambda: os.unshare(os.CLONE_NEWNET), own_network))


@test
def moved_port():
    """a port whose device is in another namespace stays with its datapath"""
    net.ip("netns add away")
    defer(net.try_ip, "netns del away")
    dp.add("int3", Vp.INTERNAL, 3, (watcher.pid,))
    defer(dp.remove, 3)
    net.ip("link set int3 netns away")
    watcher.pending()
    equal(dp.port(3).get(Vp.NAME), b"int3\0", "name of the port")
    with Namespace("away"):
        found = as_other(lambda: None, tried, Socket(), dp.ifindex)
        try:
            Socket().request(VPORT, GET, 0, string(Vp.NAME, "int3"))
            true(False, "the port is found there")
        except Error as error:
            equal(error.errno, errno.ENODEV, "errno of GET there")
    equal({got for label, got in found.items() if of_datapath(label) and not label.endswith("dump")}, {"ENODEV"}, "commands there")


if __name__ == "__main__":
    main(setup)
