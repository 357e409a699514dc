# SPDX-License-Identifier: GPL-2.0
"""The kernel's side: modules, devices, memory, and packets handed to it."""

import array
import ctypes
import fcntl
import os
import socket
import struct
import time

from lib.netlink import ACK, CREATE, REQUEST, nest, string

FINIT_MODULE, DELETE_MODULE = 313, 176
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8913, 0x8914, 0x8916, 1
RTM_NEWLINK, IFLA_IFNAME, IFLA_LINKINFO = 16, 3, 18

_libc = ctypes.CDLL(None, use_errno=True)


def _call(number, *args):
    if _libc.syscall(number, *args) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def insmod(path):
    with open(path, "rb") as file:
        _call(FINIT_MODULE, file.fileno(), b"", 0)


def rmmod(name):
    """Unloads a module, when what still uses it is gone."""
    end = time.monotonic() + 30
    while True:
        try:
            return _call(DELETE_MODULE, name.encode(), os.O_NONBLOCK)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def sysctl(name, value):
    with open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
        file.write(str(value))


def up(device):
    """Brings a device up that nothing but the datapath sends by."""
    sysctl(f"net/ipv6/conf/{device}/disable_ipv6", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = bytearray(struct.pack("=16sH22x", device.encode(), 0))
        fcntl.ioctl(sock, SIOCGIFFLAGS, request)
        flags = struct.unpack_from("=H", request, 16)[0]
        struct.pack_into("=H", request, 16, flags | IFF_UP)
        fcntl.ioctl(sock, SIOCSIFFLAGS, request)


def address(device, text):
    """Gives a device an IPv4 address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("=16sHH4s16x", device.encode(), socket.AF_INET, 0, socket.inet_aton(text))
        fcntl.ioctl(sock, SIOCSIFADDR, request)


def add_link(name, kind, *data):
    """Makes a device, by attributes for its driver, unless it is there."""
    if name in (device for _, device in socket.if_nameindex()):
        return
    info = nest(IFLA_LINKINFO, string(1, kind), nest(2, *data))
    body = bytes(16) + string(IFLA_IFNAME, name) + info
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWLINK, REQUEST | ACK | CREATE, 0, 0) + body)
        code = struct.unpack_from("=i", sock.recv(8192), 16)[0]
    if code:
        raise OSError(-code, f"{name}: {os.strerror(-code)}")


def sent(device):
    """The packets that a device was given to send."""
    with open(f"/sys/class/net/{device}/statistics/tx_packets", encoding="ascii") as file:
        return int(file.read())


def free_memory():
    """Bytes, without what only caches files."""
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3")
    with open("/proc/meminfo", encoding="ascii") as file:
        fields = dict(line.split(":") for line in file)
    return sum(int(fields[name].split()[0]) for name in ("MemFree", "Cached", "Buffers")) << 10


class Injector:
    """See inject/inject.h."""

    FRAME, BATCH = 64, 64
    RUN = "=IIIIIIQQQ"
    INJECT_RUN = 3 << 30 | struct.calcsize(RUN) << 16 | ord("i") << 8 | 1

    def __init__(self, device):
        self.ifindex = socket.if_nametoindex(device)
        self.file = None
        self.len = 0
        self.count = 0

    def load(self, frames, length):
        """Takes over the frames, each with its padding."""
        if self.file:
            self.file.close()
        self.file = open("/proc/inject", "wb", buffering=0)  # pylint: disable=consider-using-with
        for at in range(0, len(frames), 1 << 20):
            self.file.write(frames[at : at + (1 << 20)])
        self.len = length
        self.count = len(frames) // self.FRAME

    def run(self, batches, shared=False, first=0):
        """The times of batches in cycles, and the cycles of a nanosecond."""
        times = array.array("I", bytes(4 * batches))
        request = bytearray(
            struct.pack(self.RUN, self.ifindex, batches, first, self.len, shared, 0, times.buffer_info()[0], 0, 0)
        )
        fcntl.ioctl(self.file, self.INJECT_RUN, request)
        cycles, nanoseconds = struct.unpack_from("=QQ", request, 32)
        return times, cycles / max(1, nanoseconds)
