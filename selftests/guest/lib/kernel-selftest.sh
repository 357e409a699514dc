# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernel's own selftest, net/openvswitch, unmodified, case by case. Those
# that must pass are run; KSFT_OVS=all runs the others, too, and tells how they
# fare. All 15 pass on the C module. To be sourced after ktap.sh.

dir=/usr/src/selftests/net/openvswitch

run_case() {
	(cd $dir && KSFT_MACHINE_SLOW=yes timeout 300 ./openvswitch.sh "$1")
}

# kernel_cases CASE...: runs them; a CASE is a name and "must", or why it need not pass.
kernel_cases() {
	local entry name reason output rc what

	[ -x $dir/openvswitch.sh ] || skip_all "there is no $dir"
	[ "$(nproc)" -gt 1 ] || skip_all "ovs-dpctl.py makes no socket for upcalls where there is one CPU"
	ktap_plan $#
	load openvswitch || fatal "the module does not load"
	defer unload vport_vxlan vport_geneve vport_gre
	for entry in "$@"; do
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
}
