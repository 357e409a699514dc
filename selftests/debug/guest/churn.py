#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
"""All at once: traffic, upcalls, flows, meters, limits, connections, ports, tunnels, devices, namespaces, datapaths,
daemons, and the modules themselves that come and go, and dumps of them. What a request comes to does not matter; the
kernel must not mind, and be as before afterwards. CHURN_SECONDS= says how long, SEED= what is chosen."""

import contextlib
import os
import random
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../guest"))
# pylint: disable=wrong-import-position
from lib import chance, net, overlay, ovs, packet
from lib.ktap import defer, equal, find_module, forget, main, test, true
from lib.netlink import CREATE, DUMP, ECHO, EXCL, REPLACE, Error, Namespace, Socket, Timeout, attr, nest, string, u16, u32
from lib.ovs import DEL, DP, EXECUTE, FLOW, GET, NEW, PACKET, SET, VPORT, Datapath, Dp, Fl, Pk, Vp

SECONDS = float(os.environ.get("CHURN_SECONDS", "40"))
SEED = os.environ.get("SEED", "1")
METER, METER_SET, METER_DEL, METER_GET = "ovs_meter", 2, 3, 4
LIMITS, LIMITS_SET, LIMITS_DEL, LIMITS_GET = "ovs_ct_limit", 1, 2, 3
# The types of ports that make devices for tunnels, and options.
GRE, VXLAN, GENEVE = 3, 4, 5
TUNNELS = (
    ("tun3", VXLAN, 3, (nest(Vp.OPTIONS, u16(1, 4789), nest(2, attr(1))),)),
    ("tun4", GENEVE, 4, (nest(Vp.OPTIONS, u16(1, 6081)),)),
    ("tun6", GRE, 6, ()),
)

dp = None


def setup():
    net.load()
    find_module()
    net.quiet_devices()
    for i in (1, 2):
        net.veth(f"p{i}", f"e{i}")
    net.veth("x1", "x2")
    net.veth("u0", "u1")
    net.ip("addr add 172.31.0.1/24 dev u0")
    net.ip("neigh add 172.31.0.2 lladdr 02:00:00:00:00:02 dev u0 nud permanent")
    defer(remove)
    build()


def build():
    """The datapath that all work with."""
    global dp
    dp = Datapath("dp0", 0, ovs.Feature.UNALIGNED)
    dp.add("p1", number=1)
    dp.add("p2", number=2)
    dp.add("int0", Vp.INTERNAL, number=5)
    net.up("int0")


def remove():
    """What the test has left."""
    for words in (("netns", "del", "churn"), ("link", "del", "v8")):
        ip(*words)
    nl = Socket()
    with contextlib.suppress(Error):
        for message in nl.request(DP, GET, flags=DUMP):
            nl.request(DP, DEL, message.dp_ifindex)
    nl.close()


@contextlib.contextmanager
def whatever():
    """The others are in the way, and must have a chance themselves: locks are not fair."""
    time.sleep(0.01)
    try:
        yield
    except (Error, Timeout, OSError, TypeError):
        # TypeError: the family went away while it was asked for.
        pass
    else:
        return
    # Perhaps it is another module by now, and another datapath.
    Socket.families.clear()
    with contextlib.suppress(OSError):
        dp.ifindex = net.ifindex("dp0")


def ip(*words):
    subprocess.run(["ip", *words], capture_output=True, check=False)


def send(name):
    """Packets of many flows from a device, or the next one of that name."""
    wire = None
    while True:
        time.sleep(0.005)
        try:
            wire = wire or net.Wire(name)
            wire.send(packet.udp4(ttl=random.randrange(1, 64)))
            wire.send(random.choice((packet.arp_request(), packet.tcp4(), packet.udp6())))
        except OSError:
            if wire:
                wire.close()
            wire = None
            forget()


def dice(number=0):
    """What flows and actions are chosen with."""
    ports = [1, 2, 3, 4, 5, 6, 7, 8]
    where = overlay.number(7), overlay.dst("172.31.0.2"), overlay.ttl(64)
    here = overlay.number(7), overlay.dst("172.31.0.1"), overlay.geneve(overlay.geneve_option(3, bytes(20)))
    tunnels = [(number, where) for number in (3, 4, 6)] + [(4, here)]
    return chance.Chance(f"{SEED} {number}", ports, tunnels)


def flows(number):
    """Flows with many masks, with and without an id, replaced, changed, removed, flushed."""
    nl = Socket()
    some = dice(number)
    while True:
        with whatever():
            key, mask, actions = some.flow()
            attrs = [attr(Fl.KEY, key)]
            if random.random() < 0.5:
                attrs.append(attr(Fl.UFID, bytes((random.randrange(64),) * 16)))
            cmd = random.choices((NEW, SET, DEL, GET, 0), (10, 2, 4, 2, 1))[0]
            if cmd == 0:
                if random.random() < 0.05:
                    nl.request(FLOW, DEL, dp.ifindex)
                else:
                    nl.request(FLOW, GET, dp.ifindex, flags=DUMP)
                continue
            if cmd in (NEW, SET):
                attrs.append(attr(Fl.ACTIONS, actions))
                if random.random() < 0.8:
                    attrs.append(attr(Fl.MASK, mask))
            nl.request(FLOW, cmd, dp.ifindex, *attrs, flags=random.choice((0, CREATE, REPLACE, EXCL)) | random.choice((0, ECHO)))


def execute():
    """Packets of user space."""
    nl = Socket()
    some = dice()
    frames = list(chance.frames())
    while True:
        with whatever():
            attrs = attr(Pk.PACKET, random.choice(frames)), attr(Pk.KEY, ovs.in_port(random.choice((1, 2, 5))))
            nl.request(PACKET, EXECUTE, dp.ifindex, *attrs, attr(Pk.ACTIONS, some.actions(0x0800, packet.UDP)))


def listen():
    """A process that is given upcalls, for a while."""
    while True:
        nl = Socket()
        with whatever():
            for port in (1, 2, 5):
                nl.request(VPORT, SET, dp.ifindex, u32(Vp.PORT_NO, port), u32(Vp.UPCALL_PID, nl.pid))
            if random.random() < 0.3:
                pids = attr(Dp.PER_CPU_PIDS, struct.pack("=2I", nl.pid, nl.pid))
                nl.request(DP, SET, dp.ifindex, u32(Dp.USER_FEATURES, 9), pids, u32(Dp.MASKS_CACHE_SIZE, random.choice((0, 256, 1024))))
            for _ in range(random.randrange(1, 100)):
                nl.messages(0.1)
        nl.close()


def ports():
    """Ports that come and go by request. None leads to another: a packet in a circle leaves no time for anything else."""
    nl = Socket()
    while True:
        with whatever():
            name, kind, number = random.choice((("x1", Vp.NETDEV, 7), ("int7", Vp.INTERNAL, 7), ("int7", Vp.INTERNAL, 8), ("v8", Vp.NETDEV, 8)))
            nl.request(VPORT, NEW, dp.ifindex, string(Vp.NAME, name), u32(Vp.TYPE, kind), u32(Vp.PORT_NO, number), u32(Vp.UPCALL_PID, 1))
        with whatever():
            net.up("int7")
        with whatever():
            nl.request(VPORT, GET, dp.ifindex, flags=DUMP)
        with whatever():
            nl.request(VPORT, DEL, dp.ifindex, u32(Vp.PORT_NO, random.choice((7, 8))))


def ask():
    """What asks about ports of all kinds."""
    nl = Socket()
    while True:
        with whatever():
            nl.request(VPORT, GET, dp.ifindex, flags=DUMP)
        with whatever():
            nl.request(VPORT, GET, dp.ifindex, u32(Vp.PORT_NO, random.choice((0, 7, 8, 9))))
        with whatever():
            nl.request(DP, GET, 0, flags=DUMP)


def tunnels():
    """Ports that make devices for tunnels, the devices without the ports, and the modules of those."""
    nl = Socket()
    while True:
        name, kind, number, options = random.choice(TUNNELS)
        with whatever():
            nl.request(VPORT, NEW, dp.ifindex, string(Vp.NAME, name), u32(Vp.TYPE, kind), u32(Vp.PORT_NO, number), u32(Vp.UPCALL_PID, 1), *options)
        time.sleep(random.random() / 10)
        name, kind, number, options = random.choice(TUNNELS)
        choice = random.randrange(8)
        if choice == 0:
            ip("link", "del", name)
        elif choice == 1:
            net.try_remove_module(f"vport_{('gre', 'vxlan', 'geneve')[kind - GRE]}")
        else:
            with whatever():
                nl.request(VPORT, DEL, dp.ifindex, u32(Vp.PORT_NO, number))


def connections():
    """Connections that are forgotten, and limits to them."""
    nl = Socket()
    while True:
        limit = attr(1, struct.pack("=iII", random.randrange(-1, 3), random.choice((0, 1, 1000)), 0))
        for cmd in (LIMITS_SET, LIMITS_GET, LIMITS_DEL):
            with whatever():
                nl.request(LIMITS, cmd, dp.ifindex, *([] if cmd == LIMITS_GET else [limit]))
        if random.random() < 0.05:
            subprocess.run(["conntrack", "-F"], capture_output=True, check=False)


def daemon():
    """The daemon that answers upcalls, killed again and again."""
    while True:
        with subprocess.Popen(["ovs-upcalld", "dp0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(random.random() * 2)
            process.kill()


def devices():
    """Ports that go with their devices."""
    nl = Socket()
    while True:
        ip("link", "add", "v8", "type", "veth", "peer", "name", "w8")
        with whatever():
            net.up("v8")
            net.up("w8")
            nl.request(VPORT, NEW, dp.ifindex, string(Vp.NAME, "w8"), u32(Vp.TYPE, Vp.NETDEV), u32(Vp.PORT_NO, 8), u32(Vp.UPCALL_PID, 1))
        ip("link", "del", "w8")


def namespaces():
    """Ports that go with the namespace they were moved to, and datapaths that go with theirs."""
    nl = Socket()
    while True:
        ip("netns", "add", "churn")
        with whatever():
            nl.request(VPORT, NEW, dp.ifindex, string(Vp.NAME, "int9"), u32(Vp.TYPE, Vp.INTERNAL), u32(Vp.PORT_NO, 9), u32(Vp.UPCALL_PID, 1))
        ip("link", "set", "int9", "netns", "churn")
        with whatever(), Namespace("churn"):
            inside = Socket()
            inside.request(DP, NEW, 0, string(Dp.NAME, "dp1"), u32(Dp.UPCALL_PID, 1))
            inside.close()
        ip("netns", "del", "churn")


def datapaths():
    """Another datapath, with a port and a flow."""
    nl, some = Socket(), dice()
    while True:
        with whatever():
            new = nl.request(DP, NEW, 0, string(Dp.NAME, "dp2"), u32(Dp.UPCALL_PID, 1), flags=ECHO)[0]
            nl.request(VPORT, NEW, new.dp_ifindex, string(Vp.NAME, "int2"), u32(Vp.TYPE, Vp.INTERNAL), u32(Vp.UPCALL_PID, 1))
            nl.request(METER, METER_SET, new.dp_ifindex, u32(1, 1) + nest(4, nest(1, u32(1, 1), u32(2, 1000), u32(3, 1000))))
            key, mask, actions = some.flow()
            nl.request(FLOW, NEW, new.dp_ifindex, attr(Fl.KEY, key), attr(Fl.MASK, mask), attr(Fl.ACTIONS, actions), flags=CREATE)
        with whatever():
            nl.request(DP, DEL, 0, string(Dp.NAME, "dp2"))


def meters():
    nl = Socket()
    while True:
        with whatever():
            nl.request(METER, METER_SET, dp.ifindex, u32(1, random.randrange(4)) + nest(4, nest(1, u32(1, 1), u32(2, 100), u32(3, 100))))
        with whatever():
            nl.request(METER, METER_GET, dp.ifindex, u32(1, 1))
        with whatever():
            nl.request(METER, METER_DEL, dp.ifindex, u32(1, random.randrange(4)))


def modules():
    """The module goes with all that there is, and comes back."""
    while True:
        time.sleep(random.random() * 8)
        for name in ("vport_vxlan", "vport_geneve", "vport_gre", "openvswitch"):
            net.try_remove_module(name)
        if os.path.exists("/sys/module/openvswitch"):
            continue
        subprocess.run(["modprobe", "openvswitch"], check=False)
        Socket.families.clear()
        with whatever():
            build()
            forget()


def work(function, *args):
    """Does it in a process of its own, for ever."""
    child = os.fork()
    if child:
        # What it starts ends with it.
        os.setpgid(child, child)
        return child
    try:
        forget()
        # What the kernel calls it when it complains.
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(function.__name__)
        random.seed(f"{SEED} {function.__name__} {args}")
        function(*args)
    except Exception as error:  # pylint: disable=broad-except
        print(f"# {function.__name__}: {error!r}")
    finally:
        os._exit(1)


def end(pid):
    """Ends such a process: whether it was there."""
    if os.waitpid(pid, os.WNOHANG)[0]:
        return False
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def churning(*more):
    workers = [work(send, name) for name in ("e1", "e2", "int0", "u1")]
    workers += [work(flows, number) for number in range(2)]
    workers += [work(f) for f in (execute, listen, ports, ask, tunnels, connections, daemon, devices, namespaces, datapaths, meters, *more)]
    time.sleep(SECONDS / 2)
    equal([pid for pid in workers if not end(pid)], [], "processes that came to an end")


@test
def churn():
    """everything comes and goes"""
    churning()
    true(dp.get(), "the datapath is there")


@test
def torture():
    """everything comes and goes, and so do the modules"""
    churning(modules)
    # The last time was perhaps in the middle of it.
    subprocess.run(["modprobe", "openvswitch"], check=True)
    Socket.families.clear()
    remove()
    build()
    true(dp.get(), "the datapath is there")


@test
def unload():
    """the module goes under traffic"""
    senders = [work(send, name) for name in ("e1", "e2")]
    try:
        dp.delete()
        # With the kinds of ports that are loaded, which use it.
        net.unload()
    finally:
        for pid in senders:
            end(pid)


if __name__ == "__main__":
    main(setup)
