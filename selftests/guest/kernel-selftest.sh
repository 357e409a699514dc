#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1200
#
# The kernel's own selftest: all but connection tracking and tunnels.
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/lib/kernel-selftest.sh"

kernel_cases \
	"arp_ping must" \
	"connect_v4 must" \
	"netlink_checks must" \
	"upcall_interfaces must" \
	"pop_vlan must" \
	"drop_reason must" \
	"flow_set not in the short list: set actions, see forward.py" \
	"action_set not in the short list: set actions, see forward.py" \
	"dec_ttl not in the short list" \
	"psample not in the short list"
