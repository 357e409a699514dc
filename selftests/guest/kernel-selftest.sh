#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 2400
#
# The kernel's own selftest: all but connection tracking and tunnels.
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/lib/kernel-selftest.sh"

kernel_cases arp_ping connect_v4 flow_set action_set dec_ttl pop_vlan psample netlink_checks upcall_interfaces drop_reason
