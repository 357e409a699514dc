# SPDX-License-Identifier: GPL-2.0
"""Devices, and packets through them."""

import ctypes
import errno
import fcntl
import gzip
import os
import select
import socket
import struct
import subprocess
import time

from lib.ktap import Failure, defer, true
from lib.netlink import PATIENCE

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR = 263, 8, 15
PACKET_OUTGOING = 4
IFF_UP = 0x1
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6


def run(*command):
    """Runs a command; its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def ip(line):
    return run("ip", *line.split())


def try_ip(line):
    """For cleanup: what is gone is gone."""
    subprocess.run(["ip", *line.split()], capture_output=True, check=False)


def configured(option):
    """Whether the kernel has something that it can be configured with."""
    try:
        with gzip.open("/proc/config.gz", "rt", encoding="ascii") as file:
            lines = file.read()
    except FileNotFoundError:
        with open(f"/boot/config-{os.uname().release}", encoding="ascii") as file:
            lines = file.read()
    return any(line in (f"CONFIG_{option}=y", f"CONFIG_{option}=m") for line in lines.split("\n"))


def load():
    """Loads the module, for as long as the test takes."""
    run("modprobe", "openvswitch")
    defer(unload)


def unload():
    """With the modules for kinds of ports, which a request may have loaded."""
    names = ("vport_vxlan", "vport_geneve", "vport_gre", "openvswitch")
    wait_for(lambda: subprocess.run(["modprobe", "-r", *names], capture_output=True, check=False).returncode == 0)


def wait_for(condition, what="condition"):
    """Until the condition holds; its value."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {PATIENCE} s")
        time.sleep(0.02)


def sysctl(name, value):
    with open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
        file.write(str(value))


def log_everything():
    """The kernel's log has no limit to messages about packets and requests, until the test ends."""
    sysctl("net/core/message_cost", 0)
    defer(sysctl, "net/core/message_cost", 5)


def quiet_devices():
    """New devices send nothing of their own accord."""
    sysctl("net/ipv6/conf/default/disable_ipv6", 1)
    defer(sysctl, "net/ipv6/conf/default/disable_ipv6", 0)


def veth(name, peer, *options):
    """A pair of devices, both up."""
    ip(" ".join((f"link add {name} type veth peer name {peer}", *options)))
    defer(try_ip, f"link del {name}")
    up(name)
    up(peer)
    plugged(name)


def plugged(name):
    """To be called when the other end of a device's cable came up after it: it drops all until the kernel, in a work
    item, has seen to that. Whoever asks for the link (ETHTOOL_GLINK) has it do so now."""
    value = (ctypes.c_uint32 * 2)(0x0A)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8946, struct.pack("16sQ16x", name.encode(), ctypes.addressof(value)))
    true(value[1], f"{name} has a link")


def up(name):
    """What `ip link set NAME up` does, without a process for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH14x", name.encode(), 0)
        flags = struct.unpack_from("=H", fcntl.ioctl(sock, 0x8913, request), 16)[0]
        fcntl.ioctl(sock, 0x8914, struct.pack("16sH14x", name.encode(), flags | IFF_UP))


def try_remove_module(name):
    """Unloads a module, but not those that it uses, if that is possible; whether it is gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(176, name.encode(), os.O_NONBLOCK) == 0 or ctypes.get_errno() == errno.ENOENT


def remove_module(name):
    """The same, as soon as it is possible."""
    wait_for(lambda: try_remove_module(name), f"unloading {name}")


def dumpable():
    """After a change of its user, the process may again do what concerns itself."""
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)


def ifindex(name):
    return socket.if_nametoindex(name)


def exists(name):
    return os.path.exists(f"/sys/class/net/{name}")


def mac(name):
    with open(f"/sys/class/net/{name}/address", encoding="ascii") as file:
        return bytes.fromhex(file.read().strip().replace(":", ""))


def statistic(name, which):
    with open(f"/sys/class/net/{name}/statistics/{which}", encoding="ascii") as file:
        return int(file.read())


class Wire:
    """Sends and captures packets on a device."""

    def __init__(self, name, vnet=False):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.vnet = vnet
        if vnet:
            self.sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.sock.bind((name, ETH_P_ALL))
        defer(self.close)

    def close(self):
        self.sock.close()

    def send(self, packet):
        self.sock.send((bytes(10) if self.vnet else b"") + packet)

    def send_gso(self, packet, headers, size, kind, check_start, check_offset):
        """A packet that is to be cut into segments of this size, its checksum to be completed."""
        header = struct.pack("=BBHHHH", 1, kind, headers, size, check_start, check_offset)
        self.sock.send(header + packet)

    def receive(self, patience=PATIENCE):
        """The next packet that came in, with its VLAN tag; None if there is none."""
        end = time.monotonic() + patience
        while select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
            data, extra, _, sender = self.sock.recvmsg(1 << 17, 256)
            if sender[2] == PACKET_OUTGOING:
                continue
            if self.vnet:
                data = data[10:]
            for level, kind, value in extra:
                if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
                    continue
                status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", value[:20])
                if status & TP_STATUS_VLAN_VALID:
                    tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                    data = data[:12] + struct.pack(">HH", tpid, tci) + data[12:]
            return data
        return None

    def drain(self):
        """What came in so far."""
        found = []
        while (packet := self.receive(0)) is not None:
            found.append(packet)
        return found


def promiscuity(name):
    """How often a device was asked to be promiscuous."""
    return int(ip(f"-d link show {name}").split("promiscuity ")[1].split()[0])


def driver(name):
    """What ethtool calls the driver of a device."""
    info = bytearray(struct.pack("=I", 3) + bytes(192))
    data = (ctypes.c_char * len(info)).from_buffer(info)
    request = struct.pack("16sP", name.encode(), ctypes.addressof(data))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8946, request)
    return bytes(info[4:36]).split(b"\0")[0].decode()
