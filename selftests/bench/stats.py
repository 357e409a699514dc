# SPDX-License-Identifier: GPL-2.0
"""The statistics: medians of paired ratios, and what they may be."""

import math
import statistics
from dataclasses import dataclass


def interval(values):
    """A 95 % interval of the median, that assumes nothing of the distribution: the
    values with ranks k and n + 1 - k, the greatest k that keeps it 95 %. With fewer
    than six values there is none: then all of their range."""
    values = sorted(values)
    n = len(values)
    outside, k = 0.0, 0
    while True:
        outside += 2 * math.comb(n, k) / 2**n
        if outside > 0.05 or 2 * (k + 1) >= n:
            break
        k += 1
    k = max(k, 1)
    return values[k - 1], values[n - k]


@dataclass
class Row:
    """What is known of one metric of one case."""

    name: str
    unit: str
    target: float
    c: float
    rust: float
    ceiling: float
    ratio: float
    low: float
    high: float
    pairs: int

    @property
    def met(self):
        """Whether the target is; `None` without one."""
        return None if self.target is None else self.ratio <= self.target


def row(name, lines):
    """The row of the measurements of a metric, one pair each."""

    def ratio(line):
        # The datapath's own cost; a request has no ceiling.
        base = line["ceiling"] or 0
        return (line["rust"] - base) / (line["c"] - base)

    ratios = [ratio(line) for line in lines]
    low, high = interval(ratios)
    ceiling = None
    if lines[0]["ceiling"] is not None:
        ceiling = statistics.median(line["ceiling"] for line in lines)
    return Row(
        name=name, unit=lines[0]["unit"], target=lines[0]["target"],
        c=statistics.median(line["c"] for line in lines),
        rust=statistics.median(line["rust"] for line in lines),
        ceiling=ceiling, ratio=statistics.median(ratios), low=low, high=high, pairs=len(lines),
    )


def rows(lines):
    """All rows, in the order of their first measurement."""
    found = {}
    for line in lines:
        metric = line["metric"]
        found.setdefault(line["case"] + (f": {metric}" if metric else ""), []).append(line)
    return [row(name, some) for name, some in found.items()]
