#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
"""Tunnels: overlays between the datapath and the kernel's own devices, and what keys say of them."""

import os

from lib import net
from lib.ktap import add, find_module, main
from lib.overlay import PEER, Overlay, Underlay, erspan, ping
from lib.ovs import Datapath, Feature

underlay = None

# What must be said of a tunnel beside its ends.
MORE = {"erspan": (erspan(1, 5),), "ip6erspan": (erspan(1, 5),)}


def setup():
    global underlay
    os.sched_setaffinity(0, {0})
    net.load()
    find_module()
    net.quiet_devices()
    underlay = Underlay(Datapath(features=Feature.UNALIGNED))


def overlay(kind, version):
    """Pings, of the largest size too."""
    tunnel = Overlay(underlay, kind, version)
    tunnel.connect(*MORE.get(kind, ()))
    ping("left", PEER)


for KIND in ("vxlan", "geneve", "gretap", "ip6gretap", "erspan", "ip6erspan"):
    for VERSION in (4, 6):
        if KIND.startswith("ip6") and VERSION == 4 or KIND in ("gretap", "erspan") and VERSION == 6:
            continue
        add(f"a network over {KIND} and IPv{VERSION}", overlay, KIND, VERSION)

main(setup)
