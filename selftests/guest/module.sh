#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module that modprobe finds is ours; it loads and unloads, many times, and
# leaves no memory behind.
. "$(dirname "$0")/../lib/ktap.sh"

# Modules that ours uses stay: it is not for them to come and go so often.
cycle() {
	modprobe openvswitch && rmmod openvswitch
}

whole_cycle() {
	modprobe openvswitch && modprobe -r openvswitch
}

cycles() {
	local i
	for ((i = 0; i < $1; i++)); do
		cycle || return
	done
}

ktap_plan 4
like "modprobe finds our module" "$(modinfo -n openvswitch)" '/updates/openvswitch.ko'
check "it loads and unloads, with what it uses" whole_cycle
load nf_nat nf_conncount nsh psample || fatal "what it uses does not load"
check "ten times" cycles 10
leak_snapshot
cycles 150
check "150 times leave no memory behind" leak_check 150 cycles 150
