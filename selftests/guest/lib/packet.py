# SPDX-License-Identifier: GPL-2.0
"""Packets, byte by byte, with correct lengths and checksums."""

import socket
import struct

A_MAC, B_MAC = bytes.fromhex("020000000a01"), bytes.fromhex("020000000b01")
BROADCAST = b"\xff" * 6
A4, B4 = "10.1.0.1", "10.1.0.2"
A6, B6 = "fd01::1", "fd01::2"

ICMP, TCP, UDP, ICMPV6, SCTP = 1, 6, 17, 58, 132


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ether(payload, kind, src=A_MAC, dst=B_MAC):
    return dst + src + struct.pack(">H", kind) + payload


def tagged(frame, *tags):
    """The frame with these tags, (tpid, tci), the outer one first."""
    return frame[:12] + b"".join(struct.pack(">HH", *tag) for tag in tags) + frame[12:]


def ipv4(payload, proto, src=A4, dst=B4, tos=0, ttl=64, frag=0):
    def head(check):
        return struct.pack(
            ">BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), 0x1234, frag, ttl, proto, check,
            socket.inet_aton(src), socket.inet_aton(dst),
        )

    return head(checksum(head(0))) + payload


def ipv6(payload, proto, src=A6, dst=B6, tclass=0, hlimit=64, label=0):
    head = struct.pack(">IHBB", 6 << 28 | tclass << 20 | label, len(payload), proto, hlimit)
    return head + address6(src) + address6(dst) + payload


def address6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def _pseudo(src, dst, proto, size):
    if ":" in src:
        return address6(src) + address6(dst) + struct.pack(">II", size, proto)
    return socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack(">HH", proto, size)


def _with_checksum(segment, at, src, dst, proto):
    check = checksum(_pseudo(src, dst, proto, len(segment)) + segment)
    if proto == UDP and not check:
        check = 0xFFFF
    return segment[:at] + struct.pack(">H", check) + segment[at + 2 :]


def udp(payload=b"datagram", sport=1000, dport=2000, src=A4, dst=B4):
    segment = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    return _with_checksum(segment, 6, src, dst, UDP)


def tcp(payload=b"segment", sport=1000, dport=2000, flags=0x18, src=A4, dst=B4):
    segment = struct.pack(">HHIIHHHH", sport, dport, 1, 2, 5 << 12 | flags, 8192, 0, 0) + payload
    return _with_checksum(segment, 16, src, dst, TCP)


def icmp(kind=8, code=0):
    message = struct.pack(">BBHHH", kind, code, 0, 77, 1) + b"ping"
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]


def icmpv6(kind=128, code=0, body=struct.pack(">HH", 77, 1), src=A6, dst=B6):
    return _with_checksum(struct.pack(">BBH", kind, code, 0) + body, 2, src, dst, ICMPV6)


def arp(op=1, sha=A_MAC, sip=A4, tha=bytes(6), tip=B4):
    head = struct.pack(">HHBBH", 1, 0x0800, 6, 4, op)
    return head + sha + socket.inet_aton(sip) + tha + socket.inet_aton(tip)


def pad(packet):
    """To the least length on a wire."""
    return packet + bytes(max(0, 60 - len(packet)))


def udp4(**fields):
    """A whole packet; fields of the Ethernet and IP headers may be given."""
    return _whole4(udp(), UDP, fields)


def tcp4(**fields):
    return _whole4(tcp(), TCP, fields)


def icmp4(**fields):
    return _whole4(icmp(), ICMP, fields)


def _whole4(payload, proto, fields):
    link = {name: fields.pop(name) for name in ("src", "dst") if name in fields}
    tags = fields.pop("tags", ())
    return tagged(pad(ether(ipv4(payload, proto, **fields), 0x0800, **link)), *tags)


def udp6(**fields):
    return ether(ipv6(udp(src=A6, dst=B6), UDP), 0x86DD, **fields)


def tcp6(**fields):
    return ether(ipv6(tcp(src=A6, dst=B6), TCP), 0x86DD, **fields)


def icmp6(**fields):
    return ether(ipv6(icmpv6(), ICMPV6), 0x86DD, **fields)


def arp_request(**fields):
    return pad(ether(arp(), 0x0806, **{"dst": BROADCAST} | fields))


def neighbour_solicitation(**fields):
    body = bytes(4) + address6(B6) + b"\x01\x01" + A_MAC
    return ether(ipv6(icmpv6(135, 0, body), ICMPV6, hlimit=255), 0x86DD, **fields)


def llc(**fields):
    """An 802.3 frame with an 802.2 header, as of the spanning tree protocol."""
    return pad(ether(b"\x42\x42\x03" + bytes(35), 38, **fields))
