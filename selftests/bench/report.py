# SPDX-License-Identifier: GPL-2.0
"""report.py DIR: the table of what DIR/results.jsonl holds, printed, and in DIR as
table.txt, results.json and chart.svg."""

import dataclasses
import json
import os
import sys

from chart import svg
from stats import rows


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def table(found):
    """The lines of the table."""
    head = ("case", "unit", "C", "Rust", "ceiling", "ratio", "95 % interval", "target", "")
    lines = [head]
    for row in found:
        few = "" if row.pairs > 5 else "*"
        lines.append((
            row.name, row.unit, number(row.c), number(row.rust), number(row.ceiling), f"{row.ratio:.3f}",
            f"{row.low:.3f} .. {row.high:.3f}{few}", f"{row.target:.2f}" if row.target else "",
            {None: "", True: "met", False: "MISSED"}[row.met],
        ))
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        yield "  ".join(
            text.ljust(width) if i < 2 or i > 6 else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths))
        ).rstrip()
    yield ""
    yield "ratio: the median of pairs, Rust to C; of a packet's cost less the ceiling, which is its cost without a datapath"
    if any(row.pairs < 6 for row in found):
        yield "*: fewer than six pairs, all of their range"


def main(where):
    with open(f"{where}/results.jsonl", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    found = rows(line for line in lines if "metric" in line)
    errors = [line for line in lines if "error" in line]
    text = "\n".join(table(found)) + "\n"
    for line in errors:
        text += f"FAILED: {line['case']}, boot {line['boot']}, repetition {line['rep'] + 1}: {line['error']}\n"
    with open(f"{where}/table.txt", "w", encoding="utf-8") as file:
        file.write(text)
    with open(f"{where}/results.json", "w", encoding="utf-8") as file:
        json.dump([dataclasses.asdict(row) for row in found], file, indent=1)
    with open(f"{where}/chart.svg", "w", encoding="utf-8") as file:
        file.write(svg(found, "Open vSwitch datapath: Rust and C in one boot"))
    sys.stdout.write("\n" + text + "\n")
    for name in ("table.txt", "results.json", "chart.svg"):
        print(os.path.join(where, name))
    return 1 if errors or not found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
