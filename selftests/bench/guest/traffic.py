# SPDX-License-Identifier: GPL-2.0
"""Frames, and flows that match them.

Addresses and ports are numbers. All frames are UDP over IPv4, 60 bytes long.
"""

import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../guest"))
# pylint: disable=wrong-import-position
from lib import packet  # noqa: E402
from lib.netlink import attr, be16  # noqa: E402
from lib.ovs import Key, eth, in_port, u32  # noqa: E402

LENGTH = 60
ALL = 0xFFFFFFFF
SRC, DST = 0x0A010000, 0x0A020000
SPORT, DPORT = 1000, 2000


def frame(src=SRC, dst=DST, sport=SPORT, dport=DPORT, _base=bytearray(packet.udp4())):
    """A frame. Its checksums are the base frame's: nothing here looks at them."""
    struct.pack_into(">IIHH", _base, 26, src, dst, sport, dport)
    return bytes(_base) + bytes(4)


def microflows(count, vary):
    """`count` frames in random order; `vary(i)` names the fields of the i-th."""
    frames = [frame(**vary(i)) for i in range(count)]
    random.Random(count).shuffle(frames)
    return b"".join(frames)


def _ipv4(src, dst, proto, frag):
    return attr(Key.IPV4, struct.pack(">IIBBBB", src, dst, proto, 0, 0, frag))


def match(src=(SRC, 0), dst=(DST, 0), sport=(SPORT, 0), dport=(DPORT, 0), recirc=0, ether=False):
    """Key and mask of a flow as ovs-vswitchd makes it: what is not given is a
    wildcard, but for the port, the protocols and fragments. Fields are pairs of
    value and mask."""
    mac = b"\xff" * 6 if ether else bytes(6)
    key = (
        u32(Key.RECIRC_ID, recirc) + in_port(1) + eth() + be16(Key.ETHERTYPE, 0x0800)
        + _ipv4(src[0], dst[0], packet.UDP, 0)
        + attr(Key.UDP, struct.pack(">HH", sport[0], dport[0]))
    )
    mask = (
        u32(Key.RECIRC_ID, ALL) + in_port(ALL) + eth(mac, mac) + be16(Key.ETHERTYPE, 0xFFFF)
        + _ipv4(src[1], dst[1], 0xFF, 0xFF)
        + attr(Key.UDP, struct.pack(">HH", sport[1], dport[1]))
    )
    return key, mask


def masked(number):
    """The flow `number` that has a mask of its own: an exact destination, and as
    many bits of the source as make masks differ."""
    return match(src=(SRC, number), dst=(DST + number, ALL))


def stranger():
    """A flow of a connection that never comes. Its mask has all fields, so that a
    cache cannot take microflows for one because no mask looks at their ports."""
    return match((1, ALL), (1, ALL), (1, 0xFFFF), (1, 0xFFFF))


def exact(number):
    """The flow of one connection."""
    return match((SRC + number, ALL), (DST, ALL), (SPORT, 0xFFFF), (DPORT, 0xFFFF), ether=True)



class Many:
    """A request by the thousand, that differs in an address and the flow's name."""

    MARK, NAME = bytes.fromhex("0b51ac3d"), bytes.fromhex("9e3779b97f4a7c15f39cc0605cedc834")

    def __init__(self, message):
        self.message = bytearray(message)
        self.address = self.message.find(self.MARK)
        self.name = self.message.find(self.NAME)

    def __call__(self, numbers):
        for number in numbers:
            if self.address >= 0:
                struct.pack_into(">I", self.message, self.address, SRC + number)
            if self.name >= 0:
                # Odd multipliers: no two numbers give the same.
                struct.pack_into(
                    "=QQ", self.message, self.name,
                    number * 0x9E3779B97F4A7C15 % (1 << 64), number * 0xC2B2AE3D27D4EB4F % (1 << 64),
                )
            yield bytes(self.message)
