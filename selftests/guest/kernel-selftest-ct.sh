#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 2400
#
# The kernel's own selftest: connection tracking and tunnels.
. "$(dirname "$0")/../lib/ktap.sh"
. "$(dirname "$0")/lib/kernel-selftest.sh"

kernel_cases ct_connect_v4 nat_connect_v4 nat_related_v4 tunnel_metadata tunnel_refcount
