#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
"""All at once: traffic, upcalls, flows, meters, ports, devices, namespaces and datapaths that come and go,
and dumps of them. What a request comes to does not matter; the kernel must not mind, and be as before afterwards."""

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
from lib import net, ovs, packet
from lib.ktap import defer, equal, find_module, forget, main, test, true
from lib.netlink import CREATE, DUMP, ECHO, REPLACE, Error, Namespace, Socket, Timeout, attr, nest, string, u32
from lib.ovs import DEL, DP, FLOW, GET, NEW, SET, VPORT, Act, Datapath, Dp, Fl, Vp, output

SECONDS = float(os.environ.get("CHURN_SECONDS", "40"))
METER, METER_SET, METER_DEL, METER_GET = "ovs_meter", 2, 3, 4
SAMPLE = nest(Act.SAMPLE, u32(1, 1 << 31), nest(2, output(2), ovs.push_vlan(0x1005), output(5)))

dp = None


def setup():
    global dp
    net.load()
    find_module()
    net.quiet_devices()
    for i in (1, 2):
        net.veth(f"p{i}", f"e{i}")
    dp = Datapath("dp0", 0, ovs.Feature.UNALIGNED)
    dp.add("p1", number=1)
    dp.add("p2", number=2)
    dp.add("int0", Vp.INTERNAL, number=5)
    net.up("int0")


@contextlib.contextmanager
def whatever():
    """The others are in the way, and must have a chance themselves: locks are not fair."""
    time.sleep(0.002)
    try:
        yield
    except (Error, Timeout, OSError):
        pass


def ip(*words):
    subprocess.run(["ip", *words], capture_output=True, check=False)


def send(name):
    """Packets of many flows from a device."""
    wire = net.Wire(name)
    while True:
        with contextlib.suppress(OSError):
            wire.send(packet.udp4(ttl=random.randrange(1, 64)))
            wire.send(packet.arp_request())
        time.sleep(0.0005)


def key():
    return ovs.in_port(random.choice((1, 2, 5, 7, 8))) + ovs.eth() + ovs.eth_type(0x0800) + ovs.ipv4(ttl=random.randrange(1, 64))


def actions():
    return b"".join(
        random.sample(
            (output(1), output(2), output(5), output(7), output(8), SAMPLE, ovs.push_vlan(0x1007), ovs.userspace(1),
             ovs.recirc(random.randrange(3)), u32(Act.METER, 1)),
            random.randrange(6),
        )
    )


def flows():
    """Flows with several masks, with and without an id, replaced, changed, removed, flushed."""
    nl = Socket()
    masks = (None, ovs.in_port(0xFFFFFFFF) + ovs.eth_type(0xFFFF),
             ovs.in_port(0xFFFFFFFF) + ovs.eth_type(0xFFFF) + ovs.ipv4(ttl=0xFF),
             ovs.eth_type(0xFFFF) + ovs.ipv4(ttl=random.randrange(256)))
    while True:
        with whatever():
            attrs = [attr(Fl.KEY, key())]
            if random.random() < 0.5:
                attrs.append(attr(Fl.UFID, bytes((random.randrange(64),) * 16)))
            mask = random.choice(masks)
            cmd = random.choices((NEW, SET, DEL, GET, 0), (10, 2, 4, 2, 1))[0]
            if cmd == 0:
                if random.random() < 0.05:
                    nl.request(FLOW, DEL, dp.ifindex)
                else:
                    nl.request(FLOW, GET, dp.ifindex, flags=DUMP)
                continue
            if cmd in (NEW, SET):
                attrs.append(attr(Fl.ACTIONS, actions()))
            if mask and cmd in (NEW, SET):
                attrs.append(attr(Fl.MASK, mask))
            nl.request(FLOW, cmd, dp.ifindex, *attrs, flags=random.choice((0, CREATE, REPLACE)) | random.choice((0, ECHO)))


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
    """Ports that come and go by request."""
    nl = Socket()
    while True:
        with whatever():
            number = random.choice((7, 8))
            name, kind = random.choice((("e2", Vp.NETDEV), ("int7", Vp.INTERNAL), ("v8", Vp.NETDEV)))
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
    nl = Socket()
    while True:
        with whatever():
            new = nl.request(DP, NEW, 0, string(Dp.NAME, "dp2"), u32(Dp.UPCALL_PID, 1), flags=ECHO)[0]
            nl.request(VPORT, NEW, new.dp_ifindex, string(Vp.NAME, "int2"), u32(Vp.TYPE, Vp.INTERNAL), u32(Vp.UPCALL_PID, 1))
            nl.request(METER, METER_SET, new.dp_ifindex, u32(1, 1) + nest(4, nest(1, u32(1, 1), u32(2, 1000), u32(3, 1000))))
            nl.request(FLOW, NEW, new.dp_ifindex, attr(Fl.KEY, key()), attr(Fl.ACTIONS, actions()))
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


def work(function, *args):
    """Does it in a process of its own, for ever."""
    child = os.fork()
    if child:
        return child
    try:
        forget()
        random.seed(f"{function.__name__} {args}")
        function(*args)
    except Exception as error:  # pylint: disable=broad-except
        print(f"# {function.__name__}: {error!r}")
    finally:
        os._exit(1)


@test
def churn():
    """the kernel does not mind"""
    workers = [work(send, name) for name in ("e1", "e2", "int0")]
    workers += [work(function) for function in (flows, flows, listen, ports, ask, devices, namespaces, datapaths, meters)]
    time.sleep(SECONDS)
    gone = []
    for pid in workers:
        if os.waitpid(pid, os.WNOHANG)[0]:
            gone.append(pid)
            continue
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    for words in (("netns", "del", "churn"), ("link", "del", "v8")):
        ip(*words)
    equal(gone, [], "processes that came to an end")
    true(dp.get(), "the datapath is there")
    for name in ("dp2",):
        with whatever():
            dp.nl.request(DP, DEL, 0, string(Dp.NAME, name))


@test
def unload():
    """the module goes under traffic"""
    senders = [work(send, name) for name in ("e1", "e2")]
    try:
        dp.delete()
        net.remove_module("openvswitch")
    finally:
        for pid in senders:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main(setup)
