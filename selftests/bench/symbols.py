# SPDX-License-Identifier: GPL-2.0
"""symbols.py KALLSYMS SAMPLES: how many samples each function of the guest got."""

import bisect
import collections
import re
import sys


def demangled(name):
    """The path in a name that Rust's compiler mangled: good enough to read."""
    if not name.startswith("_R"):
        return name
    parts, at = [], 2
    while match := re.compile(r"\d+").search(name, at):
        length = int(match[0])
        at = match.end()
        if name[at : at + 1] == "_":
            at += 1
        part = name[at : at + length]
        if length > 1 and re.fullmatch(r"\w+", part) and len(part) == length:
            parts.append(part)
            at += length
    return "::".join(parts)


def main(kallsyms, samples):
    symbols = []
    with open(kallsyms, encoding="ascii") as file:
        for line in file:
            address, kind, name, *module = line.split()
            if kind in "tTwW":
                symbols.append((int(address, 16), name, module[0] if module else ""))
    symbols.sort()
    addresses = [symbol[0] for symbol in symbols]
    counts = collections.Counter()
    with open(samples, encoding="utf-8") as file:
        for line in file:
            at = int(line.split()[0], 16)
            number = bisect.bisect(addresses, at) - 1
            if number < 0 or at >= 1 << 40:
                counts[("(the host)", "")] += 1
            else:
                _, name, module = symbols[number]
                counts[(demangled(name), module)] += 1
    total = sum(counts.values())
    print(f"{total} samples")
    for (name, module), count in counts.most_common(40):
        print(f"{100 * count / total:6.2f} %  {name} {module}")


main(*sys.argv[1:])
