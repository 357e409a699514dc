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


class Host:
    """One at the other end of an underlay, where the kernel's own devices are. Its devices are `device`
    of the underlay, whose other end here is `ours`, and tun1; in all networks it is `number`."""

    def __init__(self, name, number, net4, net6, ours, device):
        self.name, self.number, self.ours, self.device = name, number, ours, device
        # By IP version: the ends of the underlay.
        self.here = {4: f"{net4}.1", 6: f"{net6}::1"}
        self.there = {4: f"{net4}.2", 6: f"{net6}::2"}
        self.address = f"10.1.0.{number}"
        self.tagged_address = f"10.9.0.{number}"

    def connect(self):
        """Makes the namespace, and the underlay."""
        namespace(self.name)
        net.ip(f"link add {self.ours} type veth peer name {self.device} netns {self.name}")
        defer(net.try_ip, f"link del {self.ours}")
        net.sysctl(f"net/ipv6/conf/{self.ours}/disable_ipv6", 0)
        net.sysctl(f"net/ipv6/conf/{self.ours}/accept_dad", 0)
        for version, bits in ((4, 24), (6, 64)):
            net.ip(f"addr add {self.here[version]}/{bits} dev {self.ours}")
            ip_in(self.name, f"addr add {self.there[version]}/{bits} dev {self.device}")
        net.up(self.ours)
        ip_in(self.name, f"link set {self.device} up")
        net.plugged(self.ours)

    def plain(self, kind, version, vni):
        """Its device for a tunnel to us, with one for VLAN 9 on top."""
        line = PLAIN[kind].format(
            vni=vni,
            here=self.here[version],
            there=self.there[version],
            zero="udp6zerocsumrx" if version == 6 else "",
        )
        subprocess.run(["ip", "-n", self.name, "link", "del", "tun1"], capture_output=True, check=False)
        ip_in(self.name, f"link add tun1 address 02:00:00:00:0e:0{self.number} type {line}")
        defer(net.try_ip, f"-n {self.name} link del tun1")
        tag(self.name, "tun1", self.address, self.tagged_address)


def tag(name, device, address, tagged):
    """Gives a device an address, and one in VLAN 9."""
    ip_in(name, f"link add {device}.9 link {device} type vlan id 9")
    for which, own in ((device, address), (f"{device}.9", tagged)):
        ip_in(name, f"addr add {own}/24 dev {which}")
        ip_in(name, f"link set {which} up")


PEER_HOST = Host("peer", 2, "172.31.0", "fd31", "u0", "u1")
THIRD_HOST = Host("third", 3, "172.31.1", "fd31:1", "u2", "u3")
HERE, THERE = PEER_HOST.here, PEER_HOST.there
# The overlay's addresses of left and peer.
LEFT, PEER = "10.1.0.1", PEER_HOST.address

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
# What Open vSwitch gives such devices: that of their own would be the limit.
EXTERNAL_MTU = 65000
PLAIN = {
    "vxlan": "vxlan id {vni} remote {here} local {there} dstport 4789 gbp {zero}",
    "geneve": "geneve id {vni} remote {here} {zero}",
    "gretap": "gretap remote {here} local {there} key {vni}",
    "ip6gretap": "ip6gretap remote {here} local {there} key {vni}",
    "erspan": "erspan remote {here} local {there} key {vni} seq erspan_ver 1 erspan 5",
    "ip6erspan": "ip6erspan remote {here} local {there} key {vni} seq erspan_ver 1 erspan 5",
}
MODULES = {"gretap": "ip_gre", "ip6gretap": "ip6_gre", "erspan": "ip_gre", "ip6erspan": "ip6_gre"}
# The length of the headers between outer IP and inner Ethernet.
HEADERS = {"vxlan": 16, "geneve": 16, "gretap": 8, "ip6gretap": 8, "erspan": 16, "ip6erspan": 16}


class Underlay:
    """A pair of devices, u0 here and u1 in the namespace `peer`; port 1 has the namespace `left`."""

    def __init__(self, dp, pids=(0,)):
        self.dp = dp
        self.pids = pids
        namespace("left")
        PEER_HOST.connect()
        net.ip("link add p1 type veth peer name eth0 netns left")
        defer(net.try_ip, "link del p1")
        net.up("p1")
        tag("left", "eth0", LEFT, "10.9.0.1")
        net.plugged("p1")
        dp.add("p1", number=1, pids=pids)


class Overlay:
    """A port, the second one, is a device for tunnels to the one that a host has."""

    def __init__(self, underlay, kind, version=4, vni=7, vport=None, host=PEER_HOST, number=2, old=False):
        """`vport` is type and options of a port that makes its device; `old`: the port is there."""
        self.dp, self.kind, self.version, self.vni = underlay.dp, kind, version, vni
        self.underlay, self.host, self.number = underlay, host, number
        device = f"tun{number - 2}"
        if kind in MODULES:
            net.run("modprobe", MODULES[kind])
        if old:
            pass
        elif vport is None:
            net.ip(f"link add {device} mtu {EXTERNAL_MTU} type {EXTERNAL[kind]}")
            defer(net.try_ip, f"link del {device}")
            net.sysctl(f"net/ipv6/conf/{device}/disable_ipv6", 1)
            net.up(device)
            self.dp.add(device, number=number, pids=underlay.pids)
        else:
            type_, options = vport
            self.dp.add(device, type_, number, underlay.pids, *options)
            defer(self.dp.remove, number)
        self.plain(vni)

    def plain(self, vni):
        """The device of the host."""
        self.host.plain(self.kind, self.version, vni)
        forget_paths()

    def header(self, *more):
        """The attributes of the tunnel to the host."""
        return number(self.vni), src(self.host.here[self.version]), dst(self.host.there[self.version]), ttl(64), *more

    def out(self, *more):
        """Actions that send a packet to the host."""
        return set_tunnel(*self.header(*more)) + output(self.number)

    def received(self, vni=None):
        """Key and mask of what comes from the host, of all fields but those that it may choose."""
        vni = self.vni if vni is None else vni
        key = tunnel(number(vni), src(self.host.there[self.version]), dst(self.host.here[self.version]), ttl(0))
        ones = b"\xff" * (16 if self.version == 6 else 4)
        first = Tun.IPV6_SRC if self.version == 6 else Tun.IPV4_SRC
        mask = tunnel(
            attr(Tun.ID, b"\xff" * 8), attr(first, ones), attr(first + 1, ones),
            tos(0), ttl(0), port(Tun.TP_SRC, 0), port(Tun.TP_DST, 0),
        )
        return key, mask

    def connect(self, *more):
        """Flows both ways, with and without a tag."""
        self.dp.flush()
        for tags in ((), [(0x8100, 9)]):
            self.dp.flow_from(1, self.out(*more), tags=tags)
        self.from_host(output(1))

    def from_host(self, actions, vni=None):
        """Flows for what comes from the host, with and without a tag."""
        key, mask = self.received(vni)
        for inside in (b"", ovs.vlan(0x8100, 0x1009)):
            outside = inside and ovs.vlan(0xFFFF, 0xFFFF, ovs.eth_type(0))
            self.dp.flow(
                in_port(self.number) + ovs.eth() + inside + key, actions,
                mask=in_port(0xFFFFFFFF) + ovs.eth(bytes(6), bytes(6)) + outside + mask,
            )

    def mtu(self):
        """The longest IP packet that fits in one of the underlay, without options of the tunnel."""
        return 1500 - 14 - HEADERS[self.kind] - (40 if self.version == 6 else 20)


def forget_paths():
    """What left has learned of paths through tunnels."""
    ip_in("left", "route flush cache")


def unload():
    """The modules for kinds of ports, if they are loaded."""
    for name in ("vport_vxlan", "vport_geneve", "vport_gre"):
        net.remove_module(name)


def try_ping(namespace_, to, *options):
    """A ping that is not expected to be answered; whether it was, and what was said."""
    done = subprocess.run(
        ["ip", "netns", "exec", namespace_, "ping", "-c", "1", "-W", "0.3", *options, to], capture_output=True, text=True, check=False
    )
    return done.returncode == 0, done.stdout + done.stderr


def ping(namespace_, to, *options):
    """Pings, all of which are answered."""
    done = subprocess.run(
        ["ip", "netns", "exec", namespace_, "ping", "-q", "-c", "2", "-i", "0.1", "-W", "5", *options, to],
        capture_output=True, text=True, check=False,
    )
    if done.returncode or " 0% packet loss" not in done.stdout:
        raise Failure(f"ping {to}: {done.stdout}{done.stderr}")
