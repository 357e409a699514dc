# SPDX-License-Identifier: GPL-2.0
"""cycle.py END TIMES: load, use and unload the module, with traffic all the time.

END is how a cycle comes to its end: the datapath is deleted, its devices vanish, or its
namespace ends. The module is unloaded as soon as that is possible.
"""

import contextlib
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position
from lib import ktap, net, ovs, packet
from lib.ktap import equal
from lib.netlink import Namespace, Socket, attr, string
from lib.ovs import DEL, DP, Datapath, Dp, Feature, Fl, output


def at(namespace):
    return Namespace(namespace) if namespace else contextlib.nullcontext()


def devices(namespace):
    """Ports in the namespace, their other ends here."""
    for i in (1, 2):
        if not net.exists(f"e{i}"):
            there = f" netns {namespace}" if namespace else ""
            net.ip(f"link add e{i} type veth peer name p{i}{there}")
        net.up(f"e{i}")
    with at(namespace):
        net.up("p1")
        net.up("p2")


def send():
    """A process that sends packets of two kinds until it is killed."""
    child = os.fork()
    if child:
        return child
    try:
        # Sockets would keep their namespace alive.
        os.closerange(3, 1024)
        wire = net.Wire("e1")
        while True:
            with contextlib.suppress(OSError):
                wire.send(packet.udp4())
                wire.send(packet.arp_request())
            time.sleep(0.001)
    finally:
        os._exit(0)


def use():
    """A datapath with ports, flows, upcalls, and traffic through all of them."""
    net.run("modprobe", "openvswitch")
    listener = Socket()
    dp = Datapath("dp0", listener.pid, Feature.UNALIGNED)
    dp.add("p1", pids=(listener.pid,))
    dp.add("p2")
    dp.add("int0", ovs.Vp.INTERNAL)
    net.up("int0")
    for i in range(20):
        key = ovs.in_port(1) + ovs.eth() + ovs.eth_type(0x0800) + ovs.ipv4(ttl=i)
        dp.flow(key, output(2), attr(Fl.UFID, bytes([i + 1])))
    key = ovs.in_port(1) + ovs.eth() + ovs.eth_type(0x0800)
    mask = ovs.in_port(0xFFFFFFFF) + ovs.eth_type(0xFFFF)
    actions = ovs.push_vlan(0x1064) + output(2) + output(3) + ovs.userspace(listener.pid)
    dp.flow(key + ovs.ipv4(ttl=200), actions, attr(Fl.UFID, b"all"), mask=mask)
    return dp, listener


def wait_for_traffic(dp, listener):
    """Flows are hit, there are misses, and packets come out of the other port."""
    before = net.statistic("e2", "rx_packets")
    net.wait_for(lambda: all(n >= 5 for n in dp.stats()[:2]), "hits and misses")
    net.wait_for(lambda: net.statistic("e2", "rx_packets") > before, "packets out of a port")
    kinds = {listener.next(lambda m, k=k: m.cmd == k).cmd for k in (ovs.MISS, ovs.ACTION)}
    equal(kinds, {ovs.MISS, ovs.ACTION}, "upcalls")


def cycle(end):
    namespace = "cycle" if end == "namespace" else None
    if namespace:
        net.ip(f"netns add {namespace}")
    devices(namespace)
    with at(namespace):
        dp, listener = use()
    sender = send()
    try:
        wait_for_traffic(dp, listener)
        if end == "devices":
            # Both ends of it; the port must find out by itself.
            net.ip("link del p1")
            net.ip("link del p2")
            net.wait_for(lambda: len(dp.ports()) == 2, "ports go")
        if end == "namespace":
            listener.close()
            dp.nl.close()
            net.ip(f"netns del {namespace}")
        else:
            dp.nl.request(DP, DEL, 0, string(Dp.NAME, "dp0"))
        net.remove_module("openvswitch")
    finally:
        os.kill(sender, signal.SIGKILL)
        os.waitpid(sender, 0)
    for sock in (listener, dp.nl):
        sock.close()
    # What was deferred has been done.
    ktap.forget()
    Socket.families.clear()
    if end == "namespace":
        net.wait_for(lambda: not net.exists("e1") and not net.exists("e2"), "devices go with the namespace")
    for name in ("dp0", "int0"):
        ktap.true(not net.exists(name), f"{name} is still there")


if __name__ == "__main__":
    net.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
    try:
        for _ in range(int(sys.argv[2])):
            cycle(sys.argv[1])
    finally:
        ktap.cleanup()
    for device in ("e1", "e2"):
        net.try_ip(f"link del {device}")
    net.sysctl("net/ipv6/conf/default/disable_ipv6", 0)
