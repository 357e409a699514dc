#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
"""Limits to the connections of zones: their commands, and what they do."""

import errno
import struct
import subprocess

from lib import ktap, net, ovs, packet
from lib.ktap import defer, equal, find_module, main, test, true
from lib.lab import Lab
from lib.netlink import attr
from lib.ovs import ct, output, refused

CT_LIMIT = "ovs_ct_limit"
SET, DEL, GET = 1, 2, 3
ZONE_LIMIT = 1
DEFAULT = -1
lab = dp = None


def setup():
    global lab, dp
    net.load()
    find_module()
    net.quiet_devices()
    lab = Lab(2)
    dp = lab.dp
    defer(conntrack, "-F")


def conntrack(*args):
    return subprocess.run(["conntrack", *args], capture_output=True, text=True, check=False).stdout


def limits(*some):
    """The attribute for (zone, limit) pairs."""
    return attr(ZONE_LIMIT, b"".join(struct.pack("=iII", zone, limit, 0) for zone, limit in some))


def set_limits(*some):
    return dp.request(CT_LIMIT, SET, limits(*some))[0]


def delete(*zones):
    return dp.request(CT_LIMIT, DEL, limits(*((zone, 0) for zone in zones)))[0]


def get(*zones):
    """[(zone, limit, count)]"""
    attrs = [limits(*((zone, 0) for zone in zones))] if zones else []
    data = dp.request(CT_LIMIT, GET, *attrs)[0].get(ZONE_LIMIT)
    return sorted(struct.iter_unpack("=iII", data))


def counted(*wanted):
    """Waits for each (zone, limit, count): refused connections are counted until the kernel looks for them again, which
    it does once in a tick at most."""
    zones = [zone for zone, _, _ in wanted]
    net.wait_for(lambda: get(*zones) == list(wanted), f"limits and counts {wanted}")


def forget():
    conntrack("-F")
    zones = [zone for zone, _, _ in get()]
    delete(*zones)


def start(zone, sport):
    """Commits a connection; whether the packet got out."""
    dp.execute(packet.pad(packet.ether(packet.ipv4(packet.udp(sport=sport), packet.UDP), 0x0800)), ct(commit=True, zone=zone) + output(1))


def starts(zone, ports):
    """From which of these ports connections can be started."""
    done = []
    for port in ports:
        try:
            start(zone, port)
            done.append(port)
        except ovs.Error as error:
            equal(error.errno, errno.ENOMEM, "errno")
    lab.wires[1].drain()
    return done


@test
def commands():
    """SET, GET, DEL of the default and of zones"""
    forget()
    equal(get(), [(DEFAULT, 0, 0)], "limits at first")
    answer = set_limits((DEFAULT, 10), (0, 5), (1, 15), (65535, 7))
    equal((answer.cmd, answer.dp_ifindex, answer.kinds()), (SET, dp.ifindex, []), "answer")
    equal(get(), [(DEFAULT, 10, 0), (0, 5, 0), (1, 15, 0), (65535, 7, 0)], "limits")
    equal(get(1, 2, DEFAULT), [(DEFAULT, 10, 0), (1, 15, 0), (2, 10, 0)], "limits asked for")
    set_limits((1, 16))
    answer = delete(0, 3)
    equal((answer.cmd, answer.kinds()), (DEL, []), "answer")
    equal(get(), [(DEFAULT, 10, 0), (1, 16, 0), (65535, 7, 0)], "limits")
    equal(get(0), [(0, 10, 0)], "limit of a zone without one")
    delete(DEFAULT, 1, 65535)
    equal(get(), [(DEFAULT, 0, 0)], "limits at last")


@test
def refusals():
    """a request without limits, and numbers that are no zone's"""
    forget()
    refused(errno.EINVAL, dp.request, CT_LIMIT, SET)
    refused(errno.EINVAL, dp.request, CT_LIMIT, DEL)
    set_limits((70000, 1), (-5, 1), (4, 1))
    equal(get(), [(DEFAULT, 0, 0), (4, 1, 0)], "limits")
    # Half a limit behind a whole one.
    dp.request(CT_LIMIT, SET, attr(ZONE_LIMIT, struct.pack("=iII", 5, 1, 0) + bytes(4)))
    equal(get(), [(DEFAULT, 0, 0), (4, 1, 0), (5, 1, 0)], "limits")


FULL = "openvswitch: zone: 3 exceeds conntrack limit"


def log():
    return subprocess.run(["dmesg"], capture_output=True, text=True, check=False).stdout


@test
def limit():
    """a zone is full, and has room again; the log tells"""
    forget()
    net.log_everything()
    before = log().count(FULL)
    set_limits((3, 4))
    equal(starts(3, range(1000, 1008)), [1000, 1001, 1002, 1003], "connections in the zone")
    counted((3, 4, 4))
    equal(log().count(FULL) - before, 4, "messages in the log")
    # Those there are go on, and other zones are none of its business.
    equal(starts(3, [1001, 1003, 1004]), [1001, 1003], "connections in the zone")
    equal(starts(4, range(1000, 1008)), list(range(1000, 1008)), "connections in another zone")
    conntrack("-D", "-w", "3", "-p", "udp", "--sport", "1002")
    counted((3, 4, 3))
    equal(starts(3, [1004]), [1004], "a connection in place of one that ended")
    equal(starts(3, [1005]), [], "one too many")
    counted((3, 4, 4))
    set_limits((3, 5))
    equal(starts(3, [1005, 1006]), [1005], "connections with a higher limit")
    delete(3)
    equal(len(starts(3, range(1006, 1020))), 14, "connections without a limit")


@test
def default_limit():
    """the default is for each zone that has no limit of its own"""
    forget()
    set_limits((DEFAULT, 2), (5, 3), (6, 0))
    for zone, wanted in ((1, 2), (2, 2), (5, 3), (6, 8)):
        equal(len(starts(zone, range(1000, 1008))), wanted, f"connections in zone {zone}")
    counted((1, 2, 2), (2, 2, 2), (5, 3, 3))


@test
def many():
    """two hundred zones at once"""
    forget()
    zones = [(zone, zone + 1) for zone in range(200)]
    set_limits(*reversed(zones))
    equal([(zone, value) for zone, value, _ in get()][1:], zones, "limits")
    delete(*range(0, 200, 2))
    equal([(zone, value) for zone, value, _ in get()][1:], zones[1::2], "limits")
    if ktap.RUST:
        # The C module's answer has no room for more.
        zones = [(zone, 1) for zone in range(5000)]
        set_limits(*zones)
        equal(len(get()), 5001, "limits")


@test
def commands_in_words():
    """dpctl and ovs-dpctl set, print and delete the same limits"""
    forget()
    for program, other in (("dpctl", "ovs-dpctl"), ("ovs-dpctl", "dpctl")):
        net.run(program, "ct-set-limits", "dp0", "default=10", "zone=0,limit=5", "zone=1,limit=15")
        start(1, 1000)
        for who in (program, other):
            equal(net.run(who, "ct-get-limits", "dp0"), "default limit=10\nzone=0,limit=5,count=0\nzone=1,limit=15,count=1\n", who)
            equal(net.run(who, "ct-get-limits", "zone=1,2"), "default limit=10\nzone=1,limit=15,count=1\nzone=2,limit=10,count=0\n", who)
        net.run(other, "ct-del-limits", "dp0", "zone=0")
        net.run(program, "ct-del-limits", "default", "zone=1")
        equal(net.run(program, "ct-get-limits"), "default limit=0\n", program)
    for bad in (["zone=70000,limit=1"], ["zone=1"], ["default=x"], ["dp9", "default=1"], []):
        true(subprocess.run(["dpctl", "ct-set-limits", *bad], capture_output=True, check=False).returncode == 1, f"{bad}")
    equal(get(), [(DEFAULT, 0, 0)], "limits")


@test
def namespaces():
    """each namespace has limits of its own"""
    forget()
    set_limits((DEFAULT, 9), (3, 4))
    net.ip("netns add limits")
    defer(net.try_ip, "netns del limits")
    told = subprocess.run(
        ["ip", "netns", "exec", "limits", "python3", "-c", "import sys; sys.path.insert(0, sys.argv[1])\n"
         "from lib.netlink import Socket\nprint(Socket().request('ovs_ct_limit', 3)[0].get(1).hex())", "/ovs/selftests/guest"],
        capture_output=True, text=True, check=False,
    )
    equal(told.stdout.strip(), struct.pack("=iII", DEFAULT, 0, 0).hex(), f"limits there {told.stderr}")


if __name__ == "__main__":
    main(setup)
