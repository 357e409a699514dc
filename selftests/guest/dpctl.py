#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
"""What dpctl does beyond ovs-dpctl: JSON, filters, monitor, top, completions, the manual page."""

import json
import os
import pty
import select
import signal
import subprocess
import tempfile
import time

from lib import flows, net
from lib.ktap import Failure, defer, equal, main, test, true
from lib.netlink import PATIENCE
from lib.programs import OURS, call


def setup():
    net.load()
    net.quiet_devices()
    net.veth("p1", "e1")
    net.veth("p2", "e2")
    defer(call, OURS, "del-dp", "dp0")
    net.run("dpctl", "add-dp", "dp0", "p1", "p2", "int0,type=internal")


def install():
    """Just flows of all kinds."""
    net.run("dpctl", "del-flows", "dp0")
    code, _, err = call(OURS, "add-flows", "dp0", "-", text="\n".join(flows.lines()) + "\n")
    equal((code, err), (0, ""), "dpctl add-flows")


def as_flow(line):
    """A line of a dump as the argument of add-flow."""
    key, rest = line.split(", packets:", 1)
    return f"{key} {rest.split('actions:', 1)[1]}"


@test
def structured():
    """--json: the same flows as text, as JSON"""
    install()
    found = json.loads(net.run("dpctl", "--json", "-m", "--no-names", "dump-flows", "dp0"))
    printed = net.run("dpctl", "-m", "--no-names", "dump-flows", "dp0").splitlines()
    equal(sorted(f"{f['flow']} {f['actions']}" for f in found), sorted(as_flow(line) for line in printed), "flows")
    shown = json.loads(net.run("dpctl", "--json", "show"))
    equal([(dp["name"], dp["flows"], [p["name"] for p in dp["ports"]]) for dp in shown],
          [("dp0", len(found), ["dp0", "p1", "p2", "int0"])], "datapaths")
    equal(json.loads(net.run("dpctl", "--json", "dump-dps")), ["system@dp0"], "names")
    equal(json.loads(net.run("dpctl", "--json", "parse-actions", "2, 3")), ["2,3"], "actions")


@test
def filtered():
    """filter= chooses the same flows as ovs-dpctl, by OpenFlow's fields"""
    install()
    found = []
    for text in ("in_port=1,tcp", "udp,udp_dst=2", "ip,nw_dst=192.168.0.1", "ipv6", "arp", "icmp,icmp_type=8",
                 "dl_vlan=100", "in_port=2"):
        # The id of recirculation tells flows apart.
        ours, theirs = (
            [line.split(",")[0] for line in net.run(program, "dump-flows", "dp0", f"filter={text}").splitlines()]
            for program in ("dpctl", "ovs-dpctl")
        )
        true(ours, f"no flow of {text}")
        found += [(text, line) for line in set(ours) ^ set(theirs)]
    equal(found, [], "differences")


@test
def monitored():
    """monitor tells of ports and flows that come and go; top has rates of all ports"""
    flow = "in_port(1),eth(),eth_type(0x88b5)"
    net.run("dpctl", "del-flows", "dp0")
    with tempfile.NamedTemporaryFile("w+", encoding="utf-8") as said:
        with subprocess.Popen(["dpctl", "monitor", "dp0"], stdout=said) as process:
            try:
                # It tells nothing of its own accord: change something until it listens.
                def listens():
                    net.run("dpctl", "add-flow", "dp0", flow, "2")
                    net.run("dpctl", "del-flow", "dp0", flow)
                    return "flow new" in open(said.name, encoding="utf-8").read()

                net.wait_for(listens, "monitor tells")
                net.run("dpctl", "add-if", "dp0", "int1,type=internal")
                net.run("dpctl", "del-if", "dp0", "int1")
                net.wait_for(lambda: "port deleted" in open(said.name, encoding="utf-8").read(), "monitor tells")
            finally:
                process.kill()
        lines = open(said.name, encoding="utf-8").read()
        for wanted in (f"system@dp0: flow new: {flow}, ", "flow deleted: ", "port new: 4: int1 (internal)",
                       "port deleted: 4: int1 (internal)"):
            true(wanted in lines, f"{wanted} is not in {lines}")
    rates = json.loads(net.run("dpctl", "--json", "top", "dp0"))
    equal([port["name"] for port in rates["ports"]], ["dp0", "p1", "p2", "int0"], "ports")


class Terminal:
    """A program in a terminal of so many rows and columns; what it has shown."""

    def __init__(self, rows, columns, *command):
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.execvpe("sh", ["sh", "-c", 'stty rows "$1" cols "$2" && shift 2 && exec "$@"', "sh", str(rows), str(columns), *command], os.environ | {"TERM": "xterm"})
        self.shown = b""
        self.status = None
        defer(self.end, signal.SIGKILL)

    def screens(self, number):
        """Waits for so many screens, without the last, which may not be whole."""
        end = time.monotonic() + PATIENCE
        while self.shown.count(CLEAR) <= number:
            if not select.select([self.file], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure(f"no {number} screens: {self.shown}")
            try:
                self.shown += os.read(self.file, 65536)
            except OSError as error:
                raise Failure(f"it ended: {self.shown}") from error
        return [screen.decode().splitlines() for screen in self.shown.split(CLEAR)[1:-1]]

    def end(self, number):
        """Ends it by a signal; how it ended."""
        if self.status is None:
            os.kill(self.pid, number)
            self.status = os.waitpid(self.pid, 0)[1]
            os.close(self.file)
        return self.status


CLEAR = b"\x1b[H\x1b[J"


@test
def watched():
    """top in a terminal: again and again, rates of what goes on, as much as fits, until ^C"""
    net.run("dpctl", "del-flows", "dp0")
    for number in range(30):
        flow = f"in_port(1),eth(),eth_type({0x9000 + number:#x})"
        net.run("dpctl", "add-flow", "dp0", flow, "set(eth(src=02:00:00:00:00:05,dst=02:00:00:00:00:06)),2")
    terminal = Terminal(12, 80, "dpctl", "top", "dp0")
    wire = net.Wire("e1")
    seen, busiest = terminal.screens(1), ""
    for number in range(2, 6):
        for _ in range(50):
            wire.send(bytes.fromhex("020000000002020000000001") + (0x9007).to_bytes(2, "big") + bytes(50))
        seen = terminal.screens(number)
        busiest = next((line for line in seen[-1] if "eth_type" in line), "0")
        if float(busiest.split()[0]) > 0:
            break
    screen = seen[-1]
    true(screen[0].startswith("system@dp0: flows:30 hit:"), screen)
    equal([line.split()[-1] for line in screen[2:6]], ["dp0", "p1", "p2", "int0"], "ports")
    equal((len(screen) <= 12, len(busiest)), (True, 80), f"it fills the terminal: {screen}")
    true("0x9007" in busiest and float(busiest.split()[0]) > 0, f"the busiest flow: {busiest}")
    equal(os.WTERMSIG(terminal.end(signal.SIGINT)), signal.SIGINT, "the signal that ended it")


@test
def generated():
    """completions and the manual page know every command"""
    listed = [line.split()[0] for line in net.run("dpctl", "list-commands").splitlines()[1:]]
    true(len(listed) > 20, listed)
    for args in (("completions", "bash"), ("completions", "zsh"), ("completions", "fish"), ("manual",)):
        text = net.run("dpctl", *args).replace("\\-", "-")
        equal([name for name in listed if name not in text], [], f"{args}")


if __name__ == "__main__":
    main(setup)
