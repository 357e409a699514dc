#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
"""What dpctl does beyond ovs-dpctl: JSON, filters, monitor, top, completions, the manual page."""

import contextlib
import json
import os
import pty
import re
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

    def says(self, wanted, provoke):
        """Does something until it says what is wanted."""
        end = time.monotonic() + PATIENCE
        while wanted not in self.shown:
            true(time.monotonic() < end, f"no {wanted}: {self.shown}")
            provoke()
            if select.select([self.file], [], [], 0.1)[0]:
                self.shown += os.read(self.file, 65536)

    def interrupt(self):
        """Types ^C, and waits for the end; what was shown from then on, and how it ended."""
        os.write(self.file, b"\x03")
        self.shown = b""
        with contextlib.suppress(OSError):
            while data := os.read(self.file, 65536):
                self.shown += data
        return self.shown.decode(), self.end(0)

    def end(self, number):
        """Ends it by a signal; how it ended."""
        if self.status is None:
            os.kill(self.pid, number)
            self.status = os.waitpid(self.pid, 0)[1]
            os.close(self.file)
        return self.status


UFID = "ufid:01234567-89ab-cdef-0123-456789abcdef"
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
def unread():
    """a reader that goes away, and nobody complains: commands that ask the kernel"""
    install()
    net.run("dpctl", "add-flow", "dp0", UFID + ",in_port(1),eth(),eth_type(0x88b7)", "2")
    commands = [
        ["dump-dps"], ["show"], ["-s", "show"], ["dump-flows", "dp0"], ["-m", "dump-flows", "dp0"], ["get-flow", "dp0", UFID],
        ["cache-get-size", "dp0"], ["ct-get-limits", "dp0"], ["ct-stats-show"], ["ct-bkts"], ["top", "dp0"],
    ]
    for command in [*commands, *(["--json", *command] for command in commands)]:
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb") as output:
            done = subprocess.run(["dpctl", *command], stdout=output, stderr=subprocess.PIPE, timeout=60, check=False)
        equal((done.returncode, done.stderr), (0, b""), f"dpctl {' '.join(command)}")
    for reader in ("head -1", "true"):
        command = f"set -o pipefail; dpctl -m dump-flows dp0 | {reader}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        equal((done.returncode, done.stderr, done.stdout.count("\n")), (0, "", int(reader != "true")), command)


def flow_comes_and_goes():
    net.run("dpctl", "add-flow", "dp0", "in_port(1),eth(),eth_type(0x88b5)", "2")
    net.run("dpctl", "del-flow", "dp0", "in_port(1),eth(),eth_type(0x88b5)")


@test
def unwatched():
    """monitor ends without a complaint when something happens that nobody reads of"""
    with subprocess.Popen(["dpctl", "monitor", "dp0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        try:
            net.wait_for(lambda: flow_comes_and_goes() or process.poll() is not None, "monitor ends")
        finally:
            process.kill()
        equal((process.returncode, process.stderr.read()), (0, b""), "status, errors")


@test
def interrupted():
    """^C in a terminal: the signal ends what waits, the daemon ends in order, and nobody complains"""
    for command, up, provoke, wanted in (
        (["dpctl", "monitor", "dp0"], b"flow new", flow_comes_and_goes, signal.SIGINT),
        (["dpctl", "top", "dp0"], b"FLOW", lambda: None, signal.SIGINT),
        (["ovs-upcalld", "dp0"], b"dispatch mode", lambda: None, 0),
    ):
        terminal = Terminal(24, 200, *command)
        terminal.says(up, provoke)
        said, status = terminal.interrupt()
        equal(status, wanted, f"how {command} ended; it said {said}")
        true(not re.search("dpctl:|panic|rror|cannot", said), said)


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
