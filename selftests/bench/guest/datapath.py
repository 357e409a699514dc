# SPDX-License-Identifier: GPL-2.0
"""A datapath, and requests to it by the thousand."""

import itertools
import os
import select
import statistics
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../guest"))
# pylint: disable=wrong-import-position
from lib.netlink import CREATE, DUMP, ECHO, NLMSG_DONE, REQUEST, Socket, attr, string, u32  # noqa: E402
from lib.ovs import DEL, DP, EXECUTE, FLOW, GET, NEW, PACKET, VPORT, Dp, Fl, Pk, Vp  # noqa: E402

# As many requests as go into a socket's buffer at once.
AT_ONCE = 128


class Datapath:
    """One with ports 1, 2, ... on the given devices."""

    def __init__(self, devices, upcalls=0):
        Socket.families.clear()
        self.nl = Socket()
        self.nl.sock.setsockopt(1, 32, 8 << 20)  # SO_SNDBUFFORCE
        answer = self.nl.request(DP, NEW, 0, string(Dp.NAME, "bench"), u32(Dp.UPCALL_PID, 0), u32(Dp.USER_FEATURES, 2), flags=ECHO)
        self.ifindex = answer[0].dp_ifindex
        for number, device in enumerate(devices, 1):
            self.add(device, number, upcalls)

    def add(self, device, number, upcalls=0):
        self.nl.request(
            VPORT, NEW, self.ifindex, string(Vp.NAME, device), u32(Vp.TYPE, Vp.NETDEV),
            u32(Vp.PORT_NO, number), u32(Vp.UPCALL_PID, upcalls),
        )

    def close(self):
        self.nl.request(DP, DEL, self.ifindex)
        self.nl.close()

    def stats(self):
        """(hits, misses, lost, flows)"""
        return struct.unpack("=QQQQ", self.nl.request(DP, GET, self.ifindex)[0].get(Dp.STATS))

    def masks(self):
        return struct.unpack_from("=QI", self.nl.request(DP, GET, self.ifindex)[0].get(Dp.MEGAFLOW_STATS))[1]

    def message(self, family, cmd, *attrs, flags=0):
        """A request that is answered only if it fails."""
        number, version, _ = self.nl.family(family)
        body = struct.pack("=BBHi", cmd, version, 0, self.ifindex) + b"".join(attrs)
        return struct.pack("=IHHII", 16 + len(body), number, flags | REQUEST, 0, 0) + body

    def put(self, key, mask, actions, ufid=b""):
        attrs = [attr(Fl.KEY, key), attr(Fl.MASK, mask), attr(Fl.ACTIONS, actions)]
        if ufid:
            attrs.append(attr(Fl.UFID, ufid))
        return self.message(FLOW, NEW, *attrs, flags=CREATE)

    def delete(self, ufid):
        return self.message(FLOW, DEL, attr(Fl.UFID, ufid))

    def execute(self, frame, key, actions):
        return self.message(PACKET, EXECUTE, attr(Pk.PACKET, frame), attr(Pk.KEY, key), attr(Pk.ACTIONS, actions))

    def send(self, messages):
        """Has all requests carried out; the nanoseconds of one, by the median of what
        some of them took at once."""
        times, messages = [], iter(messages)
        while some := list(itertools.islice(messages, AT_ONCE)):
            times.append(self._send(some) / len(some))
        return statistics.median(times)

    def _send(self, messages):
        data = b"".join(messages)
        start = time.perf_counter_ns()
        self.nl.sock.send(data)
        total = time.perf_counter_ns() - start
        if select.select([self.nl.sock], [], [], 0)[0]:
            code = struct.unpack_from("=i", self.nl.sock.recv(1 << 16), 16)[0]
            raise OSError(-code, f"a request was refused: {os.strerror(-code)}")
        return total

    def flush(self):
        start = time.perf_counter_ns()
        self.nl.request(FLOW, DEL, self.ifindex)
        return time.perf_counter_ns() - start

    def dump(self, terse):
        """The nanoseconds of a dump of all flows, and its bytes."""
        attrs = [u32(Fl.UFID_FLAGS, 7)] if terse else []
        number, version, _ = self.nl.family(FLOW)
        buffer = bytearray(1 << 17)
        done = struct.pack("=IH", 20, NLMSG_DONE)
        size = 0
        start = time.perf_counter_ns()
        self.nl.send(number, struct.pack("=BBHi", GET, version, 0, self.ifindex) + b"".join(attrs), DUMP)
        while True:
            got = self.nl.sock.recv_into(buffer)
            size += got
            if buffer[got - 20 : got - 14] == done:
                return time.perf_counter_ns() - start, size


class Upcalls:
    """A socket that packets without a flow come to."""

    def __init__(self):
        self.nl = Socket()
        self.nl.sock.setblocking(False)
        self.buffer = bytearray(1 << 16)
        self.pid = self.nl.pid

    def drain(self):
        """Reads all there is; how many."""
        count = 0
        while True:
            try:
                self.nl.sock.recv_into(self.buffer)
            except BlockingIOError:
                return count
            count += 1

    def close(self):
        self.nl.close()
