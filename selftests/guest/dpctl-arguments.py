#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
"""Arguments: what dpctl takes, refuses, prints and returns is what ovs-dpctl does."""

import re
import uuid

from lib import net, ovs
from lib.ktap import add, defer, equal, main
from lib.netlink import CREATE, DUMP, ECHO, Socket, attr, string, u32
from lib.programs import OURS, THEIRS, call, errors, same

FLOW, OTHER = "in_port(1),eth(),eth_type(0x88b5)", "in_port(2),eth(),eth_type(0x88b6)"
UFID = "ufid:01234567-89ab-cdef-0123-456789abcdef"
THIRD = "in_port(1),eth(),eth_type(0x88b7)"
NONE = "ufid:00000000-0000-0000-0000-000000000001"
GET_LIMITS = 3
# ovs-dpctl says that there is no such file, and returns 0 all the same: a script would go on without its flows.
FAILS = (("del-flows", "nothing"), ("del-flows", "dp0", "/nonexistent"), ("add-flows", "dp0", "/nonexistent"), ("mod-flows", "/nonexistent"))


def steady(text):
    """ovs-dpctl makes an id up for a flow that has none. Times pass."""
    text = re.sub(r"^ufid:(?!01234567)[-0-9a-f]*, ", "", text, flags=re.MULTILINE)
    return re.sub(r"used:[0-9.]+s", "used:SOME", text)

nl = begin = None


def clear():
    """No datapaths."""
    for dp in nl.request(ovs.DP, ovs.GET, flags=DUMP):
        nl.request(ovs.DP, ovs.DEL, dp.dp_ifindex)


def reset():
    """One datapath with two flows."""
    clear()
    attrs = string(ovs.Dp.NAME, "dp0") + u32(ovs.Dp.UPCALL_PID, 0)
    dp = nl.request(ovs.DP, ovs.NEW, 0, attrs, flags=ECHO)[0].dp_ifindex
    for name, kind in (("p1", ovs.Vp.NETDEV), ("p2", ovs.Vp.NETDEV), ("int0", ovs.Vp.INTERNAL)):
        attrs = string(ovs.Vp.NAME, name) + u32(ovs.Vp.TYPE, kind) + u32(ovs.Vp.UPCALL_PID, 0)
        nl.request(ovs.VPORT, ovs.NEW, dp, attrs)
    mask = attr(ovs.Fl.MASK, ovs.in_port(0xFFFFFFFF) + ovs.eth(bytes(6), bytes(6)) + ovs.eth_type(0xFFFF))
    for port, kind, to, ufid in ((1, 0x88B5, 2, b""), (2, 0x88B6, 1, attr(ovs.Fl.UFID, uuid.UUID(UFID[5:]).bytes))):
        key = attr(ovs.Fl.KEY, ovs.in_port(port) + ovs.eth(bytes(6), bytes(6)) + ovs.eth_type(kind))
        nl.request(ovs.FLOW, ovs.NEW, dp, key + mask + attr(ovs.Fl.ACTIONS, ovs.output(to)) + ufid, flags=CREATE)


def told(message, *kinds):
    """These attributes."""
    return [data for kind, data in message.attrs if kind in kinds]


def told_of_flow(message):
    """Without an identifier that ovs-dpctl has made up. `drop` is no action at all to dpctl, so that a flow without
    actions, which prints like that, can be put back as it was; ovs-dpctl takes it for the action DROP."""
    actions = message.get(ovs.Fl.ACTIONS)
    return [
        *told(message, ovs.Fl.KEY, ovs.Fl.MASK, ovs.Fl.STATS),
        message.get(ovs.Fl.UFID) == uuid.UUID(UFID[5:]).bytes,
        b"" if actions == u32(ovs.Act.DROP, 0) else actions,
    ]


def state():
    """What there is."""
    found = []
    for dp in nl.request(ovs.DP, ovs.GET, flags=DUMP):
        index = dp.dp_ifindex
        ports = nl.request(ovs.VPORT, ovs.GET, index, flags=DUMP)
        flows = nl.request(ovs.FLOW, ovs.GET, index, flags=DUMP)
        found.append((
            # Not the features: ovs-dpctl announces some whatever it is asked for.
            told(dp, ovs.Dp.NAME, ovs.Dp.STATS, ovs.Dp.MASKS_CACHE_SIZE),
            sorted(told(port, ovs.Vp.NAME, ovs.Vp.TYPE, ovs.Vp.PORT_NO, ovs.Vp.OPTIONS) for port in ports),
            sorted(told_of_flow(flow) for flow in flows),
            [limits.attrs for limits in nl.request("ovs_ct_limit", GET_LIMITS, index)],
        ))
    return found


def setup():
    global nl, begin
    net.load()
    net.quiet_devices()
    net.veth("p1", "e1")
    net.veth("p2", "e2")
    net.veth("p3", "e3")
    nl = Socket()
    defer(clear)
    reset()
    begin = state()


def read_only(*args):
    """A command that changes nothing, also with other forms of the datapath's name."""
    same(*args, steady=steady)


def changes(*args):
    """A command leaves the same behind."""
    left = []
    for program in (THEIRS, OURS):
        code, out, err = call(program, *args)
        now = state()
        left.append((code, steady(out), errors(err), now))
        if now != begin:
            reset()
    if args in FAILS:
        equal([code for code, *_ in left], [0, 1], "status")
        left = [rest for _, *rest in left]
    equal(left[1], left[0], f"dpctl {' '.join(args)}")


READ_ONLY = (
    (), ("nonsense",), ("show",), ("show", "dp0"), ("show", "system@dp0"), ("show", "@dp0"), ("show", "netdev@dp0"), ("show", "x@dp0"),
    ("show", "dp0", "nothing", "dp0"), ("-s", "show", "dp0"), ("show", "-s"), ("show", "--statistics", "dp0"), ("show", ""),
    ("dump-dps",), ("dump-dps", "dp0"), ("--read-only", "dump-dps"),
    ("dump-flows", "nothing"), ("dump-flows", "dp0", "type=ovs"), ("dump-flows", "x@dp0"),
    ("dump-flows", "dp0", "filter=tcp"), ("dump-flows", "filter=in_port=1"), ("dump-flows", "dp0", "filter=in_port=p1"), ("dump-flows", "filter="),
    ("-m", "dump-flows", "dp0"), ("dump-flows", "--names"), ("-m", "--no-names", "dump-flows"), ("dump-flows", "system@dp0"),
    ("dump-flows", "1", "2", "3", "4", "5", "6", "7"), ("get-flow",), ("get-flow", UFID), ("get-flow", "dp0", UFID), ("get-flow", "nothing", UFID),
    ("get-flow", "dp0", UFID, "x"), ("get-flow", NONE), ("-m", "get-flow", "dp0", UFID), ("--names", "get-flow", UFID),
    ("cache-get-size",), ("cache-get-size", "dp0"), ("cache-get-size", "nothing"), ("cache-get-size", "dp0", "x"),
    ("ct-get-limits",), ("ct-get-limits", "dp0"), ("ct-get-limits", "nothing"), ("ct-get-limits", "zone=5"), ("ct-get-limits", "dp0", "zone=x"),
    ("ct-get-limits", "dp0", "zones=1"), ("ct-get-limits", "1", "2", "3"),
    ("--timeout=5", "show"), ("-t", "5", "show"), ("-t", "0", "show"), ("-t", "x", "show"), ("--timeout", "-1", "show"), ("-t5", "dump-dps"),
    ("--nonsense", "show"), ("-z", "show"), ("show", "--read-only"), ("--more=3", "show"), ("--statistics", "--more", "--names", "--no-names", "dump-dps"),
    ("--timeout",), ("--names", "dump-dps"), ("-vconsole:off", "show"), ("--verbose=off", "show"), ("-v", "dump-dps"), ("--", "dump-dps"), ("dump-dps", "--"),
    ("parse-actions",), ("parse-actions", "1,2"), ("parse-actions", "1", "pop_vlan,3"), ("parse-actions", "x"), ("parse-actions", "1", "x", "2"),
    ("parse-actions", "drop"), ("parse-actions", ""), ("normalize-actions",), ("normalize-actions", FLOW), ("normalize-actions", "x", "1"),
    ("normalize-actions", FLOW, "x"), ("normalize-actions", FLOW, "1", "p1"),
)

CHANGES = (
    ("add-dp",), ("add-dp", "dp1"), ("add-dp", "dp0"), ("add-dp", "system@dp1"), ("add-dp", "x@dp1"), ("add-dp", "dp1", "p3"), ("add-dp", "dp1", "p1"),
    ("add-dp", "dp1", "nothing"), ("add-dp", ""), ("add-dp", "averyveryverylongname"), ("add-dp", "dp1", "int1,type=internal", "p3"),
    ("--read-only", "add-dp", "dp1"),
    ("del-dp",), ("del-dp", "dp0"), ("del-dp", "nothing"), ("del-dp", "dp0", "x"), ("del-dp", "system@dp0"), ("del-dp", "p1"),
    ("add-if",), ("add-if", "dp0"), ("add-if", "dp0", "p3"), ("add-if", "dp0", "p1"), ("add-if", "dp0", "nothing"), ("add-if", "nothing", "p3"),
    ("add-if", "dp0", "p3,port_no=9"), ("add-if", "dp0", "p3,port_no=1"), ("add-if", "dp0", "int1,type=internal", "nothing", "p3"),
    ("add-if", "dp0", "p3,type=nonsense"), ("add-if", "dp0", "p3,x=y"), ("add-if", "dp0", "p3,port_no=x"), ("add-if", "dp0", "p3,port_no"),
    ("set-if",), ("set-if", "dp0", "p1"), ("set-if", "dp0", "p1,type=internal"), ("set-if", "dp0", "p1,port_no=1"), ("set-if", "dp0", "p1,port_no=7"),
    ("set-if", "dp0", "nothing"), ("set-if", "dp0", "int0,type=internal"), ("set-if", "dp0", "p1,x=y"),
    ("del-if", "dp0"), ("del-if", "dp0", "p1"), ("del-if", "dp0", "1"), ("del-if", "dp0", "0"), ("del-if", "dp0", "nothing"), ("del-if", "dp0", "99"),
    ("del-if", "dp0", "p1", "nothing", "p2"), ("del-if", "nothing", "p1"),
    ("add-flow", FLOW), ("add-flow", "dp0", FLOW, "1"), ("add-flow", THIRD, "1"), ("add-flow", "dp0", "x", "1"), ("add-flow", "dp0", THIRD, "x"),
    ("add-flow", "nothing", THIRD, "1"), ("add-flow", "dp0", THIRD, "drop"), ("add-flow", "dp0", THIRD, "99"),
    ("mod-flow", "dp0", FLOW), ("mod-flow", "dp0", FLOW, "drop"), ("mod-flow", "dp0", THIRD, "1"), ("--may-create", "mod-flow", "dp0", THIRD, "1"),
    ("--clear", "mod-flow", FLOW, "1"), ("-s", "mod-flow", "dp0", FLOW, "1"), ("mod-flow", "dp0", "x", "1"), ("mod-flow", "dp0", FLOW, "x"),
    ("del-flow",), ("del-flow", "dp0", FLOW), ("-s", "del-flow", FLOW), ("del-flow", "dp0", THIRD), ("del-flow", "dp0", UFID), ("del-flow", "dp0", NONE),
    ("del-flow", "nothing", FLOW), ("del-flow", "dp0", "x"),
    ("del-flows",), ("del-flows", "dp0"), ("del-flows", "nothing"), ("del-flows", "dp0", "/nonexistent"), ("del-flows", "dp0", "x", "y"),
    ("add-flows",), ("add-flows", "dp0", "/nonexistent"), ("mod-flows", "/nonexistent"), ("mod-flows", "dp0", "x", "y"),
    ("cache-set-size", "dp0"), ("cache-set-size", "dp0", "masks-cache", "100"), ("cache-set-size", "dp0", "masks-cache", "x"),
    ("cache-set-size", "dp0", "nothing", "5"), ("cache-set-size", "nothing", "masks-cache", "1"), ("cache-set-size", "dp0", "masks-cache", "0"),
    ("cache-set-size", "dp0", "masks-cache", "9999999"),
    ("ct-set-limits",), ("ct-set-limits", "dp0", "default=10"), ("ct-set-limits", "zone=1,limit=5"), ("ct-set-limits", "dp0", "zone=1,limit=x"),
    ("ct-set-limits", "dp0", "default=5", "zone=3,limit=2"), ("ct-set-limits", "dp0", "zone=1"), ("ct-set-limits", "nothing", "default=1"),
    ("ct-del-limits",), ("ct-del-limits", "dp0", "zone=1"), ("ct-del-limits", "dp0", "default"), ("ct-del-limits", "dp0", "zone=x"),
)

for case in READ_ONLY:
    add(" ".join(("dpctl", *case)), read_only, *case)
for case in CHANGES:
    add(" ".join(("dpctl", *case)), changes, *case)


if __name__ == "__main__":
    main(setup)
