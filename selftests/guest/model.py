#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
"""Random lists of actions do to packets what a simple model of actions says.

The lists and what comes of them are from rust/odp/examples/random-actions.rs, which tells what its
lines mean.
"""

import itertools
import os
import select
import struct

from lib import net, ovs
from lib.ktap import Failure, Skip, equal, find_module, main, test, true
from lib.lab import Lab
from lib.netlink import NETLINK_ADD_MEMBERSHIP, SOL_NETLINK, Error, Socket, attr, nest, parse, u32
from lib.ovs import Key, Pk

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../random-actions")
# Where USERSPACE sends to.
PROCESS = 77777
SAMPLE_GROUP, SAMPLE_DATA, SAMPLE_COOKIE = 3, 6, 15
lab = process = samples = None


def setup():
    global lab, process, samples
    os.sched_setaffinity(0, {0})
    net.load()
    net.run("modprobe", "psample")
    find_module()
    net.quiet_devices()
    lab = Lab(tun=True)
    process, samples = Socket(PROCESS), Socket()
    samples.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, samples.family("psample")[2]["packets"])
    # One that all packets pass, and one that drops all.
    for number, bands in ((1, b""), (2, nest(1, u32(1, 1), u32(2, 1), u32(3, 0)))):
        lab.dp.request("ovs_meter", 2, u32(1, number), nest(4, bands))


def add_flow(number, actions):
    """For packets of all kinds with a recirculation id."""
    start, exact = u32(Key.RECIRC_ID, number) + ovs.in_port(1), u32(Key.RECIRC_ID, 0xFFFFFFFF) + ovs.in_port(0xFFFFFFFF)
    lab.dp.flow(start + ovs.eth_type(0x88B5), actions, mask=exact)
    for count in range(3):
        for tags in itertools.product((0x8100, 0x88A8), repeat=count):
            key, mask = b"", ovs.eth_type(0)
            for tpid in tags:
                key, mask = ovs.vlan(tpid, 0x1000, key), ovs.vlan(0xFFFF, 0x1000, mask)
            key = key or ovs.eth_type(0x88B5)
            lab.dp.flow(start + ovs.eth() + key, actions, mask=exact + ovs.eth(bytes(6), bytes(6)) + mask)


def user(message):
    """What user space was told, as the model tells it."""
    key = dict(parse(message.get(Pk.KEY)))
    # What a hash is nobody knows, but whether there is one.
    if message.cmd == ovs.MISS:
        parts = ((k, struct.pack("=I", any(v)) if k == Key.DP_HASH else v) for k, v in parse(message.get(Pk.KEY)))
        return "miss", b"".join(attr(k, v) for k, v in parts), message.get(Pk.PACKET)
    words = [struct.unpack("=I", key[k])[0] for k in (Key.RECIRC_ID, Key.PRIORITY, Key.SKB_MARK)]
    words.append(int(any(key[Key.DP_HASH])))
    return "user", ",".join(map(str, words)), message.get(Pk.USERDATA), message.get(Pk.ACTIONS, b""), message.get(Pk.PACKET)


def text(parts):
    return ":".join(part if isinstance(part, str) else part.hex() for part in parts)


def told():
    """What user space and the sample groups were told."""
    found = {"miss": [], "user": [], "sample": []}
    for socket in (lab.nl, process):
        for message in socket.pending():
            parts = user(message)
            found[parts[0]].append(text(parts))
    while select.select([samples.sock], [], [], 0)[0]:
        for data in samples.receive():
            fields = dict(parse(data[20:]))
            group, cookie = struct.unpack("=I", fields[SAMPLE_GROUP])[0], fields.get(SAMPLE_COOKIE, b"")
            found["sample"].append(text(("sample", str(group), cookie, fields[SAMPLE_DATA])))
    return found


def out_of_tun():
    """What came out of port 9: types and packets."""
    found = []
    while data := lab.tun.receive(0):
        # A frame whose tag had to be put into it on the way out has the tag's type.
        if data[:2] in (b"\x81\0", b"\x88\xa8"):
            data = b"\x65\x58" + data[2:]
        found.append(data.hex())
    return found


def check(kind, data, actions, end, events):
    """One list, and what is to come of it."""
    ports, bare, others = {}, [], {"miss": [], "user": [], "sample": []}
    for event in events:
        where, what = event.split(":", 1)
        if where in others:
            others[where].append(event)
        elif where == "9":
            bare.append(what)
        else:
            ports.setdefault(int(where), []).append(bytes.fromhex(what))
    key = ovs.in_port(1)
    if int(kind):
        key += ovs.eth_type(int(kind))
    refusal = None
    try:
        lab.dp.execute(bytes.fromhex(data), bytes.fromhex(actions), key=key)
    except Error as error:
        refusal = error
    equal("fails" if refusal else "ok", end, f"end ({refusal})")
    lab.expect(ports)
    equal(out_of_tun(), bare, "packets out of port 9")
    equal(told(), others, "what user space was told")


@test
def random_lists():
    """what comes of packets is what the model has, for each list"""
    if not os.path.exists(CASES):
        raise Skip("no lists: the host made none")
    count = seen = failures = 0
    with open(CASES, encoding="ascii") as lines:
        for line in lines:
            first, *rest = line.split()
            if first == "flow":
                add_flow(int(rest[0]), bytes.fromhex(rest[1]))
                continue
            data, actions, end, *events = rest
            try:
                check(first, data, actions, end, events)
            except Exception as error:
                raise Failure(f"list {count}: {error}; packet {first} {data}, actions {actions}") from error
            count += 1
            seen += len(events)
    print(f"# {count} lists, {seen} packets")
    true(count >= 500 and seen >= count / 2, "too few lists, or packets")


if __name__ == "__main__":
    main(setup)
