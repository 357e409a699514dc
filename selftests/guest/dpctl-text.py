#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
"""The text of flows: dpctl and ovs-dpctl print the same, and each reads what the other prints."""

import re

from lib import flows, net
from lib.ktap import defer, diag, equal, main, test, true
from lib.programs import OURS, THEIRS, call, errors

# What ovs-dpctl prints in another way: what, in place of what of dpctl's, and why.
PRINTED = (
    (r"cookie=0x0+", "cookie=0x", "it leaves out the zeros that a cookie begins with"),
    (r"(ct_tuple6\([^)]*)tp_src=([^)]*)tp_dst=", r"\1src_port=\2dst_port=", "it prints other names than it reads"),
    (r"(hwid=0x[0-9a-f]+)/0x3f", r"\1/0xf", "it shows four of six bits of the mask"),
)

# What ovs-dpctl cannot read though it prints it, and why.
UNREADABLE = (
    (r"[ ,(]recirc\(0x", "it reads decimal numbers only"),
    (r"push_mpls\(", "it knows no such action when it reads"),
    (r"pop_mpls\(", "it knows no such action when it reads"),
    (r"dec_ttl\(", "it knows no such action when it reads"),
    (r"psample\(", "it knows no such action when it reads"),
    (r",drop$", "it knows drop for itself only"),
    (r"nsh\(", "it does not read this header"),
    (r"(push_eth\(|pop_eth)", "it knows no such action when it reads"),
    (r"userspace\(pid=3[,)]", "it adds data of zeros"),
    (r"userdata\(00112233", "it adds zeros to data that is short"),
    (r"key32\(", "it has no name for the extension headers of IPv6"),
)


def setup():
    net.load()
    net.quiet_devices()
    net.veth("p1", "e1")
    net.veth("p2", "e2")
    defer(call, OURS, "del-dp", "dp0")
    net.run(OURS, "add-dp", "dp0", "p1", "p2", "int0,type=internal")


def dump(program, *options):
    """What a program prints, without what is counted; sorted."""
    code, out, err = call(program, *options, "dump-flows", "dp0")
    equal((code, errors(err)), (0, []), f"{program} dump-flows")
    # ovs-dpctl makes an id up for a flow that has none.
    return sorted(re.sub(r"^ufid:[-0-9a-f]*, ", "", re.sub(r", packets:.*, actions:", " ", line)) for line in out.splitlines())


def install(program, lines):
    """Just these flows; what the program says of those that it refuses."""
    net.run(OURS, "del-flows", "dp0")
    code, out, err = call(program, "add-flows", "dp0", "-", text="\n".join(lines) + "\n")
    return code, out, errors(err)


def differ(ours, theirs):
    """The lines that only one of the lists has, + those that only the first has."""
    return [("-", line) for line in theirs if line not in ours] + [("+", line) for line in ours if line not in theirs]


def none(found, what):
    for sign, line in found:
        diag(f"{sign} {line}")
    equal(len(found), 0, f"differences, {what}")


def installed():
    """Flows of all kinds, as they are, and how many."""
    lines = list(flows.lines())
    true(len(lines) >= 200, f"{len(lines)} flows")
    said = install(OURS, lines)
    if said != (0, "", []):
        for line in lines:
            refused = install(OURS, [line])[2]
            if refused:
                diag(f"{line}: {refused}")
    equal(said, (0, "", []), "dpctl add-flows")
    return dump(OURS, "-m", "--no-names")


@test
def printed():
    """over 200 flows: both print the same"""
    number = len(installed())
    for options in ((), ("-m",), ("--names",), ("-m", "--no-names")):
        ours, theirs = dump(OURS, *options), dump(THEIRS, *options)
        equal((len(ours), len(theirs)), (number, number), f"flows, {options}")
        text = "\n".join(ours)
        for pattern, instead, reason in PRINTED:
            text, count = re.subn(pattern, instead, text)
            # What is wildcarded is printed with -m only.
            true(count or "-m" not in options, f"unused: {reason}")
        none(differ(text.split("\n"), theirs), options)


def crosses(printer, reader, *options):
    """What one prints, the other makes flows of; how these differ from what was printed."""
    whole = installed()
    install(reader, dump(printer, *options))
    return differ(dump(OURS, "-m", "--no-names"), whole)


def known(found, patterns):
    """The differences that none of the patterns explains; each must explain some."""
    for pattern in patterns:
        true(any(re.search(pattern, line) for _, line in found), f"unused: {pattern}")
    return [(sign, line) for sign, line in found if not any(re.search(pattern, line) for pattern in patterns)]


# Without -m, the kernel would miss what every key must have.
@test
def to_dpctl():
    """what ovs-dpctl prints with -m, dpctl reads"""
    for options in (("-m", "--no-names"), ("-m",)):
        found = crosses(THEIRS, OURS, *options)
        none(known(found, ("cookie=0x0*11", r"hwid=")), options)


@test
def to_ovs_dpctl():
    """what dpctl prints with -m, ovs-dpctl reads, but for what it never reads"""
    found = crosses(OURS, THEIRS, "-m", "--no-names")
    none(known(found, [pattern for pattern, _ in UNREADABLE]), "-m --no-names")


if __name__ == "__main__":
    main(setup)
