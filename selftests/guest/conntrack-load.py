#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
"""Connection tracking under load: flushed under traffic, many connections at once, and what is left of all."""

import json
import os
import socket
import struct
import subprocess
import time

from lib import conntrack as ct
from lib import net, ovs
from lib.hosts import Host
from lib.ktap import Failure, add, defer, diag, equal, find_module, main, test, true
from lib.ovs import Datapath

with open("/proc/cpuinfo", encoding="ascii") as cpuinfo:
    # It runs at the processor's own speed, but for a kernel with all checkers.
    FAST = "User Mode Linux" in cpuinfo.read() and not os.path.exists("/sys/kernel/debug/kmemleak")
# How many connections there are at once.
MANY = int(os.environ.get("CONNECTIONS", 100000 if FAST else 10000))
ROUNDS = 5
SLAB = "/sys/kernel/slab/nf_conntrack"

dp = one = two = None


def setting(name, value):
    """A setting of connection tracking, until the end of the test."""
    path = f"net/netfilter/{name}"
    with open(f"/proc/sys/{path}", encoding="ascii") as file:
        old = file.read().strip()
    net.sysctl(path, value)
    defer(net.sysctl, path, old)


def setup():
    global dp, one, two
    net.run("modprobe", "nf_conntrack")
    net.load()
    find_module()
    net.quiet_devices()
    dp = Datapath(features=ovs.Feature.UNALIGNED)
    one, two = (Host(i, dp) for i in (1, 2))
    one.knows(two.ip4, two.ip6, mac=two.mac)
    two.knows(one.ip4, one.ip6, mac=one.mac)
    defer(ct.conntrack, "-F")


def flows(*some):
    dp.flush()
    ct.conntrack("-F")
    for key, actions in some:
        net.run("dpctl", "add-flow", dp.name, key, actions)


# Zone, protocol, port of the server. With each of those of TCP there is one that controls the program.
TRAFFIC = {(1, "tcp", 5201), (1, "udp", 5202), (1, "icmp", None), (2, "tcp", 5203)}


def started():
    """Which traffic has connections, and when the one was started that is there the longest."""
    found = {}
    for entry in ct.dump("-s"):
        kind = entry["zone"], entry["protocol"], entry["orig"].get("dport")
        found[kind] = min(entry["start"], found.get(kind, entry["start"]))
    return found


def goes_on(kinds, since, what):
    """All connections of some traffic are gone, and there are others."""
    try:
        net.wait_for(lambda: all(started().get(kind, 0) > since for kind in kinds))
    except Failure as failure:
        old = {kind: start - since for kind, start in started().items()}
        raise Failure(f"{what}: new connections: {failure}; started after that by ns: {old}") from failure


@test
def under_traffic():
    """flushed under traffic, which goes on: all connections, those of a zone, and a single one"""
    setting("nf_conntrack_timestamp", 1)
    flows(*ct.firewall(ct.IPV4, 1), *ct.firewall(ct.IPV6, 2))
    for _, kind, port in TRAFFIC:
        if port:
            two.start("iperf3", "-s", "-p", str(port))
            net.wait_for(lambda port=port: f":{port} " in two.run("ss", "-Hltn"), f"server at port {port}")
    endless = "-t", "0", "-J", "--connect-timeout", "5000"
    clients = [
        one.start("iperf3", "-c", two.ip4, "-p", "5201", "-P", "4", *endless),
        one.start("iperf3", "-c", two.ip4, "-p", "5202", "-u", "-b", "2M", *endless),
        one.start("iperf3", "-c", two.ip6, "-p", "5203", *endless),
    ]
    ping = one.start("ping", "-nq", "-i", "0.02", two.ip4)
    net.wait_for(lambda: started().keys() >= TRAFFIC, "all traffic")

    udp = "ct_nw_src=10.1.0.1,ct_nw_dst=10.1.0.2,ct_nw_proto=17,ct_tp_dst=5202"
    ports = [e["orig"]["sport"] for e in ct.dump("zone=1") if e["protocol"] == "udp"]
    equal(len(ports), 1, "connections of UDP")
    flushes = (
        (["conntrack", "-F"], TRAFFIC),
        (["dpctl", "flush-conntrack"], TRAFFIC),
        (["dpctl", "flush-conntrack", "zone=1"], {kind for kind in TRAFFIC if kind[0] == 1}),
        (["dpctl", "flush-conntrack", "zone=2"], {kind for kind in TRAFFIC if kind[0] == 2}),
        (["dpctl", "flush-conntrack", "zone=1", f"{udp},ct_tp_src={ports[0]}"], {(1, "udp", 5202)}),
    )
    # Each one does what it should, and traffic goes on after it.
    for command, gone in flushes:
        before = started()
        now = time.time_ns()
        net.run(*command)
        goes_on(gone, now, command)
        equal({k: v for k, v in started().items() if k in TRAFFIC - gone}, {k: v for k, v in before.items() if k in TRAFFIC - gone}, f"{command}: others")
    for _ in range(ROUNDS):
        for command, _ in flushes:
            # A single connection is there again only when its next packet was.
            net.wait_for(lambda c=command: subprocess.run(c, capture_output=True, check=False).returncode == 0, command)
    now = time.time_ns()
    net.run("conntrack", "-F")
    goes_on(TRAFFIC, now, "flushed again and again")
    received = [client.stop() for client in clients]
    ping.stop()
    for text in received:
        intervals = [[stream["bytes"] for stream in i["streams"]] for i in json.loads(text)["intervals"]]
        true(all(sum(column) for column in zip(*intervals)), f"bytes of each stream by seconds: {intervals}")
    dp.flush()
    ct.conntrack("-F")
    net.wait_for(lambda: not ct.count(), "all connections are gone")


def objects():
    """How many connections have memory, templates among them."""
    with open(f"{SLAB}/shrink", "w", encoding="ascii") as file:
        file.write("1")
    with open(f"{SLAB}/objects", encoding="ascii") as file:
        return int(file.read().split()[0])


def many():
    """Connections through a zone, and back to none."""
    with open("/sys/module/nf_conntrack/parameters/hashsize", "r+", encoding="ascii") as file:
        old = file.read()
        file.write(str(MANY))
    defer(net.run, "sh", "-c", f"echo {old} > /sys/module/nf_conntrack/parameters/hashsize")
    setting("nf_conntrack_max", 2 * MANY)
    before = objects()
    # The first packets are not to be the first that time out.
    policy = ct.TimeoutPolicy("slow", 3600, 3600)
    udp = "eth_type(0x0800),ipv4(proto=17),udp()"
    flows(*ct.firewall(udp, 1, ",mark=5/0xff,label=0x1/0x1,timeout=slow"))
    true(policy.users() > 0, "no template has the policy")
    sock = one.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    sock.connect((two.ip4, 0))
    start = time.monotonic()
    for i in range(MANY):
        sock.send(struct.pack(">HHHH", 1024 + i % 50000, 9 + i // 50000, 8, 0))
    diag(f"{time.monotonic() - start:.1f} s")
    equal(ct.count(), MANY, "connections")
    equal(json.loads(net.run("dpctl", "--json", "ct-stats-show", "zone=1"))["protocols"], {"UDP": MANY}, "connections that dpctl counts")
    true(objects() - before >= MANY, "connections have memory")
    net.run("dpctl", "flush-conntrack", "zone=1")
    net.wait_for(lambda: not ct.count(), "all connections are gone")
    dp.flush()
    # The actions are freed after a while.
    net.wait_for(lambda: not policy.users(), "no template has the policy")
    equal(policy.delete(), 0, "errno when the policy is deleted")
    net.wait_for(lambda: objects() <= before, f"no connection has memory, but {before}")


add(f"{MANY:,} connections through a zone, and back to none", many)


def labels_elsewhere():
    """Whether connections have labels in the other namespace."""
    child = os.fork()
    if not child:
        status = 1
        try:
            with open("/run/netns/labels", "rb") as file:
                os.setns(file.fileno(), os.CLONE_NEWNET)
            status = 0 if ct.labels_in_use() else 3
        finally:
            os._exit(status)
    return {0: True, 3: False}[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]


@test
def labels():
    """connections have labels as long as there is somebody who may set them, in each namespace"""
    net.ip("netns add labels")
    defer(net.ip, "netns del labels")
    true(ct.labels_in_use(), "the module has not asked for labels")
    true(labels_elsewhere(), "the module has not asked for labels in another namespace")
    dp.delete()
    net.unload()
    true(not ct.labels_in_use(), "labels are in use without the module")
    true(not labels_elsewhere(), "labels are in use in another namespace without the module")


if __name__ == "__main__":
    main(setup)
