#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
"""Ports that make their devices: their options, what is refused, and what is dumped, byte for byte."""

import errno
import socket

from lib import ktap, net, ovs
from lib.ktap import add, defer, equal, find_module, main, test, true
from lib.netlink import attr, nest, u16, u32
from lib.overlay import unload
from lib.ovs import Datapath, Vp, refused

GRE, VXLAN, GENEVE = 3, 4, 5
NAMES = {GRE: "gre", VXLAN: "vxlan", GENEVE: "geneve"}
DST_PORT, EXTENSION, UNKNOWN = 1, 2, 3
GBP = attr(1)
dp = None


def setup():
    global dp
    net.load()
    defer(unload)
    find_module()
    net.quiet_devices()
    dp = Datapath()


def options(*attrs):
    return nest(Vp.OPTIONS, *attrs)


def extensions(*attrs):
    return nest(EXTENSION, *attrs)


PORT = u16(DST_PORT, 4790)
# The type of port, what is special about the options, they themselves, and those in the dump.
ACCEPTED = [
    (VXLAN, "a port", (PORT,), (PORT,)),
    (VXLAN, "a group policy", (PORT, extensions(GBP)), (PORT, extensions(GBP))),
    (VXLAN, "the extension first", (extensions(GBP), PORT), (PORT, extensions(GBP))),
    (VXLAN, "port 0, which is the driver's own", (u16(DST_PORT, 0),), (u16(DST_PORT, 8472),)),
    (VXLAN, "two ports", (PORT, u16(DST_PORT, 4791)), (PORT,)),
    (VXLAN, "an unknown option", (attr(UNKNOWN, b"unknown"), PORT), (PORT,)),
    (VXLAN, "an unknown extension", (PORT, extensions(attr(2, b"unknown"))), (PORT,)),
    (VXLAN, "a known and an unknown extension", (PORT, extensions(attr(2, b"x"), GBP)), (PORT, extensions(GBP))),
    (VXLAN, "two lists of extensions", (PORT, extensions(attr(2)), extensions(GBP)), (PORT,)),
    (VXLAN, "an extension that is cut off", (PORT, extensions(b"\x08\0\1\0")), (PORT,)),
    (VXLAN, "nested flags", (attr(DST_PORT | 0x8000, PORT[4:6]), nest(EXTENSION | 0x8000, GBP)), (PORT, extensions(GBP))),
    (GENEVE, "a port", (PORT,), (PORT,)),
    (GENEVE, "port 0", (u16(DST_PORT, 0),), (u16(DST_PORT, 0),)),
    (GENEVE, "two ports", (PORT, u16(DST_PORT, 4791)), (PORT,)),
    (GENEVE, "an unknown option", (attr(UNKNOWN, b"unknown"), PORT), (PORT,)),
    (GENEVE, "VXLAN's extensions", (PORT, extensions(GBP)), (PORT,)),
    (GRE, "none", (), None),
    (GRE, "a port, which it has not", (PORT,), None),
    (GRE, "something else", (b"\xff" * 8,), None),
]
REFUSED = [
    (VXLAN, "no port", (extensions(GBP),), errno.EINVAL),
    (VXLAN, "none", (), errno.EINVAL),
    (VXLAN, "a short port", (attr(DST_PORT, b"\1"),), errno.EINVAL),
    (VXLAN, "a long port", (u32(DST_PORT, 4790),), errno.EINVAL),
    (VXLAN, "a short port before a good one", (attr(DST_PORT, b"\1"), PORT), errno.EINVAL),
    (VXLAN, "what is no option", (b"\xff" * 8,), errno.EINVAL),
    (VXLAN, "no extensions in the list", (PORT, attr(EXTENSION)), errno.EINVAL),
    (VXLAN, "a list of extensions that is too short", (PORT, attr(EXTENSION, b"\1\2\3")), errno.EINVAL),
    (VXLAN, "a group policy with a value", (PORT, extensions(attr(1, b"\0"))), errno.ERANGE),
    (VXLAN, "a second group policy with a value", (PORT, extensions(GBP, attr(1, b"\0"))), errno.ERANGE),
    (GENEVE, "none", (), errno.EINVAL),
    (GENEVE, "no port", (attr(UNKNOWN),), errno.EINVAL),
    (GENEVE, "a short port", (attr(DST_PORT, b"\1"),), errno.EINVAL),
    (GENEVE, "a long port", (u32(DST_PORT, 4790),), errno.EINVAL),
]


def accepted(kind, attrs, wanted):
    """The port is there, dumped, and goes with its device, and the other way round."""
    dp.add("tun0", kind, 2, (0,), options(*attrs))
    message = dp.port(2)
    equal(message.u32(Vp.TYPE), kind, "type")
    equal(message.whole(Vp.OPTIONS), None if wanted is None else options(*wanted), "options")
    true("UP" in net.ip("link show tun0"), "the device is not up")
    dp.remove(2)
    true(not net.exists("tun0"), "the device is still there")
    dp.add("tun0", kind, 2, (0,), options(*attrs))
    net.ip("link del tun0")
    net.wait_for(lambda: 2 not in dp.ports(), "the port goes with its device")


def not_accepted(kind, attrs, number):
    refused(number, dp.add, "tun0", kind, 2, (0,), options(*attrs))
    nothing_left()


def nothing_left():
    equal(set(dp.ports()), {0}, "ports")
    true(not net.exists("tun0"), "a device stayed")


for KIND, WHAT, ATTRS, WANTED in ACCEPTED:
    add(f"options of {NAMES[KIND]}: {WHAT}", accepted, KIND, ATTRS, WANTED)
for KIND, WHAT, ATTRS, NUMBER in REFUSED:
    add(f"options of {NAMES[KIND]} that are refused: {WHAT}", not_accepted, KIND, ATTRS, NUMBER)


@test
def no_options():
    """ports of the types that need options are refused without, others are not"""
    for kind in (VXLAN, GENEVE):
        refused(errno.EINVAL, dp.add, "tun0", kind, 2)
        nothing_left()
    refused(errno.EAFNOSUPPORT, dp.add, "tun0", 9, 2)
    dp.add("tun0", GRE, 2)
    dp.remove(2)
    nothing_left()


@test
def names():
    """a name that is taken is refused, and one that no device can have"""
    net.ip("link add tun0 type dummy")
    defer(net.try_ip, "link del tun0")
    for kind in NAMES:
        refused(errno.EEXIST, dp.add, "tun0", kind, 2, (0,), options(PORT))
        for name in ("a/b", ""):
            refused(errno.EINVAL, dp.add, name, kind, 2, (0,), options(PORT))
        if ktap.RUST:
            # With the C module the kernel puts a number there; nobody is known to ask for that.
            refused(errno.EINVAL, dp.add, "tun%d", kind, 2, (0,), options(PORT))


TAKEN = {VXLAN: errno.EEXIST, GENEVE: errno.EBUSY, GRE: errno.EEXIST}


def second(kind):
    """Another port for the same packets is refused."""
    dp.add("tun2", kind, 2, (0,), options(PORT))
    defer(dp.remove, 2)
    refused(TAKEN[kind], dp.add, "tun0", kind, 3, (0,), options(PORT))
    true(not net.exists("tun0"), "a device stayed")
    equal(set(dp.ports()), {0, 2}, "ports")


def bound(kind):
    """A UDP port that a socket has is refused."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::", 4790))
        refused(errno.EADDRINUSE, dp.add, "tun0", kind, 2, (0,), options(PORT))
    nothing_left()


def unchangeable(kind):
    """The options of a port cannot be changed."""
    dp.add("tun0", kind, 2, (0,), options(PORT))
    defer(dp.remove, 2)
    refused(errno.EOPNOTSUPP, dp.request, ovs.VPORT, ovs.SET, u32(Vp.PORT_NO, 2), options(PORT))


for KIND, NAME in NAMES.items():
    add(f"a second port of type {NAME} for the same packets is refused", second, KIND)
    if KIND != GRE:
        add(f"a UDP port that is in use is refused: {NAME}", bound, KIND)
    add(f"the options of a port of type {NAME} cannot be changed", unchangeable, KIND)

main(setup)
