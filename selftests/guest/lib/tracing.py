# SPDX-License-Identifier: GPL-2.0
"""What the kernel's tracepoints tell."""

import os

from lib import net

TRACING = "/sys/kernel/tracing"


def mount():
    """Makes tracefs be there."""
    if not os.path.exists(f"{TRACING}/trace"):
        net.run("mount", "-t", "tracefs", "tracefs", TRACING)


def _write(path, value):
    with open(f"{TRACING}/{path}", "w", encoding="ascii") as file:
        file.write(value)


def trace():
    """All that has been told."""
    with open(f"{TRACING}/trace", encoding="ascii") as file:
        return file.read()


def traced(event, function):
    """What an event (SUBSYSTEM/NAME) tells while something is done: a line for each time."""
    _write("trace", "")
    _write(f"events/{event}/enable", "1")
    try:
        function()
    finally:
        _write(f"events/{event}/enable", "0")
    name = event.split("/")[1]
    return [line for line in trace().splitlines() if f" {name}: " in line]
