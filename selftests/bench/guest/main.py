# SPDX-License-Identifier: GPL-2.0
"""Measures both modules in turn. See README.md.

What is to be done is in /run/out/plan.json; each line of /run/out/results.jsonl is
the value of one metric with both modules, taken one after the other.
"""

import fnmatch
import functools
import itertools
import json
import statistics
import time
import traceback

import datapath  # finds the library of the others
import kernel
from cases import CASES, Packets

OUT = "/run/out"
IN, OUTS = "dummy0", ["dummy1", "dummy2", "dummy3", "dummy4"]
# For how long packets are sent at least, and batches at most.
PACKETS_NS, BATCHES = 120e6, 6000
# For how long caches may take to fill.
WARM_S = 5


def wanted(case, patterns):
    return not patterns or any(fnmatch.fnmatch(case.name, p) or p in case.name for p in patterns)


def warm_up(case, injector):
    """Sends all frames, again until it gets no faster: caches may grow with their
    use, and work for that is done between the runs. The nanoseconds of a batch."""
    batches = max(64, -(-injector.count // injector.BATCH))
    best, idle, end = None, 0, time.monotonic() + WARM_S
    for passes in itertools.count():
        # The first pass has nothing to find, the second may have, the third does.
        if idle == 2 or (passes > 2 and time.monotonic() > end):
            return best
        times, rate = injector.run(batches, case.shared)
        spent = statistics.median(times) / rate
        idle = idle + 1 if best and spent > best * 0.97 else 0
        best = min(best or spent, spent)
        time.sleep(0.01)


def packets(case, injector, loaded):
    """Nanoseconds of a packet. The frames are there already."""
    guess = warm_up(case, injector)
    every = -(-injector.count // injector.BATCH)
    batches = int(min(BATCHES, max(PACKETS_NS / guess, min(every, 4 * PACKETS_NS / guess))))
    if not loaded:
        times, rate = injector.run(batches, case.shared)
        return statistics.median(times) / rate / injector.BATCH
    before = [loaded.stats(), sum(map(kernel.sent, OUTS))]
    times, rate = injector.run(batches, case.shared)
    after = [loaded.stats(), sum(map(kernel.sent, OUTS))]
    count = batches * injector.BATCH
    hits, missed = (after[0][i] - before[0][i] for i in (0, 1))
    sent = after[1] - before[1]
    if (hits, missed, sent) != (count * case.lookups, 0, count * case.out):
        raise RuntimeError(f"of {count} packets: {hits} hits, {missed} misses, {sent} sent")
    return statistics.median(times) / rate / injector.BATCH


def once(case, dp, upcalls, injector):
    """{metric: value} with a datapath."""
    if not isinstance(case, Packets):
        return case.run(dp, upcalls, injector)
    if case.prepare:
        case.prepare(dp)
    dp.send(dp.put(*flow) for flow in case.flows())
    return {"": packets(case, injector, dp)}


def again(case, dp, upcalls, injector, seconds):
    """The case for some time, for a profiler to look at."""
    once(case, dp, upcalls, injector)
    with open("/proc/kallsyms", encoding="ascii") as symbols, open(f"{OUT}/kallsyms", "w", encoding="ascii") as file:
        file.write(symbols.read())
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if isinstance(case, Packets):
            injector.run(1000, case.shared)
        else:
            dp.flush()
            case.run(dp, upcalls, injector)
    return {}


def with_module(case, module, injector, work=once):
    """What `work` gives with this module."""
    kernel.insmod(f"{OUT}/{module}.ko")
    upcalls = None
    try:
        if getattr(case, "upcalls", False):
            upcalls = datapath.Upcalls()
        dp = datapath.Datapath([IN, *OUTS], upcalls.pid if upcalls else 0)
        try:
            return work(case, dp, upcalls, injector)
        finally:
            dp.close()
    finally:
        if upcalls:
            upcalls.close()
        kernel.rmmod("openvswitch")


def measure(case, order, injector, unit):
    """A line for each metric, with the values of both modules; packets take as many of `unit`."""
    values = {"c": {}, "rust": {}}
    ceiling = None
    if isinstance(case, Packets):
        injector.load(case.frames(), case.length)
        ceiling = packets(case, injector, None)
    for module in order:
        values[module] = with_module(case, module, injector)
    units = {"": unit} if isinstance(case, Packets) else case.metrics
    targets = {"": case.target} if isinstance(case, Packets) else case.targets
    if unit != "ns":
        targets = {}
    for metric, unit in units.items():
        yield {
            "case": case.name, "metric": metric, "unit": unit, "target": targets.get(metric),
            "order": "".join(module[0] for module in order), "ceiling": ceiling,
            **{module: values[module].get(metric) for module in values},
        }


def main():
    with open(f"{OUT}/plan.json", encoding="utf-8") as file:
        plan = json.load(file)
    for device in (IN, *OUTS):
        kernel.up(device)
    kernel.insmod(f"{OUT}/inject.ko")
    injector = kernel.Injector(IN)
    cases = [case for case in CASES if wanted(case, plan["cases"])]
    if plan.get("targets"):
        cases = [c for c in cases if getattr(c, "target", None) or getattr(c, "targets", None)]
    unit = plan.get("unit", "ns")
    if unit != "ns":
        cases = [c for c in cases if isinstance(c, Packets)]
    if "profile" in plan:
        # The one with this very name, before those that have it in theirs.
        case = min(cases, key=lambda case: case.name not in plan["cases"])
        if isinstance(case, Packets):
            injector.load(case.frames(), case.length)
        with_module(case, plan["profile"], injector, functools.partial(again, seconds=plan["seconds"]))
        return
    with open(f"{OUT}/results.jsonl", "a", encoding="utf-8", buffering=1) as results:
        for rep in range(plan["reps"]):
            for number, case in enumerate(cases):
                order = ("c", "rust") if (rep + number + plan["boot"]) % 2 == 0 else ("rust", "c")
                started = time.monotonic()
                try:
                    for line in measure(case, order, injector, unit):
                        results.write(json.dumps({"boot": plan["boot"], "rep": rep} | line) + "\n")
                    note = f"{time.monotonic() - started:.1f} s"
                except Exception as error:  # pylint: disable=broad-exception-caught
                    note = f"FAILED: {error}"
                    results.write(json.dumps({"boot": plan["boot"], "rep": rep, "case": case.name, "error": str(error)}) + "\n")
                    traceback.print_exc()
                results.write(json.dumps({"progress": f"repetition {rep + 1}, {case.name}: {note}"}) + "\n")


main()
