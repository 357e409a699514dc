# SPDX-License-Identifier: GPL-2.0
"""Hosts: namespaces that are connected to ports of a datapath, and programs that run there."""

import os
import select
import signal
import socket
import subprocess

from lib import net
from lib.ktap import Failure, defer, diag
from lib.netlink import PATIENCE


class Host:
    """The namespace `hN`, whose eth0 is connected to port N: 10.1.0.N and fd01::N."""

    def __init__(self, number, dp, pids=(0,), port=None):
        self.number, self.name = number, f"h{number}"
        self.ip4, self.ip6 = f"10.1.0.{number}", f"fd01::{number}"
        self.mac = f"02:00:00:00:01:{number:02x}"
        net.ip(f"netns add {self.name}")
        defer(self.delete)
        net.ip(f"link add p{number} type veth peer name eth0 netns {self.name}")
        self.ip(f"link set eth0 address {self.mac}")
        self.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.eth0.accept_dad=0", "net.ipv6.conf.eth0.router_solicitations=0")
        net.up(f"p{number}")
        for device in ("lo", "eth0"):
            self.ip(f"link set {device} up")
        net.plugged(f"p{number}")
        self.ip(f"addr add {self.ip4}/24 dev eth0")
        self.ip(f"addr add {self.ip6}/64 dev eth0 nodad")
        # What has checksums yet to be filled in is not what the wire has.
        self.run("ethtool", "-K", "eth0", "tx", "off")
        dp.add(f"p{number}", number=port or number, pids=pids)

    def delete(self):
        net.try_ip(f"link del p{self.number}")
        net.try_ip(f"netns del {self.name}")

    def ip(self, line):
        return net.run("ip", "-n", self.name, *line.split())

    def knows(self, *addresses, mac):
        """Neighbours need not be asked for."""
        for address in addresses:
            self.ip(f"neigh replace {address} lladdr {mac} dev eth0 nud permanent")

    def command(self, *command):
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command):
        return net.run(*self.command(*command))

    def try_run(self, *command, text=None):
        """A command that may fail: its exit status and output."""
        done = subprocess.run(self.command(*command), input=text, capture_output=True, text=True, timeout=6 * PATIENCE, check=False)
        return done.returncode, done.stdout + done.stderr

    def start(self, *command):
        """A program that runs until the end of the test."""
        return Program(self.command(*command))

    def pings(self, address, *options, count=2):
        """Whether all of some pings are answered."""
        return self.try_run("ping", "-n", "-i", "0.2", "-W", "2", "-c", str(count), *options, address)[0] == 0

    def socket(self, *args):
        """A socket in this namespace."""
        with open("/proc/self/ns/net", encoding="ascii") as here, open(f"/run/netns/{self.name}", encoding="ascii") as there:
            os.setns(there.fileno(), os.CLONE_NEWNET)
            try:
                sock = socket.socket(*args)
            finally:
                os.setns(here.fileno(), os.CLONE_NEWNET)
        defer(sock.close)
        return sock


class Program:
    """A program in the background."""

    def __init__(self, command):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.output = None
        self.said = b""
        defer(self.stop)

    def listens(self):
        """Waits until tcpdump says so."""
        while b"listening on" not in self.said:
            if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
                raise Failure(f"{self.process.args} does not listen")
            self.said += os.read(self.process.stdout.fileno(), 4096)

    def collect(self, patience):
        return (self.said + self.process.communicate(timeout=patience)[0]).decode()

    def stop(self):
        """Ends it; what it has printed."""
        if self.output is None:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.output = self.collect(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.output = self.collect(None)
        return self.output

    def wait(self):
        """Waits for its end; what it has printed."""
        try:
            self.output = self.collect(6 * PATIENCE)
        except subprocess.TimeoutExpired as error:
            diag(self.stop())
            raise Failure(f"{self.process.args} did not end") from error
        return self.output


LISTENING = {"tcp": "-t", "udp": "-u", "sctp": "-S"}


def serve(host, port, kind="tcp", answer="pong", family=4):
    """A server that answers a line with a line."""
    listen = f"{kind.upper()}{family}-LISTEN:{port},fork,reuseaddr"
    server = host.start("socat", listen, f"SYSTEM:read -r line; echo {answer} $line")
    net.wait_for(lambda: f":{port} " in host.run("ss", "-Hln", LISTENING[kind]), f"{kind} server at port {port}")
    return server


def asks(host, address, port, kind="tcp", source=None, patience=PATIENCE):
    """What a server answers to "ping"; None if it does not."""
    family, address = (6, f"[{address}]") if ":" in address else (4, address)
    options = f",sourceport={source}" if source else ""
    command = host.command("socat", "-", f"{kind.upper()}{family}:{address}:{port}{options}")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as client:
        # It does not close its side before the answer: with SCTP there would be none then.
        client.stdin.write(b"ping\n")
        client.stdin.flush()
        said = b""
        if select.select([client.stdout], [], [], patience)[0]:
            said = client.stdout.readline()
        os.killpg(client.pid, signal.SIGKILL)
    return said.decode().rstrip("\n") or None


def mac(text):
    return bytes.fromhex(text.replace(":", ""))
