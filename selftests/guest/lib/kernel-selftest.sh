# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernel's own selftest, unmodified, case by case: on the stock C module, whose
# results are kept with the kernel (cache: kernel-RELEASE/stock-results), and on ours. What passes there
# must pass here. To be sourced after ktap.sh.

dir=/usr/src/selftests/net/openvswitch
kernel=/lib/modules/$(uname -r)/kernel
stock=(vport-gre vport-geneve vport-vxlan)
kept=/ovs/selftests/stock-results

# Its Python spends most of its time with importing, without KVM minutes.
warm_up() {
	warm=$(mktemp -d)
	defer rm -rf "$warm"
	ln -s "$(realpath "$(dirname "${BASH_SOURCE[0]}")/warm-python")" "$warm/python3"
	export WARM_PYTHON=$warm/socket
	start "$warm/log" "$warm/python3" --serve "$WARM_PYTHON" $dir/ovs-dpctl.py
	wait_for 60 test -S "$WARM_PYTHON" || fatal "warm-python: $(cat "$warm/log")"
	PATH=$warm:$PATH
}

# run_case NAME: sets $outcome to ok, skip or fail, $output, and $took.
run_case() {
	local rc=0 start=$SECONDS
	output=$(cd $dir && KSFT_MACHINE_SLOW=yes timeout 300 ./openvswitch.sh "$1" 2>&1) || rc=$?
	took=$((SECONDS - start))
	if [ $rc = 0 ] && grep -q '\[ OK \]' <<<"$output"; then
		outcome=ok
	elif [ $rc = 4 ] || grep -q '\[SKIP\]' <<<"$output"; then
		outcome=skip
	else
		outcome=fail
	fi
}

load_stock() {
	local name
	modinfo -F depends "$kernel/net/openvswitch/openvswitch.ko" | tr , '\n' | xargs -r modprobe -a
	modprobe -a vxlan geneve ip_gre
	insmod "$kernel/net/openvswitch/openvswitch.ko"
	for name in "${stock[@]}"; do
		insmod "$kernel/net/openvswitch/$name.ko"
	done
}

# stock_result CASE: what it came to on the C module.
stock_result() {
	[ ! -e $kept ] || sed -n "s/^$1 //p" $kept
}

# Runs what was not run before.
run_on_stock() {
	local name missing=()
	for name in "$@"; do
		[ -n "$(stock_result "$name")" ] || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	ktap_diag "on the C module, once for this kernel: ${missing[*]}"
	load_stock || fatal "the stock module does not load"
	for name in "${missing[@]}"; do
		# Those that are still missing get their turn in the next run.
		[ $SECONDS -lt 420 ] || break
		run_case "$name"
		echo "$name $outcome" >>$kept
		ktap_diag "C: $name: $outcome, $took s"
	done
	mkdir -p /ovs/out
	cp $kept /ovs/out/
	unload "${stock[@]}" openvswitch
}

# kernel_cases CASE...
kernel_cases() {
	local name theirs

	[ -x $dir/openvswitch.sh ] || skip_all "there is no $dir"
	[ "$(nproc)" -gt 1 ] || skip_all "ovs-dpctl.py makes no socket for upcalls where there is one CPU"
	ktap_plan $#
	warm_up
	run_on_stock "$@"
	load openvswitch || fatal "the module does not load"
	defer unload vport_vxlan vport_geneve vport_gre
	for name in "$@"; do
		run_case "$name"
		theirs=$(stock_result "$name")
		theirs=${theirs:-not run yet}
		case $theirs/$outcome in
		*/ok)
			ok "$name (C: $theirs)"
			;;
		fail/* | skip/skip)
			skip "$name" "on C: $theirs, on ours: $outcome: $(tail -n 1 <<<"$output")"
			;;
		*)
			ktap_diag "$output"
			not_ok "$name (C: $theirs)"
			;;
		esac
		ktap_diag "ours: $name: $outcome, $took s"
	done
}
