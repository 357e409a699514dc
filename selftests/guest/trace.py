#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tracepoints: their fields are the C module's, and what they tell of actions and upcalls."""

import os
import re
import struct

from lib import net, ovs, packet, tracing
from lib.ktap import equal, find_module, main, test, true
from lib.lab import Lab
from lib.netlink import nest, u16, u32
from lib.ovs import Act, Key, Pk, output, recirc, userspace

EVENTS = f"{tracing.TRACING}/events/openvswitch"
lab = None


def setup():
    global lab
    os.sched_setaffinity(0, {0})
    net.load()
    find_module()
    net.quiet_devices()
    tracing.mount()
    lab = Lab(2)


def fields(event):
    """(type, name) of an event's fields, without those all events have."""
    with open(f"{EVENTS}/{event}/format", encoding="ascii") as file:
        found = re.findall(r"field:(.*?) (\w+)(?:\[\])?;\toffset", file.read())
    return [(kind.replace("__data_loc ", ""), name) for kind, name in found if not name.startswith("common_")]


COMMON = """void * dpaddr, char[] dp_name, char[] dev_name, void * skbaddr, unsigned int len, unsigned int data_len,
    unsigned int truesize, u8 nr_frags, u16 gso_size, u16 gso_type, u32 ovs_flow_hash, u32 recirc_id, KEYADDR keyaddr,
    u16 key_eth_type, u8 key_ct_state, u8 key_ct_orig_proto, u16 key_ct_zone, unsigned int flow_key_valid"""
ACTION = "u8 action_type, unsigned int action_len, void * action_data, u8 is_last"
UPCALL = "u8 upcall_cmd, u32 upcall_port, u16 upcall_mru"


def names(text):
    return [field.split()[-1] for field in text.split(",")]


@test
def formats():
    """both events have the fields that tools know, in their order"""
    for event, more in (("ovs_do_execute_action", ACTION), ("ovs_dp_upcall", UPCALL)):
        equal([name for _, name in fields(event)], names(COMMON + "," + more), f"fields of {event}")
        kinds = dict((name, kind) for kind, name in fields(event))
        equal((kinds["len"], kinds["gso_type"], kinds["recirc_id"]), ("unsigned int", "u16", "u32"), "types")


def traced(event, function):
    """What an event tells while something is done, as dictionaries."""
    lines = tracing.traced(f"openvswitch/{event}", function)
    return [{k.lower(): v for k, v in re.findall(r"(\w+)=(\S+)", line)} for line in lines]


@test
def actions():
    """ovs_do_execute_action: each action, also those in others, before it is executed"""
    data = packet.udp4()
    clone = nest(Act.CLONE, ovs.push_vlan(0x1005) + output(2))
    both = nest(Act.CHECK_PKT_LEN, u16(1, 1000), nest(2, output(1)), nest(3, ovs.trunc(20) + output(2)))
    key = ovs.in_port(1) + u32(Key.DP_HASH, 0x1234) + u32(Key.RECIRC_ID, 0x77)
    found = traced("ovs_do_execute_action", lambda: lab.dp.execute(data, clone + both + output(2), key=key))
    told = [(int(f["action_type"]), int(f["is_last"])) for f in found]
    wanted = [(Act.CLONE, 0), (Act.PUSH_VLAN, 0), (Act.OUTPUT, 1), (Act.CHECK_PKT_LEN, 0), (Act.TRUNC, 0), (Act.OUTPUT, 1), (Act.OUTPUT, 1)]
    equal(told, wanted, "actions")
    first = found[0]
    equal((first["dp_name"], first["dev"]), ("dp0", "p1"), "datapath and device")
    equal((int(first["len"]), int(first["data_len"]), int(first["nr_frags"])), (len(data), 0, 0), "length")
    equal((int(first["ovs_flow_hash"], 16), int(first["recirc_id"], 16)), (0x1234, 0x77), "hash and recirculation id")
    equal(int(first["eth_type"], 16), struct.unpack("=H", b"\x08\x00")[0], "type")
    equal([f["flow_key_valid"] for f in found[:3]], ["1"] * 3, "the key is up to date")
    equal(int(found[-1]["action_len"]), 4, "length of the argument")


@test
def stale():
    """ovs_do_execute_action tells that a key does not show what was pushed yet"""
    label = nest(Act.PUSH_MPLS, struct.pack(">IH", 0x1140, 0x8847) + bytes(2))
    found = traced("ovs_do_execute_action", lambda: lab.dp.execute(packet.udp4(), label + output(2)))
    equal([f["flow_key_valid"] for f in found], ["1", "0"], "up to date")


@test
def upcalls():
    """ovs_dp_upcall: misses and actions, with the port they go to"""
    data = packet.udp4()
    lab.dp.flush()

    def go():
        lab.dp.execute(data, userspace(lab.nl.pid) + recirc(9), u16(Pk.MRU, 1400), key=ovs.in_port(1))
        lab.upcall()
        lab.upcall()

    found = traced("ovs_dp_upcall", go)
    told = [(int(f["upcall_cmd"]), int(f["upcall_port"]), int(f["upcall_mru"])) for f in found]
    equal(told, [(ovs.ACTION, lab.nl.pid, 1400), (ovs.MISS, lab.nl.pid, 1400)], "upcalls")
    equal(int(found[1]["recirc_id"], 16), 9, "recirculation id")
    equal((found[0]["dp_name"], found[0]["dev"]), ("dp0", "p1"), "datapath and device")


@test
def off():
    """nothing is told when nobody listens"""
    found = traced("ovs_dp_upcall", lambda: lab.dp.execute(packet.udp4(), output(2)))
    equal(found, [], "upcalls")
    true("ovs_do_execute_action" not in tracing.trace(), "an action is told")


if __name__ == "__main__":
    main(setup)
