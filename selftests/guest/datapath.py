#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
"""Datapaths: NEW, DEL, GET, SET, dumps, notifications and errors."""

import errno
import os
import struct

from lib import net, ovs
from lib.ktap import defer, equal, find_module, main, test, true
from lib.netlink import ACK, DUMP, ECHO, Error, Namespace, Socket, attr, s32, string, u32
from lib.ovs import DEL, DP, GET, NEW, SET, Datapath, Dp, Feature, refused


def setup():
    net.load()
    find_module()


def name_of(message):
    return message.get(Dp.NAME).rstrip(b"\0").decode()


@test
def new():
    """NEW makes the datapath and its internal device, and answers with all of its attributes"""
    nl = Socket()
    answers = nl.request(DP, NEW, 0, string(Dp.NAME, "dp0"), u32(Dp.UPCALL_PID, 0), flags=ECHO)
    defer(nl.request, DP, DEL, 0, string(Dp.NAME, "dp0"))
    equal(len(answers), 1, "answers")
    reply = answers[0]
    equal(reply.cmd, NEW, "command")
    equal(reply.version, 2, "version")
    equal(reply.dp_ifindex, net.ifindex("dp0"), "ifindex")
    wanted = [Dp.NAME, Dp.STATS, Dp.MEGAFLOW_STATS, Dp.USER_FEATURES, Dp.MASKS_CACHE_SIZE]
    equal(reply.kinds(), wanted, "attributes")
    equal(name_of(reply), "dp0", "name")
    equal(reply.get(Dp.STATS), bytes(32), "statistics")
    equal(reply.get(Dp.MEGAFLOW_STATS), bytes(32), "megaflow statistics")
    equal(reply.u32(Dp.USER_FEATURES), 0, "features")
    equal(reply.u32(Dp.MASKS_CACHE_SIZE), 256, "size of the masks cache")


@test
def internal_device():
    """the internal device has the driver, limits and features of the kernel's own"""
    Datapath()
    equal(net.driver("dp0"), "openvswitch", "driver")
    details = net.ip("-d link show dp0")
    true("maxmtu 65535" in details, details)
    true("openvswitch" in details, f"no link kind: {details}")
    true("noqueue" in details or "noop" in details, details)
    equal(net.promiscuity("dp0"), 1, "promiscuity")
    true(net.mac("dp0")[0] & 3 == 2, f"not a local address: {net.mac('dp0').hex()}")
    for line in ("link add type openvswitch", "link add x9 type openvswitch", "link del dp0"):
        try:
            net.ip(line)
        except Exception as error:  # pylint: disable=broad-except
            true("not supported" in str(error), str(error))
            continue
        true(False, f"ip {line} was not refused")
    net.ip("link set dp0 address 02:00:00:00:00:77")
    net.ip("link set dp0 mtu 9000")
    equal(net.mac("dp0").hex(), "020000000077", "address")


@test
def new_refused():
    """NEW is refused without a name or pid, for a name that is taken, for unknown features"""
    Datapath()
    nl = Socket()
    dp, pid = string(Dp.NAME, "dp1"), u32(Dp.UPCALL_PID, 0)
    refused(errno.EINVAL, nl.request, DP, NEW, 0, dp)
    refused(errno.EINVAL, nl.request, DP, NEW, 0, pid)
    refused(errno.EEXIST, nl.request, DP, NEW, 0, string(Dp.NAME, "dp0"), pid)
    refused(errno.EEXIST, nl.request, DP, NEW, 0, string(Dp.NAME, "lo"), pid)
    # More pids than CPUs; that comes before the name, but after unknown features.
    pids = attr(Dp.UPCALL_PID, bytes(4 * 65))
    for name in ("dp0", "dp1"):
        refused(errno.EINVAL, nl.request, DP, NEW, 0, string(Dp.NAME, name), pids)
    refused(errno.EOPNOTSUPP, nl.request, DP, NEW, 0, dp, pids, u32(Dp.USER_FEATURES, 1 << 31))
    unknown = [1 << 31, 1 << 4, 0xFFFFFFFF]
    if not net.configured("NET_TC_SKB_EXT"):
        unknown.append(Feature.TC_RECIRC_SHARING)
    for features in unknown:
        refused(errno.EOPNOTSUPP, nl.request, DP, NEW, 0, dp, pid, u32(Dp.USER_FEATURES, features))
    refused(errno.EINVAL, nl.request, DP, NEW, 0, dp, pid, u32(Dp.MASKS_CACHE_SIZE, 3))
    refused(errno.ERANGE, nl.request, DP, NEW, 0, dp, pid, u32(Dp.MASKS_CACHE_SIZE, 8192))
    refused(errno.ERANGE, nl.request, DP, NEW, 0, dp, pid, s32(Dp.IFINDEX, -1))
    true(not net.exists("dp1"), "a device of a refused datapath exists")
    equal(len(nl.request(DP, GET, 0, flags=DUMP)), 1, "datapaths")


@test
def ifindex():
    """NEW takes the wanted interface index"""
    dp = Datapath("dp0", 0, None, s32(Dp.IFINDEX, 4242))
    equal((dp.ifindex, net.ifindex("dp0")), (4242, 4242), "ifindex")
    nl = Socket()
    refused(errno.EEXIST, nl.request, DP, NEW, 0, string(Dp.NAME, "dp1"), u32(Dp.UPCALL_PID, 0), s32(Dp.IFINDEX, 4242))


@test
def old_clients():
    """a client of version 1 that meets an existing datapath takes its features away"""
    dp = Datapath("dp0", 0, Feature.VPORT_PIDS)
    args = (DP, NEW, 0, string(Dp.NAME, "dp0"), u32(Dp.UPCALL_PID, 0))
    refused(errno.EEXIST, dp.nl.request, *args)
    equal(dp.get().u32(Dp.USER_FEATURES), Feature.VPORT_PIDS, "features after version 2")
    refused(errno.EEXIST, dp.nl.request, *args, version=1)
    equal(dp.get().u32(Dp.USER_FEATURES), 0, "features after version 1")


@test
def get():
    """GET finds by name and by index, and nothing that is not a datapath"""
    dp = Datapath()
    dp.add("int0", ovs.Vp.INTERNAL)
    for reply in (dp.nl.request(DP, GET, dp.ifindex), dp.nl.request(DP, GET, 0, string(Dp.NAME, "dp0"))):
        equal([(m.cmd, m.dp_ifindex, name_of(m)) for m in reply], [(GET, dp.ifindex, "dp0")])
    refused(errno.ENODEV, dp.nl.request, DP, GET, 0)
    refused(errno.ENODEV, dp.nl.request, DP, GET, 12345)
    refused(errno.ENODEV, dp.nl.request, DP, GET, net.ifindex("lo"))
    refused(errno.ENODEV, dp.nl.request, DP, GET, 0, string(Dp.NAME, "int0"))
    refused(errno.ENODEV, dp.nl.request, DP, GET, 0, string(Dp.NAME, "nothing"))
    # The index of any of its internal devices will do.
    equal(dp.nl.request(DP, GET, net.ifindex("int0"))[0].dp_ifindex, dp.ifindex)
    # A name decides, whatever the index.
    equal(dp.nl.request(DP, GET, 12345, string(Dp.NAME, "dp0"))[0].dp_ifindex, dp.ifindex)


@test
def dump():
    """a dump tells all datapaths of the namespace, and none of another"""
    wanted = {}
    for i in range(40):
        wanted[f"many{i}"] = Datapath(f"many{i}").ifindex
    net.ip("netns add elsewhere")
    defer(net.try_ip, "netns del elsewhere")
    with Namespace("elsewhere"):
        nl = Socket()
        equal(nl.request(DP, GET, 0, flags=DUMP), [], "datapaths in a new namespace")
        nl.request(DP, NEW, 0, string(Dp.NAME, "many0"), u32(Dp.UPCALL_PID, 0))
        equal([name_of(m) for m in nl.request(DP, GET, 0, flags=DUMP)], ["many0"])
    found = Socket().request(DP, GET, 0, flags=DUMP)
    equal([(name_of(m), m.dp_ifindex) for m in found], list(wanted.items()))


@test
def delete():
    """DEL, by name and by index, answers with the last state and removes the device"""
    for by_name in (True, False):
        dp = Datapath()
        dp.add("int0", ovs.Vp.INTERNAL)
        args = (0, string(Dp.NAME, "dp0")) if by_name else (dp.ifindex,)
        reply = dp.nl.request(DP, DEL, *args, flags=ECHO)
        equal([(m.cmd, m.dp_ifindex, name_of(m)) for m in reply], [(DEL, dp.ifindex, "dp0")])
        true(not net.exists("dp0") and not net.exists("int0"), "a device is still there")
        refused(errno.ENODEV, dp.nl.request, DP, DEL, *args)


@test
def set_features():
    """SET changes the features; without the attribute it takes them away"""
    dp = Datapath("dp0", 0, Feature.UNALIGNED)
    reply = dp.request(DP, SET, u32(Dp.USER_FEATURES, Feature.VPORT_PIDS | Feature.UNALIGNED), flags=ECHO)
    equal((reply[0].cmd, reply[0].u32(Dp.USER_FEATURES)), (SET, 3))
    refused(errno.EOPNOTSUPP, dp.request, DP, SET, u32(Dp.USER_FEATURES, 1 << 31))
    equal(dp.get().u32(Dp.USER_FEATURES), 3, "features after a refused SET")
    dp.request(DP, SET)
    equal(dp.get().u32(Dp.USER_FEATURES), 0, "features")
    refused(errno.ENODEV, dp.nl.request, DP, SET, 0, string(Dp.NAME, "nothing"))


@test
def masks_cache():
    """SET changes the size of the masks cache: a power of two to 4096, or none"""
    dp = Datapath()
    for size in (0, 1, 2, 512, 4096):
        dp.request(DP, SET, u32(Dp.MASKS_CACHE_SIZE, size))
        equal(dp.get().u32(Dp.MASKS_CACHE_SIZE), size, "size")
    for size, number in ((3, errno.EINVAL), (4097, errno.ERANGE), (0xFFFFFFFF, errno.ERANGE)):
        refused(number, dp.request, DP, SET, u32(Dp.MASKS_CACHE_SIZE, size))
    equal(dp.get().u32(Dp.MASKS_CACHE_SIZE), 4096, "size after refused ones")


@test
def per_cpu_pids():
    """PER_CPU_PIDS are kept and told only with the feature"""
    cpus = os.sysconf("SC_NPROCESSORS_CONF")
    dp = Datapath()
    pids = struct.pack("=8I", *range(1, 9))
    dp.set_features(0, attr(Dp.PER_CPU_PIDS, pids))
    equal(dp.get().get(Dp.PER_CPU_PIDS), None, "pids without the feature")
    dp.set_features(Feature.PER_CPU)
    equal(dp.get().get(Dp.PER_CPU_PIDS), None, "pids that were given without the feature")
    for bad in (b"", pids[:3], pids[:6]):
        refused(errno.EINVAL, dp.request, DP, SET, u32(Dp.USER_FEATURES, Feature.PER_CPU), attr(Dp.PER_CPU_PIDS, bad))
    dp.set_features(Feature.PER_CPU, attr(Dp.PER_CPU_PIDS, pids))
    told = dp.get().get(Dp.PER_CPU_PIDS)
    true(len(told) in range(4 * cpus, len(pids) + 1) and pids.startswith(told), f"pids: {told.hex()}")
    dp.set_features(Feature.PER_CPU, attr(Dp.PER_CPU_PIDS, pids[:4]))
    equal(dp.get().get(Dp.PER_CPU_PIDS), pids[:4], "one pid")


@test
def notifications():
    """listeners hear of NEW, SET and DEL; a requester only if it asks"""
    listener = Socket()
    listener.join(DP)
    dp = Datapath()
    dp.set_features(Feature.UNALIGNED)
    dp.delete()
    heard = [listener.next() for _ in range(3)]
    equal([(m.cmd, name_of(m)) for m in heard], [(NEW, "dp0"), (SET, "dp0"), (DEL, "dp0")])
    equal(len({m.dp_ifindex for m in heard}), 1, "indices")
    equal(listener.pending(), [], "more")


@test
def permission():
    """without CAP_NET_ADMIN there is GET, and nothing else"""
    dp = Datapath()
    child = os.fork()
    if child == 0:
        bad = 8
        try:
            bad = unprivileged(dp)
        finally:
            os._exit(bad)
    equal(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, "what went wrong")


def unprivileged(dp):
    """What goes wrong for an ordinary user, as bits."""
    os.setresuid(1000, 1000, 1000)
    nl, bad = Socket(), 0
    try:
        nl.request(DP, GET, dp.ifindex)
    except Error:
        bad = 1
    for cmd in (NEW, DEL, SET):
        try:
            nl.request(DP, cmd, dp.ifindex, string(Dp.NAME, "dp0"), u32(Dp.UPCALL_PID, 0))
            bad |= 2
        except Error as error:
            bad |= 4 * (error.errno != errno.EPERM)
    return bad


@test
def unknown_attributes():
    """attributes of a type not known are ignored; of several the last counts"""
    nl = Socket()
    reply = nl.request(
        DP, NEW, 0, string(Dp.NAME, "dp7"), string(Dp.NAME, "dp0"), u32(Dp.UPCALL_PID, 0), u32(77, 1), flags=ECHO
    )
    defer(nl.request, DP, DEL, reply[0].dp_ifindex)
    equal(name_of(reply[0]), "dp0")


@test
def namespace():
    """a namespace that ends takes its datapaths along"""
    net.ip("netns add elsewhere")
    defer(net.try_ip, "netns del elsewhere")
    with Namespace("elsewhere"):
        nl = Socket()
        for name in ("dp0", "dp1"):
            nl.request(DP, NEW, 0, string(Dp.NAME, name), u32(Dp.UPCALL_PID, 0), flags=ACK)
        nl.close()
    net.ip("netns del elsewhere")
    net.unload()
    net.run("modprobe", "openvswitch")


if __name__ == "__main__":
    main(setup)
