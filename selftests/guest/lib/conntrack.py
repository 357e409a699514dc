# SPDX-License-Identifier: GPL-2.0
"""Connection tracking beside the datapath: its tool, its numbers, its netlink interface."""

import errno
import json
import socket
import struct
import subprocess

from lib import net
from lib.ktap import defer, equal
from lib.netlink import ACK, CREATE, NLMSG_ERROR, PATIENCE, REQUEST, attr, nest, parse

# Subsystems of nfnetlink.
CONNTRACK, TIMEOUT = 1, 8

IPV4 = "eth_type(0x0800),ipv4()"
IPV6 = "eth_type(0x86dd),ipv6()"


def conntrack(*args):
    """What the tool of netfilter prints; that there is nothing to be deleted is no error."""
    return subprocess.run(["conntrack", *args], capture_output=True, text=True, check=False).stdout


def count():
    """How many connections there are."""
    with open("/proc/sys/net/netfilter/nf_conntrack_count", encoding="ascii") as file:
        return int(file.read())


def dump(*args):
    """What dpctl tells of the connections."""
    return json.loads(net.run("dpctl", "--json", "dump-conntrack", *args))


def firewall(ip, zone=1, commit=""):
    """What host 1 starts is let through, and the answers to it; nothing else."""
    ct_ = f"ct(zone={zone})"
    return (
        (f"recirc_id(0),in_port(1),eth(),{ip}", f"{ct_},recirc({zone})"),
        (f"recirc_id(0),in_port(2),eth(),{ip}", f"{ct_},recirc({zone})"),
        (f"recirc_id({zone}),in_port(1),ct_state(+trk+new-inv),eth(),{ip}", f"ct(commit,zone={zone}{commit}),2"),
        (f"recirc_id({zone}),in_port(1),ct_state(+trk-new+est),eth(),{ip}", "2"),
        (f"recirc_id({zone}),in_port(2),ct_state(+trk-new+est),eth(),{ip}", "1"),
        (f"recirc_id({zone}),in_port(2),ct_state(+trk-new-est+rel),eth(),{ip}", "1"),
        (f"recirc_id({zone}),in_port(2),ct_state(+trk+new),eth(),{ip}", "drop"),
        (f"recirc_id({zone}),ct_state(+trk+inv),eth(),{ip}", "drop"),
    )


def request(subsystem, cmd, *attrs):
    """What nfnetlink answers to a request for IPv4, and the errno."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as nl:
        nl.settimeout(PATIENCE)
        body = struct.pack("=BBH", socket.AF_INET, 0, 0) + b"".join(attrs)
        nl.send(struct.pack("=IHHII", 16 + len(body), subsystem << 8 | cmd, REQUEST | ACK | CREATE, 1, 0) + body)
        answer = nl.recv(4096)
        if struct.unpack_from("=H", answer, 4)[0] != NLMSG_ERROR:
            return dict(parse(answer[20:])), 0
        return {}, -struct.unpack_from("=i", answer, 16)[0]


class TimeoutPolicy:
    """A timeout policy for UDP over IPv4, until the end of the test."""

    def __init__(self, name, unreplied, replied):
        self.name = attr(1, name.encode() + b"\0")
        data = nest(4 | 0x8000, attr(1, struct.pack(">I", unreplied)), attr(2, struct.pack(">I", replied)))
        what = attr(2, struct.pack(">H", socket.AF_INET)) + attr(3, bytes((socket.IPPROTO_UDP,)))
        equal(request(TIMEOUT, 0, self.name, what, data)[1], 0, "errno of a new policy")
        defer(self.delete)

    def delete(self):
        return request(TIMEOUT, 2, self.name)[1]

    def users(self):
        """How often templates refer to it."""
        return struct.unpack(">I", request(TIMEOUT, 1, self.name)[0][5])[0] - 1


def labels_in_use():
    """Whether new connections get room for labels: somebody in the namespace has asked for that."""
    ends = "-s", "192.0.2.1", "-d", "192.0.2.2", "-p", "udp", "--sport", "9", "--dport", "9"
    net.run("conntrack", "-I", *ends, "-t", "100")
    addresses = nest(1 | 0x8000, *(attr(i, socket.inet_aton(f"192.0.2.{i}")) for i in (1, 2)))
    ports = nest(2 | 0x8000, attr(1, bytes((socket.IPPROTO_UDP,))), *(attr(i, struct.pack(">H", 9)) for i in (2, 3)))
    error = request(CONNTRACK, 0, nest(1 | 0x8000, addresses, ports), attr(22, bytes(15) + b"\1"))[1]
    net.run("conntrack", "-D", *ends)
    if error not in (0, errno.ENOSPC):
        raise OSError(error, "labels")
    return not error
