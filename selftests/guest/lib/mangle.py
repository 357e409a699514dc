# SPDX-License-Identifier: GPL-2.0
"""The module that makes packets by chance, see debug/mangle/mangle.h."""

import ctypes
import fcntl
import os
import struct

from lib import net
from lib.chance import frames
from lib.ktap import defer

DEVICES = [f"mgl{i}" for i in range(6)]
_REQUEST = struct.Struct("=IIQQQQII")
_RUN = 3 << 30 | _REQUEST.size << 16 | ord("m") << 8 | 1


class Mangle:
    """The module, loaded, its devices up, for as long as the test runs."""

    def __init__(self):
        net.run("modprobe", "mangle")
        defer(net.remove_module, "mangle")
        with open("/proc/mangle", "wb", buffering=0) as file:
            for frame in frames():
                file.write(frame)
        self.fd = os.open("/proc/mangle", os.O_RDONLY)
        defer(os.close, self.fd)
        for device in DEVICES:
            net.up(device)
        self.ifindexes = {device: net.ifindex(device) for device in DEVICES}

    def run(self, device, seed, first, count, digests=None, shortest=0):
        """These packets of a seed come in by a device; how many went out by those of the module."""
        request = bytearray(_REQUEST.pack(self.ifindexes[device], count, seed, first, ctypes.addressof(digests) if digests else 0, 0, shortest, 0))
        fcntl.ioctl(self.fd, _RUN, request)
        return _REQUEST.unpack(request)[5]

    def digests(self, device, seed, count, shortest):
        """For each packet what went out."""
        digests = (ctypes.c_uint64 * count)()
        self.run(device, seed, 0, count, digests, shortest)
        return list(digests)
