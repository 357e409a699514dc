# SPDX-License-Identifier: GPL-2.0
"""ovs-upcalld as a learning switch of four ports, and the stations behind them."""

import contextlib
import json
import signal
import subprocess
import tempfile

from lib import net, packet
from lib.ktap import defer, find_module, show, true
from lib.net import Wire
from lib.ovs import Datapath

PORTS = (1, 2, 3, 4)
wires = {}


def setup():
    net.load()
    find_module()
    net.quiet_devices()
    for i in PORTS:
        net.veth(f"p{i}", f"e{i}")
    return switch()


def switch():
    """A datapath with all ports."""
    dp = Datapath()
    for i in PORTS:
        dp.add(f"p{i}", number=i)
        wires[i] = Wire(f"e{i}")
    return dp


def drain():
    """What has come out of ports does not matter."""
    for wire in wires.values():
        wire.drain()


class Upcalld:
    """The daemon, for as long as a test runs."""

    def __init__(self, *options):
        drain()
        self.log = tempfile.NamedTemporaryFile("w+", encoding="utf-8")
        command = ["ovs-upcalld", *options, "dp0"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        defer(self.end)
        net.wait_for(lambda: self.process.poll() is not None or "dispatch mode" in self.said(), "ovs-upcalld starts")
        true(self.process.poll() is None, self.said())

    def said(self):
        with open(self.log.name, encoding="utf-8") as log:
            return log.read()

    def end(self, number=signal.SIGTERM):
        """Its exit status."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def report():
    """What it tells of itself."""
    return json.loads(net.run("dpctl", "--json", "upcall", "show", "dp0"))


def station(number):
    return bytes.fromhex("0200000001") + bytes([number])


counter = 0


def frame(src, dst, tags=()):
    """Each is another one."""
    global counter
    counter += 1
    body = packet.ipv4(packet.udp(f"number {counter:6}".encode()), packet.UDP)
    return packet.tagged(packet.pad(packet.ether(body, 0x0800, src, dst)), *tags)


def expect(data, port, *ports, tags=None, sent=()):
    """A packet from a station comes out of these ports alone. Tags: {port: tags}, for those who get any."""
    wires[port].send(packet.tagged(data, *sent))
    for i in ports:
        got = wires[i].receive()
        wanted = packet.tagged(data, *(tags or {}).get(i, ()))
        true(got == wanted, f"port {i} got {show(got)}, wanted {show(wanted)}")
    for i in PORTS:
        extra = wires[i].drain()
        true(not extra, f"port {i} got more: {extra}")


def dropped(data, port, *ports, tags=None, sent=(), after=()):
    """A packet does not come out anywhere; one after it that is flooded does."""
    wires[port].send(packet.tagged(data, *sent))
    expect(frame(station(0x77), packet.BROADCAST), port, *ports, tags=tags, sent=after)


def learn(number, port):
    expect(frame(station(number), packet.BROADCAST), port, *(i for i in PORTS if i != port))


def reaches(src, dst, port):
    """Whether a packet from a station comes out of this port alone."""
    data = frame(station(src), station(dst))
    wires[src].send(data)
    got = {i: wires[i].receive(0.5 if i == port else 0) for i in sorted(PORTS, key=lambda i: i != port)}
    return [i for i in PORTS if got[i] is not None] == [port] and got[port] == data


def flooded(src, dst):
    drain()
    data = frame(station(src), station(dst))
    wires[src].send(data)
    got = [wires[i].receive(0.5) for i in PORTS if i != src]
    return got == [data] * (len(PORTS) - 1)
