#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
"""Random lists of actions do to packets what a simple model of actions says.

The lists and what they send where are from rust/odp/examples/random-actions.rs.
"""

import os

from lib import net, ovs
from lib.ktap import Failure, Skip, find_module, main, test, true
from lib.lab import Lab

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../random-actions")
lab = None


def setup():
    global lab
    os.sched_setaffinity(0, {0})
    net.load()
    find_module()
    net.quiet_devices()
    lab = Lab()


@test
def random_lists():
    """packets come out as the model has them, for each list"""
    if not os.path.exists(CASES):
        raise Skip("no lists: the host made none")
    count = sent = 0
    with open(CASES, encoding="ascii") as lines:
        for line in lines:
            data, actions, *out = line.split()
            wanted = {}
            for port, bytes_ in (item.split(":") for item in out):
                wanted.setdefault(int(port), []).append(bytes.fromhex(bytes_))
            try:
                lab.dp.execute(bytes.fromhex(data), bytes.fromhex(actions), key=ovs.in_port(1))
                lab.expect(wanted)
            except Exception as error:
                raise Failure(f"list {count}: {error}; packet {data}, actions {actions}") from error
            count += 1
            sent += len(out)
    print(f"# {count} lists, {sent} packets")
    true(count >= 500 and sent >= count / 2, "too few lists, or packets")


if __name__ == "__main__":
    main(setup)
