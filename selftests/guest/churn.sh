#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1200
#
# A thousand datapaths with ports and flows come and go under traffic, and
# leave no memory behind.
. "$(dirname "$0")/../lib/ktap.sh"

churn() {
	python3 "$(dirname "$0")/lib/churn.py" "$1"
}

# A kernel with all checkers takes its time, and looks for leaks itself.
times=1000
[ ! -e /sys/kernel/debug/kmemleak ] || times=150

ktap_plan 4
load openvswitch || fatal "the module does not load"
sysctl -qw net.ipv6.conf.default.disable_ipv6=1
defer sysctl -qw net.ipv6.conf.default.disable_ipv6=0
ip link add e1 type veth peer name p1
defer ip link del e1

devices=$(echo /sys/class/net/*)
check "once, for the caches" churn 100
leak_snapshot
check "$times datapaths with ports and flows, under traffic" churn "$times"
check "no memory stays behind" leak_check "$times" churn "$times"
is "no device stays behind" "$(echo /sys/class/net/*)" "$devices"
