#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
"""Ports: NEW, DEL, GET, SET, dumps, notifications, errors, and devices that vanish or move."""

import errno
import os
import struct

from lib import net, packet
from lib.ktap import defer, equal, find_module, main, test, true
from lib.net import Wire
from lib.netlink import DUMP, ECHO, Namespace, Socket, attr, nest, parse, s32, string, u32
from lib.ovs import DEL, GET, NEW, SET, VPORT, Datapath, Feature, Vp, output, refused


def setup():
    os.sched_setaffinity(0, {0})
    net.load()
    find_module()
    net.quiet_devices()


def params(name, kind=Vp.NETDEV, pid=0):
    return string(Vp.NAME, name), u32(Vp.TYPE, kind), u32(Vp.UPCALL_PID, pid)


def name_of(message):
    return message.get(Vp.NAME).rstrip(b"\0").decode()


def told(message):
    return message.u32(Vp.PORT_NO), message.u32(Vp.TYPE), name_of(message)


ALWAYS = [Vp.PORT_NO, Vp.TYPE, Vp.NAME, Vp.IFINDEX, Vp.STATS, Vp.UPCALL_STATS, Vp.UPCALL_PID]


@test
def new():
    """NEW adds devices and internal ports, and answers with all of their attributes"""
    dp = Datapath()
    net.veth("p1", "e1")
    for number, (name, kind) in enumerate((("p1", Vp.NETDEV), ("int0", Vp.INTERNAL)), 1):
        reply = dp.request(VPORT, NEW, *params(name, kind, 99), flags=ECHO)
        equal(len(reply), 1, "answers")
        reply = reply[0]
        equal((reply.cmd, reply.version, reply.dp_ifindex), (NEW, 1, dp.ifindex))
        equal(reply.kinds(), ALWAYS, "attributes")
        equal(told(reply), (number, kind, name))
        equal(reply.u32(Vp.IFINDEX), net.ifindex(name), "ifindex")
        equal(reply.get(Vp.UPCALL_PID), struct.pack("=I", 99), "pid")
        equal(len(reply.get(Vp.STATS)), 64, "size of statistics")
        equal(parse(reply.get(Vp.UPCALL_STATS)), [(0, bytes(8)), (1, bytes(8))], "upcall statistics")
    equal(dp.ports(), {0: "dp0", 1: "p1", 2: "int0"})


@test
def netdev():
    """a device that is a port is promiscuous and has the datapath's device as its master"""
    dp = Datapath()
    net.veth("p1", "e1")
    number = dp.add("p1")
    true("master ovs-system" in net.ip("link show p1") or "master dp0" in net.ip("link show p1"), net.ip("link show p1"))
    equal(net.promiscuity("p1"), 1, "promiscuity")
    true("openvswitch_slave" in net.ip("-d link show p1"), net.ip("-d link show p1"))
    dp.remove(number)
    true("master" not in net.ip("link show p1"), net.ip("link show p1"))
    equal(net.promiscuity("p1"), 0, "promiscuity after DEL")


@test
def internal():
    """an internal port is a device of its own that goes with the port"""
    dp = Datapath()
    number = dp.add("int0", Vp.INTERNAL)
    equal(net.driver("int0"), "openvswitch", "driver")
    equal(net.promiscuity("int0"), 1, "promiscuity")
    dp.remove(number)
    true(not net.exists("int0"), "the device is still there")


@test
def numbers():
    """port numbers: as wanted, or the lowest that is free"""
    dp = Datapath()
    for wanted, expected in ((None, 1), (0, 2), (5, 5), (None, 3), (65534, 65534), (None, 4), (None, 6)):
        equal(dp.add(f"int{expected}", Vp.INTERNAL, wanted), expected, "number")
    dp.remove(2)
    equal(dp.add("int2", Vp.INTERNAL), 2, "the number that became free")
    for number, why in ((0xFFFF, errno.EFBIG), (0xFFFFFFFF, errno.EFBIG), (5, errno.EBUSY)):
        refused(why, dp.add, "int99", Vp.INTERNAL, number)
    true(not net.exists("int99"), "a device of a refused port exists")
    equal(sorted(dp.ports()), [0, 1, 2, 3, 4, 5, 6, 65534])


@test
def new_incomplete():
    """NEW is refused without name, type or pid, and in no datapath"""
    dp = Datapath()
    name, kind, pid = params("int0", Vp.INTERNAL)
    for attrs in ((kind, pid), (name, pid), (name, kind)):
        refused(errno.EINVAL, dp.request, VPORT, NEW, *attrs)
    for ifindex in (0, 12345, net.ifindex("lo")):
        refused(errno.ENODEV, dp.nl.request, VPORT, NEW, ifindex, name, kind, pid)


@test
def new_bad_device():
    """NEW is refused for devices that do not exist, cannot be ports or are in use"""
    dp, other = Datapath(), Datapath("dp1")
    net.veth("p1", "e1")
    net.ip("link add br9 type bridge")
    defer(net.try_ip, "link del br9")
    net.ip("link set e1 master br9")
    net.ip("link property add dev p1 altname p1-other")
    dp.add("int0", Vp.INTERNAL)
    for name, why in (
        ("nothing", errno.ENODEV),
        ("p1-other", errno.ENODEV),
        ("lo", errno.EINVAL),
        ("int0", errno.EINVAL),
        ("dp1", errno.EINVAL),
        ("e1", errno.EBUSY),
    ):
        refused(why, dp.add, name)
    dp.add("p1")
    refused(errno.EEXIST, dp.add, "p1")
    refused(errno.EBUSY, other.add, "p1")
    equal(dp.ports(), {0: "dp0", 1: "int0", 2: "p1"})
    equal(net.promiscuity("p1"), 1, "promiscuity")


@test
def new_internal_taken():
    """NEW of an internal port is refused for a name that is taken or impossible"""
    dp = Datapath()
    net.veth("p1", "e1")
    for name in ("p1", "dp0", "lo"):
        refused(errno.EEXIST, dp.add, name, Vp.INTERNAL)
    for name in ("a/b", ".", "", "a b"):
        refused(errno.EINVAL, dp.add, name, Vp.INTERNAL)
    equal(dp.ports(), {0: "dp0"})


@test
def types():
    """NEW is refused for unknown types of ports"""
    dp = Datapath()
    for kind in (0, 6, 77, 0xFFFFFFFF):
        refused(errno.EAFNOSUPPORT, dp.add, "p1", kind)
        # Whatever else may be wrong.
        refused(errno.EAFNOSUPPORT, dp.add, "p1", kind, pids=(1,) * 1000)


@test
def ifindex():
    """NEW takes the wanted interface index, of internal ports only"""
    dp = Datapath()
    net.veth("p1", "e1")
    dp.add("int0", Vp.INTERNAL, None, (0,), s32(Vp.IFINDEX, 4343))
    equal(net.ifindex("int0"), 4343, "ifindex")
    refused(errno.EOPNOTSUPP, dp.add, "p1", Vp.NETDEV, None, (0,), s32(Vp.IFINDEX, 4344))
    refused(errno.EBUSY, dp.add, "int1", Vp.INTERNAL, None, (0,), s32(Vp.IFINDEX, 4343))
    refused(errno.ERANGE, dp.add, "int1", Vp.INTERNAL, None, (0,), s32(Vp.IFINDEX, -5))


@test
def get():
    """GET finds by name, also without datapath, and by number"""
    dp, other = Datapath(), Datapath("dp1")
    number = dp.add("int0", Vp.INTERNAL)
    name, by_number = string(Vp.NAME, "int0"), u32(Vp.PORT_NO, number)
    for at, attrs in ((dp.ifindex, (name,)), (0, (name,)), (dp.ifindex, (by_number,)), (dp.ifindex, (name, u32(Vp.PORT_NO, 99)))):
        reply = dp.nl.request(VPORT, GET, at, *attrs)
        equal([(m.cmd, m.dp_ifindex, told(m)) for m in reply], [(GET, dp.ifindex, (number, Vp.INTERNAL, "int0"))])
    equal(told(dp.port(0)), (0, Vp.INTERNAL, "dp0"), "port 0")
    refused(errno.ENODEV, dp.nl.request, VPORT, GET, other.ifindex, name)
    refused(errno.ENODEV, dp.nl.request, VPORT, GET, other.ifindex, by_number)
    refused(errno.ENODEV, dp.nl.request, VPORT, GET, 0, by_number)
    refused(errno.ENODEV, dp.request, VPORT, GET, string(Vp.NAME, "nothing"))
    refused(errno.EFBIG, dp.request, VPORT, GET, u32(Vp.PORT_NO, 0xFFFF))
    refused(errno.EINVAL, dp.request, VPORT, GET)
    refused(errno.EOPNOTSUPP, dp.request, VPORT, GET, name, u32(Vp.IFINDEX, 1))


@test
def dump():
    """a dump of many ports neither misses nor repeats one"""
    dp, other = Datapath(), Datapath("dp1")
    other.add("other0", Vp.INTERNAL)
    wanted = {0: "dp0"}
    # Numbers that share a bucket, too.
    for number in [*range(1, 60), 1024, 1025, 2048, 4096, 65534]:
        wanted[dp.add(f"int{number}", Vp.INTERNAL, number)] = f"int{number}"
    found = dp.request(VPORT, GET, flags=DUMP)
    equal(len(found), len(wanted), "ports")
    equal({m.u32(Vp.PORT_NO): name_of(m) for m in found}, wanted)
    equal({m.dp_ifindex for m in found}, {dp.ifindex}, "datapaths")
    refused(errno.ENODEV, dp.nl.request, VPORT, GET, 12345, flags=DUMP)


@test
def delete():
    """DEL answers with the last state; port 0 stays"""
    dp = Datapath()
    number = dp.add("int0", Vp.INTERNAL)
    refused(errno.EINVAL, dp.remove, 0)
    refused(errno.EINVAL, dp.request, VPORT, DEL, string(Vp.NAME, "dp0"))
    refused(errno.EINVAL, dp.request, VPORT, DEL)
    refused(errno.ENODEV, dp.remove, 99)
    refused(errno.EFBIG, dp.remove, 70000)
    reply = dp.remove(number)
    equal((reply.cmd, told(reply)), (DEL, (number, Vp.INTERNAL, "int0")))
    refused(errno.ENODEV, dp.remove, number)
    equal(dp.ports(), {0: "dp0"})


@test
def set_pids():
    """SET replaces the pids; one is told, all with the feature"""
    cpus = os.sysconf("SC_NPROCESSORS_CONF")
    dp = Datapath()
    number = dp.add("int0", Vp.INTERNAL)
    which, pids = u32(Vp.PORT_NO, number), struct.pack(f"={cpus}I", *range(1, cpus + 1))
    reply = dp.request(VPORT, SET, which, attr(Vp.UPCALL_PID, pids), flags=ECHO)[0]
    equal((reply.cmd, reply.get(Vp.UPCALL_PID)), (SET, pids[:4]))
    dp.set_features(Feature.VPORT_PIDS)
    equal(dp.port(number).get(Vp.UPCALL_PID), pids, "pids with the feature")
    for bad in (b"", pids[:3], bytes(6), bytes(4 * 65)):
        refused(errno.EINVAL, dp.request, VPORT, SET, which, attr(Vp.UPCALL_PID, bad))
    equal(dp.port(number).get(Vp.UPCALL_PID), pids, "pids after refused ones")
    dp.request(VPORT, SET, which, u32(Vp.UPCALL_PID, 0))
    equal(dp.port(number).get(Vp.UPCALL_PID), bytes(4), "no pid")


@test
def set_refused():
    """SET refuses another type, options, and ports that do not exist"""
    dp = Datapath()
    which = u32(Vp.PORT_NO, dp.add("int0", Vp.INTERNAL))
    refused(errno.EINVAL, dp.request, VPORT, SET, which, u32(Vp.TYPE, Vp.NETDEV))
    refused(errno.EOPNOTSUPP, dp.request, VPORT, SET, which, nest(Vp.OPTIONS))
    refused(errno.ENODEV, dp.request, VPORT, SET, u32(Vp.PORT_NO, 9))
    refused(errno.EINVAL, dp.request, VPORT, SET)
    equal(dp.request(VPORT, SET, which, u32(Vp.TYPE, Vp.INTERNAL), flags=ECHO)[0].cmd, SET)


@test
def notifications():
    """listeners hear of NEW, SET and DEL"""
    dp = Datapath()
    listener = Socket()
    defer(listener.close)
    listener.join(VPORT)
    number = dp.add("int0", Vp.INTERNAL)
    dp.request(VPORT, SET, u32(Vp.PORT_NO, number), u32(Vp.UPCALL_PID, 5))
    dp.remove(number)
    heard = [listener.next() for _ in range(3)]
    equal([(m.cmd, told(m)) for m in heard], [(cmd, (number, Vp.INTERNAL, "int0")) for cmd in (NEW, SET, DEL)])
    equal({m.dp_ifindex for m in heard}, {dp.ifindex})


@test
def device_removed():
    """a device that vanishes takes its port along; listeners hear of it"""
    dp = Datapath()
    net.veth("p1", "e1")
    number = dp.add("p1")
    dp.flow_from(number, output(0))
    listener = Socket()
    defer(listener.close)
    listener.join(VPORT)
    net.ip("link del p1")
    heard = listener.next()
    equal((heard.cmd, heard.dp_ifindex, heard.pid, heard.seq), (DEL, dp.ifindex, 0, 0))
    equal(told(heard), (number, Vp.NETDEV, "p1"))
    equal(dp.ports(), {0: "dp0"})
    equal(len(dp.flows()), 1, "flows")


@test
def port_reused():
    """a port that replaces a vanished one works"""
    dp = Datapath()
    net.veth("p1", "e1")
    number = dp.add("p1")
    dp.flow_from(number, output(number))
    net.ip("link del p1")
    net.wait_for(lambda: dp.ports() == {0: "dp0"}, "the port goes")
    net.veth("p1", "e1")
    equal(dp.add("p1"), number, "number")
    wire = Wire("e1")
    wire.send(packet.udp4())
    equal(wire.receive(), packet.udp4(), "packet")


@test
def renamed():
    """a port is known by its device's new name"""
    dp = Datapath()
    net.veth("p1", "e1")
    number = dp.add("p1")
    net.ip("link set p1 down")
    net.ip("link set p1 name p7")
    defer(net.try_ip, "link del p7")
    equal(dp.ports()[number], "p7")


@test
def moved_internal():
    """an internal port in another namespace: its id is told, packets pass, it goes with the namespace"""
    dp = Datapath()
    net.veth("p1", "e1")
    outside, inside = dp.add("p1"), dp.add("int0", Vp.INTERNAL)
    net.ip("netns add elsewhere")
    defer(net.try_ip, "netns del elsewhere")
    net.ip("link set int0 netns elsewhere")
    reply = dp.port(inside)
    equal(reply.kinds(), ALWAYS[:4] + [Vp.NETNSID] + ALWAYS[4:], "attributes")
    true(struct.unpack("=i", reply.get(Vp.NETNSID))[0] >= 0, "no id of the namespace")
    equal(dp.ports()[inside], "int0")
    wire = Wire("e1")
    dp.flow_from(outside, output(inside))
    dp.flow_from(inside, output(outside))
    with Namespace("elsewhere"):
        net.sysctl("net/ipv6/conf/int0/disable_ipv6", 1)
        net.ip("link set int0 up")
        there = Wire("int0")
    wire.send(packet.udp4())
    equal(there.receive(), packet.udp4(), "packet to the namespace")
    there.send(packet.tcp4())
    equal(wire.receive(), packet.tcp4(), "packet from the namespace")
    there.close()
    net.ip("netns del elsewhere")
    net.wait_for(lambda: dp.ports() == {0: "dp0", outside: "p1"}, "the port goes")


@test
def moved_netdev():
    """a device that moves to another namespace is no port any more"""
    dp = Datapath()
    net.veth("p1", "e1")
    dp.add("p1")
    net.ip("netns add elsewhere")
    defer(net.try_ip, "netns del elsewhere")
    listener = Socket()
    defer(listener.close)
    listener.join(VPORT)
    net.ip("link set p1 netns elsewhere")
    equal(name_of(listener.next()), "p1", "notification")
    equal(dp.ports(), {0: "dp0"})
    true("master" not in net.ip("-n elsewhere link show p1"), "it still has a master")


@test
def local_stays():
    """port 0 cannot move to another namespace"""
    Datapath()
    net.ip("netns add elsewhere")
    defer(net.try_ip, "netns del elsewhere")
    try:
        net.ip("link set dp0 netns elsewhere")
    except Exception as error:  # pylint: disable=broad-except
        true("immutable" in str(error), str(error))
    true(net.exists("dp0"), "it has moved")


@test
def namespace():
    """a namespace with datapaths, ports and flows ends cleanly, with internal ports of other datapaths in it"""
    dp = Datapath()
    net.ip("netns add elsewhere")
    defer(net.try_ip, "netns del elsewhere")
    net.veth("p1", "e1")
    net.veth("p2", "e2")
    for name in ("p2", "e2"):
        net.ip(f"link set {name} netns elsewhere")
        net.ip(f"-n elsewhere link set {name} up")
    dp.add("int0", Vp.INTERNAL)
    net.ip("link set int0 netns elsewhere")
    with Namespace("elsewhere"):
        inner = Datapath()
        port = inner.add("p2")
        inner.flow_from(port, output(0))
        inner.add("int1", Vp.INTERNAL)
        inner.add("int2", Vp.INTERNAL)
        inner.nl.close()
    # A port here of a datapath there.
    net.ip("-n elsewhere link set int2 netns 1")
    net.ip("link set int2 up")
    net.ip("netns del elsewhere")
    net.wait_for(lambda: not net.exists("int2"), "the internal device goes")
    net.wait_for(lambda: dp.ports() == {0: "dp0"}, "the port goes")


@test
def statistics():
    """the statistics of a port are those of its device, both ways"""
    dp = Datapath()
    net.veth("p1", "e1")
    net.veth("p2", "e2")
    first, second = dp.add("p1"), dp.add("p2")
    dp.flow_from(first, output(second))
    wire, there = Wire("e1"), Wire("e2")
    for _ in range(3):
        wire.send(packet.udp4())
        there.receive()
    size = len(packet.udp4())
    equal(dp.port_stats(first)[:4], (3, 0, 3 * size, 0), "the first port")
    equal(dp.port_stats(second)[:4], (0, 3, 0, 3 * size), "the second port")


@test
def internal_statistics():
    """an internal device counts from its own point of view"""
    dp = Datapath()
    net.veth("p1", "e1")
    outside, inside = dp.add("p1"), dp.add("int0", Vp.INTERNAL)
    dp.flow_from(outside, output(inside))
    dp.flow_from(inside, output(outside))
    net.ip("link set int0 up")
    wire, device = Wire("e1"), Wire("int0")
    size = len(packet.udp4())
    wire.send(packet.udp4())
    equal(device.receive(), packet.udp4(), "packet")
    device.send(packet.udp4())
    equal(wire.receive(), packet.udp4(), "packet back")
    equal((net.statistic("int0", "rx_packets"), net.statistic("int0", "tx_packets")), (1, 1), "packets")
    # What it receives it counts without the Ethernet header.
    equal((net.statistic("int0", "rx_bytes"), net.statistic("int0", "tx_bytes")), (size - 14, size), "bytes")
    equal(dp.port_stats(inside)[:4], (1, 1, size - 14, size), "of the port")


@test
def too_long():
    """what is longer than a port's MTU is dropped and counted as an error"""
    dp = Datapath()
    net.veth("p1", "e1")
    first, second = dp.add("p1"), dp.add("int0", Vp.INTERNAL)
    net.ip("link set int0 mtu 600 up")
    dp.flow_from(first, output(second))
    wire, there = Wire("e1"), Wire("int0")
    wire.send(packet.ether(packet.ipv4(packet.udp(bytes(1000)), packet.UDP), 0x0800))
    wire.send(packet.udp4())
    equal(there.receive(), packet.udp4(), "packet")
    equal(net.statistic("int0", "tx_errors"), 1, "errors")


@test
def headroom():
    """ports get the headroom that the neediest of them wants"""
    dp = Datapath()
    dp.add("int0", Vp.INTERNAL)
    net.veth("p1", "e1")
    net.ip("link add vx9 type vxlan external dstport 4789")
    defer(net.try_ip, "link del vx9")
    number = dp.add("p1")
    dp.remove(dp.add("vx9"))
    dp.remove(number)
    equal(dp.ports(), {0: "dp0", 1: "int0"})


if __name__ == "__main__":
    main(setup)
