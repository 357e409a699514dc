#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
"""ovs-upcalld told what to do while it works, and what it tells of itself."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from lib import net, packet
from lib.ktap import defer, equal, main, test, true
from lib.netlink import PATIENCE
from lib.switch import Upcalld, drain, expect, frame, learn, reaches, report, setup, station, wires

dp = None


def start():
    global dp
    dp = setup()


def dpctl(*args, status=0):
    """What it prints."""
    done = subprocess.run(["dpctl", *args], capture_output=True, text=True, timeout=60, check=False)
    equal(done.returncode, status, f"status of dpctl {' '.join(args)}: {done.stdout}{done.stderr}")
    return done.stderr if status else done.stdout


def metrics():
    """{name: value}, of those without a handler."""
    lines = [line for line in dpctl("upcall", "metrics").splitlines() if not line.startswith("#")]
    return {line.split("{")[0]: float(line.split()[-1]) for line in lines if "handler=" not in line}


@test
def shown():
    """upcall show, in the words of Open vSwitch, and as JSON"""
    Upcalld()
    for port in (1, 2):
        learn(port, port)
    expect(frame(station(1), station(2)), 1, 2)
    dpctl("upcall", "wait")
    text = dpctl("upcall", "show", "system@dp0")
    wanted = (
        r"system@dp0:\n"
        r"  flows         : \(current 3\) \(avg \d+\) \(max 3\) \(limit 10000\)\n"
        r"  dump duration : \d+ms\n"
        r"  ufid enabled : true\n"
    )
    true(re.match(wanted, text), f"printed:\n{text}")
    true(re.search(r"^  0: \(keys \d+\)$", text, re.M), f"no revalidator in:\n{text}")
    told = report()
    equal((told["flows"]["current"], told["counts"]["misses"], told["lost"]), (3, 3, 0), "flows, misses, lost")
    equal(sum(handler["upcalls"] for handler in told["handlers"]), 3, "upcalls of handlers")
    equal([handler["lost"] for handler in told["handlers"]], [0] * len(told["handlers"]), "loss of handlers")
    equal(told["policy"][0]["value"], 2, "stations")


@test
def measured():
    """upcall metrics: what Prometheus reads"""
    Upcalld()
    learn(1, 1)
    before = metrics()
    equal((before["ovs_upcall_misses_total"], before["ovs_upcall_flows"], before["ovs_upcall_ports"]), (1, 1, 5), "metrics")
    learn(2, 2)
    equal(metrics()["ovs_upcall_misses_total"], 2, "misses")
    text = dpctl("upcall", "metrics")
    for line in text.splitlines():
        true(re.match(r'# (HELP|TYPE) ovs_upcall_\w+ .*|ovs_upcall_\w+\{datapath="dp0"(,handler="\d+")?\} [0-9.]+$', line), line)
    true('ovs_upcall_handler_lost_total{datapath="dp0",handler="0"} 0' in text, text)
    told = {metric["name"]: metric for metric in json.loads(dpctl("--json", "upcall", "metrics", "dp0"))}
    equal(list(told), re.findall(r"^# TYPE (\w+)", text, re.M), "names in JSON")
    misses = told["ovs_upcall_misses_total"]
    equal((misses["kind"], misses["samples"]), ("counter", [{"labels": {"datapath": "dp0"}, "value": 2}]), "misses in JSON")


@test
def limited():
    """upcall set-flow-limit: no more flows are put, and packets go on"""
    Upcalld("--flow-limit", "2000")
    dpctl("upcall", "pause")
    told = json.loads(dpctl("--json", "upcall", "set-flow-limit", "2"))
    equal(told, {"datapath": "dp0", "command": "set-flow-limit", "answer": "set flow_limit to 2"}, "answer in JSON")
    equal(dpctl("upcall", "set-flow-limit", "1"), "set flow_limit to 1\n", "answer")
    learn(1, 1)
    learn(2, 2)
    for _ in range(3):
        expect(frame(station(1), station(2)), 1, 2)
    equal(dp.stats()[3], 1, "flows")
    equal(report()["counts"]["over_limit"], 4, "flows that were not put")
    equal(dpctl("upcall", "set-flow-limit", "dp0", "100000"), "set flow_limit to 2000\n", "answer")
    expect(frame(station(1), station(2)), 1, 2)
    equal(dp.stats()[3], 2, "flows")


@test
def purged():
    """upcall purge: all flows go, and come back with their packets"""
    Upcalld()
    learn(1, 1)
    learn(2, 2)
    equal(dpctl("upcall", "purge"), "", "answer")
    equal(dp.stats()[3], 0, "flows")
    equal(report()["flows"]["current"], 0, "flows that it knows of")
    expect(frame(station(1), station(2)), 1, 2)
    equal(dp.stats()[3], 1, "flows")


@test
def paused():
    """upcall pause: idle flows stay; resume: they go"""
    Upcalld("--max-idle", "0.2")
    dpctl("upcall", "pause")
    learn(1, 1)
    true("paused" in dpctl("upcall", "show"), "it does not say so")
    true("paused" in dpctl("upcall", "wait", status=1), "wait does not fail")
    rounds = report()["rounds"]
    learn(2, 2)
    # Well beyond what they may idle, and several rounds.
    time.sleep(1)
    equal((dp.stats()[3], report()["rounds"]), (2, rounds), "flows, rounds")
    dpctl("upcall", "resume")
    net.wait_for(lambda: dp.stats()[3] == 0, "idle flows are removed")


@test
def exact():
    """upcall disable-megaflows: each connection has a flow of its own, and they follow a move"""
    Upcalld()
    learn(1, 1)
    learn(2, 2)
    equal(dpctl("upcall", "disable-megaflows"), "megaflows disabled\n", "answer")
    for _ in range(3):
        expect(frame(station(1), station(2)), 1, 2)
    flows = dpctl("dump-flows", "dp0").splitlines()
    true(len(flows) == 1 and "ipv4(src=" in flows[0], f"flows: {flows}")
    dpctl("upcall", "wait")
    equal(dp.stats()[3], 1, "flows")
    learn(2, 3)
    net.wait_for(lambda: reaches(1, 2, 3), "packets follow it")
    equal(dpctl("upcall", "enable-megaflows"), "megaflows enabled\n", "answer")
    equal(dp.stats()[3], 0, "flows")


def ufid_of(pattern):
    flows = [flow for flow in dpctl("-m", "dump-flows", "dp0").splitlines() if re.search(pattern, flow)]
    equal(len(flows), 1, f"flows of {pattern}: {flows}")
    return re.match(r"ufid:[0-9a-f-]+", flows[0]).group()


@test
def full_dumps():
    """upcall disable-ufid: the datapath tells all of its flows, and they are looked after the same"""
    Upcalld("--max-idle", "1")
    equal(dpctl("upcall", "disable-ufid"), "Datapath dumping tersely using UFID disabled\n", "answer")
    true("  ufid enabled : false\n" in dpctl("upcall", "show"), "it does not say so")
    learn(1, 1)
    dpctl("upcall", "wait")
    equal(dp.stats()[3], 1, "flows")
    net.wait_for(lambda: dp.stats()[3] == 0, "idle flows are removed")
    equal(report()["counts"]["expired"], 1, "expired")
    answer = "Datapath dumping tersely using UFID enabled for supported datapaths\n"
    equal(dpctl("upcall", "enable-ufid"), answer, "answer")
    equal(report()["ufid"], True, "ufid")


@test
def explained():
    """upcall detrace: why a flow does what it does, as the policy says"""
    daemon = Upcalld()
    equal(dpctl("upcall", "dispatch-mode"), "dp0: per-cpu dispatch mode\n", "dispatch mode")
    learn(1, 1)
    learn(2, 2)
    expect(frame(station(1), station(2)), 1, 2)
    one, two = (":".join(f"{byte:02x}" for byte in station(n)) for n in (1, 2))
    ufid = ufid_of(f"src={one}.*dst={two}")
    equal(dpctl("upcall", "detrace", ufid), f"VLAN 0, from {one} (port 1) to {two} (port 2)\n", "answer")
    other = "ufid:00000000-0000-0000-0000-000000000000"
    equal(dpctl("upcall", "detrace", "dp0", other), "UFID was not found for system@dp0\n", "unknown")
    true("failed to parse ufid" in dpctl("upcall", "detrace", "12", status=1), "no ufid")
    equal(daemon.end(), 0, "status")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write("# To the second port.\npriority=3 in_port=p1 p2\n")
        file.flush()
        Upcalld("--flows", file.name)
        expect(frame(station(1), station(2)), 1, 2)
        equal(dpctl("upcall", "detrace", ufid_of("in_port")), "line 2: priority=3 in_port=p1 p2\n", "answer")


@test
def open_vswitch():
    """--unixctl: Open vSwitch's own ovs-appctl can be used, over the socket of a dead one too"""
    path = os.path.join(tempfile.mkdtemp(), "ctl")

    def appctl(*args, status=0):
        done = subprocess.run(["ovs-appctl", "-t", path, *args], capture_output=True, text=True, timeout=60, check=False)
        equal(done.returncode != 0, status != 0, f"status: {done.stdout}{done.stderr}")
        return done.stderr if status else done.stdout

    Upcalld("--unixctl", path).end(signal.SIGKILL)
    daemon = Upcalld("--unixctl", path)
    learn(1, 1)
    true(appctl("upcall/show").startswith("system@dp0:\n  flows         : (current 1)"), "upcall/show")
    true("  revalidator/wait\n" in appctl("list-commands"), "list-commands")
    equal(appctl("dpif-netlink/dispatch-mode"), "dp0: per-cpu dispatch mode\n", "dispatch mode")
    equal(appctl("revalidator/purge"), "", "revalidator/purge")
    equal(dp.stats()[3], 0, "flows")
    true("is not a valid command" in appctl("ofproto/trace", status=2), "unknown command")
    equal(daemon.end(), 0, "status")
    true(not os.path.exists(path), "the socket is left")


@test
def from_a_file():
    """--config: options from a file, and those of the command line count more"""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write('flow-limit = 1500\nport = ["p1:access=10", "p2:access=10"]\nrevalidators = 3\nmax-idle = 0.3\n')
        file.flush()
        Upcalld("--config", file.name, "--max-idle", "30")
    expect(frame(station(1), packet.BROADCAST), 1, 2, 3, 4, tags={i: ((0x8100, 10),) for i in (3, 4)})
    told = report()
    equal((told["flows"]["limit"], len(told["revalidators"])), (1500, 3), "limit, revalidators")
    time.sleep(1)
    equal(dp.stats()[3], 1, "flows")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write("flow-limits = 1500\n")
        file.flush()
        done = subprocess.run(["ovs-upcalld", "--config", file.name, "dp0"], capture_output=True, text=True, timeout=60, check=False)
    equal(done.returncode, 1, "status")
    true("there is no option 'flow-limits'" in done.stderr, done.stderr)


@test
def revalidators():
    """several of them share the flows: all are counted, expired and changed"""
    Upcalld("--revalidators", "4", "--max-idle", str(PATIENCE * 0.6), "--min-revalidate-pps", "0")
    learn(1, 1)
    for i in range(200):
        wires[2].send(frame(bytes.fromhex("0200000002") + bytes([i]), station(1)))
    net.wait_for(lambda: dp.stats()[3] == 201, "a flow for each station")
    dpctl("upcall", "wait")
    keys = [revalidator["keys"] for revalidator in report()["revalidators"]]
    equal((len(keys), sum(keys)), (4, 201), "flows of revalidators")
    true(min(keys) > 20, f"flows of revalidators: {keys}")
    modified = report()["counts"]["modified"]
    drain()
    learn(1, 3)
    net.wait_for(lambda: report()["counts"]["modified"] >= modified + 200, "flows follow the station")
    net.wait_for(lambda: dp.stats()[3] == 0, "idle flows are removed")
    equal((report()["counts"]["strays"], report()["counts"]["vanished"]), (0, 0), "strays, vanished")


@test
def logged():
    """--syslog-target and --log-format json: who else is told, and how"""
    net.ip("link set lo up")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        daemon = Upcalld("--log-format", "json", "--syslog-target", f"127.0.0.1:{server.getsockname()[1]}")
        true(re.match(rb"<30>1 - - ovs-upcalld \d+ - - dp0: port \d", server.recv(2000)), "message to the server")
    told = [json.loads(line) for line in daemon.said().splitlines()]
    equal({line["level"] for line in told}, {"info"}, "levels")
    true("dispatch mode: per-cpu" in told[-1]["message"] and told[-1]["thread"] == "main", told[-1])


@test
def unit():
    """the systemd unit: systemd takes it, and its command serves with no more than the unit leaves to it"""
    prefix = tempfile.mkdtemp()
    defer(shutil.rmtree, prefix)
    installed = ["env", f"PREFIX={prefix}", "/ovs/userspace/install.sh", "install", os.path.dirname(shutil.which("ovs-upcalld"))]
    subprocess.run(installed, capture_output=True, timeout=60, check=True)
    path = f"{prefix}/lib/systemd/system/ovs-upcalld@.service"
    # It has something to say of whatever systemd would not take, or ignore. There are no manual pages here.
    verify = ["systemd-analyze", "verify", "--man=no", path.replace("@", "@dp0")]
    os.link(path, verify[-1])
    done = subprocess.run(verify, capture_output=True, text=True, timeout=60, check=False)
    equal((done.returncode, done.stdout + done.stderr), (0, ""), "systemd-analyze verify")
    with open(path, encoding="ascii") as file:
        options = dict(line.split("=", 1) for line in file.read().splitlines() if re.match("[A-Z]", line))
    equal((options["Type"], options["RuntimeDirectory"], options["CapabilityBoundingSet"]), ("notify", "ovs-upcalld/%i", "CAP_NET_ADMIN"), "options")
    os.makedirs("/run/ovs-upcalld/dp0")
    defer(shutil.rmtree, "/run/ovs-upcalld")
    command = options["ExecStart"].replace("%i", "dp0").replace("$OVS_UPCALLD_OPTIONS ", "").split()
    least = ["setpriv", "--bounding-set=-all,+net_admin", "--no-new-privs", *command]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{prefix}/notify")
        manager.settimeout(20)
        with subprocess.Popen(least, env={"NOTIFY_SOCKET": f"{prefix}/notify"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                equal(manager.recv(2000).strip(), b"READY=1", "what it tells the manager")
                learn(1, 1)
                true("current 1" in dpctl("upcall", "show"), "it does not serve")
                true(os.path.exists("/run/ovs-upcalld/dp0/ctl"), "no socket for commands")
                process.terminate()
                equal(process.wait(20), 0, "status")
            finally:
                process.kill()


@test
def documented():
    """the manual page has all options of --help"""
    page = subprocess.run(["ovs-upcalld", "--manual"], capture_output=True, text=True, timeout=60, check=True).stdout
    usage = subprocess.run(["ovs-upcalld", "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
    options = re.findall(r"^ +(?:-\w, )?--([\w-]+)", usage, re.M)
    true(len(options) > 20, f"options: {options}")
    for option in options:
        true("\\-\\-" + option.replace("-", "\\-") in page, f"{option} is not in the page")


@test
def refused():
    """what cannot be done is said"""
    true("no ovs-upcalld serves" in dpctl("upcall", "show", status=1), "nobody is there")
    Upcalld()
    true("is none of show" in dpctl("upcall", "dance", status=1), "unknown")
    true("number" in dpctl("upcall", "set-flow-limit", "many", status=1), "no number")
    true("read only" in dpctl("--read-only", "upcall", "purge", status=1), "read only")
    dpctl("--read-only", "upcall", "show")


@test
def guarded():
    """nobody but root is answered"""
    Upcalld()
    nobody = ["setpriv", "--reuid", "65534", "--clear-groups", "dpctl", "upcall", "purge", "dp0"]
    done = subprocess.run(nobody, capture_output=True, text=True, timeout=60, check=False)
    equal(done.returncode, 1, f"status: {done.stdout}{done.stderr}")
    dpctl("upcall", "show")


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    main(start)
