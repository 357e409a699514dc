# SPDX-License-Identifier: GPL-2.0
"""Generic netlink over a plain socket: every byte is the test's own choice."""

import contextlib
import errno
import os
import select
import socket
import struct
import time

NETLINK_GENERIC = 16
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 1, 10, 11
SO_RCVBUFFORCE = 33

# Flags of a message.
REQUEST, MULTI, ACK, ECHO = 0x1, 0x2, 0x4, 0x8
DUMP, REPLACE, EXCL, CREATE, APPEND = 0x300, 0x100, 0x200, 0x400, 0x800
CAPPED, ACK_TLVS = 0x100, 0x200

NLMSG_ERROR, NLMSG_DONE = 2, 3
CTRL, CTRL_GETFAMILY = 16, 3

# Long enough for any answer; nothing waits for as long unless it fails.
PATIENCE = 10 * int(os.environ.get("OVS_SLOWER", "1"))


class Error(Exception):
    """The kernel refused a request."""

    def __init__(self, number, message, offset):
        self.errno = number
        self.message = message
        self.offset = offset
        name = errno.errorcode.get(number, number)
        super().__init__(f"{name}{': ' + message if message else ''}")


class Timeout(Exception):
    """Nothing came."""


def attr(kind, data=b""):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def nest(kind, *attrs):
    return attr(kind, b"".join(attrs))


def u8(kind, value):
    return attr(kind, struct.pack("=B", value))


def u16(kind, value):
    return attr(kind, struct.pack("=H", value))


def u32(kind, value):
    return attr(kind, struct.pack("=I", value))


def u64(kind, value):
    return attr(kind, struct.pack("=Q", value))


def s32(kind, value):
    return attr(kind, struct.pack("=i", value))


def be16(kind, value):
    return attr(kind, struct.pack(">H", value))


def string(kind, text):
    return attr(kind, text.encode() + b"\0")


def parse(data):
    """Attributes as a list of (type, bytes), in the order they came."""
    found, at = [], 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4 or at + size > len(data):
            raise ValueError(f"broken attribute at {at}: {data.hex()}")
        found.append((kind & 0x3FFF, data[at + 4 : at + size]))
        at += (size + 3) & ~3
    return found


class Message:
    """A generic netlink message of one of the datapath's families."""

    def __init__(self, data):
        (_, self.type, self.flags, self.seq, self.pid) = struct.unpack_from("=IHHII", data)
        self.cmd, self.version = struct.unpack_from("=BB", data, 16)
        self.dp_ifindex = struct.unpack_from("=i", data, 20)[0] if len(data) >= 24 else None
        self.body = data[24:]
        self.attrs = parse(self.body)

    def whole(self, kind):
        """The bytes of the first attribute of this type, with its header, flags and padding."""
        at = 0
        for found, data in self.attrs:
            end = at + (4 + len(data) + 3 & ~3)
            if found == kind:
                return self.body[at:end]
            at = end
        return None

    def get(self, kind, default=None):
        """The last attribute of this type."""
        return dict(self.attrs).get(kind, default)

    def u32(self, kind):
        data = self.get(kind)
        return None if data is None else struct.unpack("=I", data)[0]

    def kinds(self):
        return [kind for kind, _ in self.attrs]


class Socket:
    """A netlink socket, and the families it knows."""

    families = {}

    def __init__(self, pid=0):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        with contextlib.suppress(PermissionError):
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self.sock.bind((pid, 0))
        self.pid = self.sock.getsockname()[0]
        self.seq = 0

    def close(self):
        self.sock.close()

    def family(self, name):
        """(id, version, {group: id}) of a family; asks once."""
        if name not in Socket.families:
            self.send(CTRL, struct.pack("=BBH", CTRL_GETFAMILY, 1, 0) + string(2, name), ACK)
            for data in self.answers():
                fields = dict(parse(data[20:]))
                groups = {}
                for _, group in parse(fields.get(7, b"")):
                    group = dict(parse(group))
                    groups[group[1].rstrip(b"\0").decode()] = struct.unpack("=I", group[2])[0]
                Socket.families[name] = (
                    struct.unpack("=H", fields[1])[0],
                    struct.unpack("=I", fields[3])[0],
                    groups,
                )
        return Socket.families[name]

    def join(self, family):
        """Listens to the multicast group of a family."""
        group = self.family(family)[2][family]
        self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)

    def send(self, kind, payload, flags):
        self.seq += 1
        header = struct.pack("=IHHII", 16 + len(payload), kind, flags | REQUEST, self.seq, 0)
        self.sock.sendto(header + payload, (0, 0))

    def receive(self, patience=PATIENCE):
        """The messages of one read."""
        if not select.select([self.sock], [], [], patience)[0]:
            raise Timeout(f"nothing came within {patience} s")
        data, messages = self.sock.recv(1 << 17), []
        while data:
            size = struct.unpack_from("=I", data)[0]
            messages.append(data[:size])
            data = data[(size + 3) & ~3 :]
        return messages

    def answers(self):
        """What answers the last request, until its end; an error is raised."""
        found = []
        end = time.monotonic() + PATIENCE
        while True:
            for data in self.receive(max(0, end - time.monotonic())):
                _, kind, flags, seq, _ = struct.unpack_from("=IHHII", data)
                if seq != self.seq:
                    continue
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    code = struct.unpack_from("=i", data, 16)[0]
                    if code < 0:
                        raise self.error(-code, kind, flags, data)
                    return found
                found.append(data)

    @staticmethod
    def error(code, kind, flags, data):
        message, offset = None, None
        if flags & ACK_TLVS:
            at = 20
            if kind == NLMSG_ERROR:
                size = struct.unpack_from("=I", data, 20)[0]
                at += 16 if flags & CAPPED else size
            for kind, value in parse(data[at:]):
                if kind == 1:
                    message = value.rstrip(b"\0").decode()
                elif kind == 2:
                    offset = struct.unpack("=I", value)[0]
        return Error(code, message, offset)

    def request(self, family, cmd, dp_ifindex=0, *attrs, flags=0, version=None):
        """Sends a request; its answers without the acknowledgement."""
        number, known_version, _ = self.family(family)
        head = struct.pack("=BBHi", cmd, known_version if version is None else version, 0, dp_ifindex)
        dump = flags & DUMP == DUMP
        self.send(number, head + b"".join(attrs), flags if dump else flags | ACK)
        return [Message(data) for data in self.answers()]

    def messages(self, patience=PATIENCE):
        """What came by itself: notifications and upcalls of one read."""
        return [Message(data) for data in self.receive(patience)]

    def next(self, wanted=lambda message: True):
        """The next message of its own accord that is wanted."""
        end = time.monotonic() + PATIENCE
        while True:
            for message in self.messages(max(0, end - time.monotonic())):
                if wanted(message):
                    return message

    def pending(self):
        """What has come so far, without waiting."""
        found = []
        while select.select([self.sock], [], [], 0)[0]:
            found += self.messages()
        return found


class Namespace:
    """Work in another network namespace: `with Namespace("x"): ...`"""

    def __init__(self, name):
        self.path = f"/run/netns/{name}"
        self.old = None

    def __enter__(self):
        self.old = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        os.setns(there, os.CLONE_NEWNET)
        os.close(there)

    def __exit__(self, *_):
        os.setns(self.old, os.CLONE_NEWNET)
        os.close(self.old)
