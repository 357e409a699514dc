# SPDX-License-Identifier: GPL-2.0
"""Tunnels: their keys, and a network on top of one.

A namespace `left` is behind a port of the datapath. A namespace `peer` is at the other end of an
underlay, and has a tunnel device of the kernel's own. The datapath has a device for tunnels.
"""

import socket
import struct
import subprocess

from lib import net, ovs, packet
from lib.ktap import Failure, defer
from lib.netlink import attr, nest, u16, u8
from lib.ovs import Key, Vp, in_port, output, set_key


class Tun:
    """OVS_TUNNEL_KEY_ATTR_*"""

    ID, IPV4_SRC, IPV4_DST, TOS, TTL, DONT_FRAGMENT, CSUM, OAM = range(8)
    GENEVE_OPTS, TP_SRC, TP_DST, VXLAN_OPTS, IPV6_SRC, IPV6_DST, PAD, ERSPAN_OPTS, BRIDGE = range(8, 17)


def number(value):
    """A tunnel id."""
    return attr(Tun.ID, struct.pack(">Q", value))


def address(text, which):
    """The source (0) or destination (1)."""
    if ":" in text:
        return attr(Tun.IPV6_SRC + which, packet.address6(text))
    return attr(Tun.IPV4_SRC + which, socket.inet_aton(text))


def src(text):
    return address(text, 0)


def dst(text):
    return address(text, 1)


def tos(value):
    return u8(Tun.TOS, value)


def ttl(value):
    return u8(Tun.TTL, value)


def port(which, value):
    return attr(which, struct.pack(">H", value))


DONT_FRAGMENT, CSUM, OAM, BRIDGE = (attr(flag) for flag in (Tun.DONT_FRAGMENT, Tun.CSUM, Tun.OAM, Tun.BRIDGE))


def geneve_option(kind, data, cls=0x0102):
    return struct.pack(">HBB", cls, kind, len(data) // 4) + data


def geneve(options):
    return attr(Tun.GENEVE_OPTS, options)


def gbp(value):
    return nest(Tun.VXLAN_OPTS, attr(1, struct.pack("=I", value)))


def erspan(version, index=0, direction=0, hwid=0):
    """`struct erspan_metadata`."""
    if version == 1:
        return attr(Tun.ERSPAN_OPTS, struct.pack("=i", 1) + struct.pack(">I", index) + bytes(4))
    word = (hwid & 0xF) << 4 | direction << 3
    return attr(Tun.ERSPAN_OPTS, struct.pack("=i", 2) + bytes(4) + struct.pack(">BB", hwid >> 4 & 3, word) + bytes(2))


def tunnel(*attrs):
    return nest(Key.TUNNEL, *attrs)


def set_tunnel(*attrs):
    return set_key(tunnel(*attrs))


def run_in(namespace, *command):
    return net.run("ip", "netns", "exec", namespace, *command)


def ip_in(namespace, line):
    return net.run("ip", "-n", namespace, *line.split())


def namespace(name):
    net.ip(f"netns add {name}")
    defer(remove, name)
    ip_in(name, "link set lo up")
    run_in(name, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.router_solicitations=0")


def remove(name):
    for pid in subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False).stdout.split():
        subprocess.run(["kill", "-9", pid], check=False)
    net.try_ip(f"netns del {name}")


# By IP version: the ends of the underlay.
HERE = {4: "172.31.0.1", 6: "fd31::1"}
THERE = {4: "172.31.0.2", 6: "fd31::2"}
# Those of the overlay, left and peer.
LEFT, PEER = "10.1.0.1", "10.1.0.2"

# Devices for all tunnels of a kind, and the kernel's for one tunnel.
EXTERNAL = {
    # A packet to an address of this host goes out and comes in.
    "vxlan": "vxlan external dstport 4789 udp6zerocsumrx gbp nolocalbypass",
    "geneve": "geneve external udp6zerocsumrx",
    "gretap": "gretap external",
    "ip6gretap": "ip6gretap external",
    "erspan": "erspan external",
    "ip6erspan": "ip6erspan external",
}
PLAIN = {
    "vxlan": "vxlan id {vni} remote {here} local {there} dstport 4789 gbp {zero}",
    "geneve": "geneve id {vni} remote {here} {zero}",
    "gretap": "gretap remote {here} local {there} key {vni}",
    "ip6gretap": "ip6gretap remote {here} local {there} key {vni}",
    "erspan": "erspan remote {here} local {there} key {vni} seq erspan_ver 1 erspan 5",
    "ip6erspan": "ip6erspan remote {here} local {there} key {vni} seq erspan_ver 1 erspan 5",
}
MODULES = {"gretap": "ip_gre", "ip6gretap": "ip6_gre", "erspan": "ip_gre", "ip6erspan": "ip6_gre"}
# The length of the headers between outer IP and inner Ethernet: UDP and eight bytes more.
UDP_TUNNEL = 16


class Underlay:
    """A pair of devices, u0 here and u1 in the namespace `peer`; port 1 has the namespace `left`."""

    def __init__(self, dp, pids=(0,)):
        self.dp = dp
        self.pids = pids
        namespace("left")
        namespace("peer")
        net.ip("link add u0 type veth peer name u1 netns peer")
        defer(net.try_ip, "link del u0")
        net.sysctl("net/ipv6/conf/u0/disable_ipv6", 0)
        net.sysctl("net/ipv6/conf/u0/accept_dad", 0)
        for version, bits in ((4, 24), (6, 64)):
            net.ip(f"addr add {HERE[version]}/{bits} dev u0")
            ip_in("peer", f"addr add {THERE[version]}/{bits} dev u1")
        net.up("u0")
        ip_in("peer", "link set u1 up")
        net.ip("link add p1 type veth peer name eth0 netns left")
        defer(net.try_ip, "link del p1")
        ip_in("left", f"addr add {LEFT}/24 dev eth0")
        ip_in("left", "link set eth0 up")
        net.up("p1")
        dp.add("p1", number=1, pids=pids)


class Overlay:
    """Port 2 is a device for tunnels to the one that the peer has."""

    def __init__(self, underlay, kind, version=4, vni=7, vport=None):
        self.dp, self.kind, self.version, self.vni = underlay.dp, kind, version, vni
        self.underlay = underlay
        if kind in MODULES:
            net.run("modprobe", MODULES[kind])
        if vport is None:
            net.ip(f"link add tun0 type {EXTERNAL[kind]}")
            defer(net.try_ip, "link del tun0")
            net.sysctl("net/ipv6/conf/tun0/disable_ipv6", 1)
            net.up("tun0")
            self.dp.add("tun0", number=2, pids=underlay.pids)
        else:
            type_, options = vport
            self.dp.add("tun0", type_, 2, underlay.pids, *options)
            defer(self.dp.remove, 2)
        self.plain(vni)

    def plain(self, vni):
        """The device of the peer."""
        line = PLAIN[self.kind].format(
            vni=vni,
            here=HERE[self.version],
            there=THERE[self.version],
            zero="udp6zerocsumrx" if self.version == 6 else "",
        )
        subprocess.run(["ip", "-n", "peer", "link", "del", "tun1"], capture_output=True, check=False)
        ip_in("peer", f"link add tun1 address 02:00:00:00:0e:01 type {line}")
        defer(net.try_ip, "-n peer link del tun1")
        ip_in("peer", f"addr add {PEER}/24 dev tun1")
        ip_in("peer", "link set tun1 up")
        # What was learned of paths through the tunnel before.
        ip_in("left", "route flush cache")

    def header(self, *more):
        """The attributes of the tunnel to the peer."""
        return number(self.vni), src(HERE[self.version]), dst(THERE[self.version]), ttl(64), *more

    def received(self, vni=None):
        """Key and mask of what comes from the peer, of all fields but those that it may choose."""
        vni = self.vni if vni is None else vni
        key = tunnel(number(vni), src(THERE[self.version]), dst(HERE[self.version]), ttl(0))
        ones = b"\xff" * (16 if self.version == 6 else 4)
        first = Tun.IPV6_SRC if self.version == 6 else Tun.IPV4_SRC
        mask = tunnel(
            attr(Tun.ID, b"\xff" * 8), attr(first, ones), attr(first + 1, ones),
            tos(0), ttl(0), port(Tun.TP_SRC, 0), port(Tun.TP_DST, 0),
        )
        return key, mask

    def connect(self, *more):
        """Flows both ways."""
        self.dp.flush()
        self.dp.flow_from(1, set_tunnel(*self.header(*more)) + output(2))
        self.from_peer(output(1))

    def from_peer(self, actions, vni=None):
        key, mask = self.received(vni)
        key = in_port(2) + ovs.eth() + key
        mask = in_port(0xFFFFFFFF) + ovs.eth(bytes(6), bytes(6)) + mask
        self.dp.flow(key, actions, mask=mask)

    def mtu(self):
        """The longest IP packet that fits in one of the underlay, through VXLAN or Geneve without options."""
        return 1500 - 14 - UDP_TUNNEL - (40 if self.version == 6 else 20)


def unload():
    """The modules for kinds of ports, if they are loaded."""
    for name in ("vport_vxlan", "vport_geneve", "vport_gre"):
        net.remove_module(name)


def ping(namespace_, to, *options):
    """Pings, all of which are answered."""
    done = subprocess.run(
        ["ip", "netns", "exec", namespace_, "ping", "-q", "-c", "2", "-i", "0.1", "-W", "5", *options, to],
        capture_output=True, text=True, check=False,
    )
    if done.returncode or " 0% packet loss" not in done.stdout:
        raise Failure(f"ping {to}: {done.stdout}{done.stderr}")
