#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
"""ovs-upcalld told what to do while it works, and what it tells of itself."""

import json
import os
import re
import subprocess
import time

from lib import net
from lib.ktap import equal, main, test, true
from lib.switch import Upcalld, expect, frame, learn, reaches, setup, station

dp = None


def start():
    global dp
    dp = setup()


def dpctl(*args, status=0):
    """What it prints."""
    done = subprocess.run(["dpctl", *args], capture_output=True, text=True, timeout=60, check=False)
    equal(done.returncode, status, f"status of dpctl {' '.join(args)}: {done.stdout}{done.stderr}")
    return done.stderr if status else done.stdout


def report():
    return json.loads(dpctl("--json", "upcall", "show", "dp0"))


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


@test
def limited():
    """upcall set-flow-limit: no more flows are put, and packets go on"""
    Upcalld("--flow-limit", "2000")
    dpctl("upcall", "pause")
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
