#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# Load the module, use it, and unload it under traffic, again and again: nothing
# stays behind. A cycle has ports, flows, hits, misses and upcalls; it ends by
# deletion of the datapath, of its devices, or of its namespace.
. "$(dirname "$0")/../lib/ktap.sh"

cycles() {
	python3 "$(dirname "$0")/lib/cycle.py" "$@"
}

all_cycles() {
	cycles deletion 100 && cycles devices 25 && cycles namespace 25
}

world() {
	ls /sys/class/net
	ip netns list
	lsmod | awk '$1 ~ /openvswitch/'
	wc -l </proc/net/netlink
}

ktap_plan 8
defer ip netns del cycle
defer ip link del e1
defer ip link del e2
unload openvswitch

# Once for the caches.
for end in deletion devices namespace; do
	check "one cycle that ends by $end" cycles $end 3 || exit
done
before=$(world)
leak_snapshot
check "100 cycles that end by deletion of the datapath" cycles deletion 100
check "25 cycles that end by devices that vanish" cycles devices 25
check "25 cycles that end by the namespace" cycles namespace 25
check "no memory stays behind" leak_check 150 all_cycles
is "no device, namespace, module or socket stays behind" "$(world)" "$before"
