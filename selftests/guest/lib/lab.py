# SPDX-License-Identifier: GPL-2.0
"""A datapath to try actions in: packets go in by each way there is, and what comes out is compared.

Flows are installed as a virtual switch does it: a packet is sent without a flow, and the key in its
upcall, all of it, becomes the flow's.
"""

import fcntl
import os
import select
import struct

from lib import net, ovs, packet
from lib.ktap import defer, equal, true
from lib.net import Wire
from lib.netlink import PATIENCE, Socket
from lib.ovs import Pk, output

MARKER = packet.pad(packet.ether(b"end of the packets of this test", 0x88B5))
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 1, 2, 0x1000, 0x4000


class Tun:
    """A device, its packets without Ethernet header unless `flags` say so, and the program at its other end."""

    def __init__(self, name, flags=IFF_TUN):
        net.run("modprobe", "tun")
        self.fd = os.open("/dev/net/tun", os.O_RDWR)
        defer(self.close)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
        net.ip(f"link set {name} mtu 9000 up")

    def close(self):
        os.close(self.fd)

    def send(self, data, kind):
        os.write(self.fd, struct.pack(">HH", 0, kind) + data)

    def receive(self, patience=PATIENCE):
        """The next packet, in front of it its type."""
        if not select.select([self.fd], [], [], patience)[0]:
            return None
        return os.read(self.fd, 1 << 16)[2:]


class Lab:
    """Ports 1, 2, ... are `count` veth pairs whose other ends are the wires; `tun`: port 9 is a Tun."""

    def __init__(self, count=3, tun=False):
        self.nl = Socket()
        defer(self.nl.close)
        self.dp = ovs.Datapath(features=ovs.Feature.UNALIGNED)
        self.wires = {}
        for i in range(1, count + 1):
            net.veth(f"p{i}", f"e{i}")
            for dev in (f"p{i}", f"e{i}"):
                net.ip(f"link set {dev} mtu 9000")
            self.dp.add(f"p{i}", number=i, pids=(self.nl.pid,))
            self.wires[i] = Wire(f"e{i}", vnet=True)
        self.tun = None
        if tun:
            self.tun = Tun("t9")
            self.dp.add("t9", number=9, pids=(self.nl.pid,))

    def expect(self, wanted):
        """These packets come out of these ports, in this order, and no others: {port: [packet]}."""
        # What is sent last comes out last.
        self.dp.execute(MARKER, b"".join(output(i) for i in self.wires))
        for port, wire in self.wires.items():
            got = []
            while (data := wire.receive()) != MARKER:
                true(data is not None, f"nothing came out of port {port} any more")
                got.append(data)
            equal([g.hex() for g in got], [w.hex() for w in wanted.get(port, [])], f"packets out of port {port}")

    def expect_tun(self, *wanted):
        """These packets, (type, bytes), come out of port 9."""
        for kind, data in wanted:
            got = self.tun.receive()
            true(got is not None, "nothing came out of port 9")
            equal(got.hex(), (struct.pack(">H", kind) + data).hex(), "packet out of port 9")
        got = self.tun.receive(0)
        equal(got.hex() if got else None, None, "packet out of port 9")

    def upcall(self):
        """The next packet for user space."""
        return self.nl.next(lambda message: message.cmd in (ovs.MISS, ovs.ACTION))

    def send(self, data, port=1, kind=None):
        if port == 9:
            self.tun.send(data, kind)
        else:
            self.wires[port].send(data)

    def key(self, data, port=1, kind=None):
        """The key of a packet that comes in by a port."""
        self.dp.flush()
        self.nl.pending()
        self.send(data, port, kind)
        return self.upcall().get(Pk.KEY)

    def forward(self, data, actions, port=1, kind=None):
        """Sends a packet by a flow of its own with these actions. Further flows may be there then."""
        key = self.key(data, port, kind)
        self.dp.flow(key, actions)
        hits = self.dp.stats()[0]
        self.send(data, port, kind)
        net.wait_for(lambda: self.dp.stats()[0] > hits, "the packet hits the flow")

    def both_ways(self, data, actions, wanted):
        """The same comes out whether the packet comes from a port or from user space."""
        self.forward(data, actions)
        self.expect(wanted)
        self.dp.execute(data, actions, key=ovs.in_port(1))
        self.expect(wanted)
