#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 60
#
# A program that asks for one of the families gets the module loaded.
. "$(dirname "$0")/../lib/ktap.sh"

families=(ovs_datapath ovs_vport ovs_flow ovs_packet ovs_meter ovs_ct_limit)
ktap_plan $((2 * ${#families[@]} + 3))
defer unload openvswitch

for family in "${families[@]}"; do
	like "the module has the alias of $family" "$(modinfo -F alias openvswitch)" \
		"^net-pf-16-proto-16-family-$family\$"
	unload openvswitch
	answer=$(genl ctrl get name "$family" 2>&1)
	if ! loaded openvswitch; then
		not_ok "asking for $family loads the module"
	elif grep -q "ID: 0x" <<<"$answer"; then
		ok "asking for $family loads the module and finds the family"
	elif [ -r /sys/module/openvswitch/version ]; then
		skip "asking for $family loads the module" "not yet: the module has no $family"
	else
		ktap_diag "$answer"
		not_ok "asking for $family loads the module and finds the family"
	fi
done

unload openvswitch
check "ovs-dpctl loads the module by itself" ovs-dpctl add-dp auto0
if [ -r /sys/module/openvswitch/version ]; then
	check "the module unloads with a datapath in place, and takes it along" unload openvswitch
	check_fails "nothing is left of the datapath" "does not exist" ip link show auto0
else
	check_fails "the module does not unload while there is a datapath" "in use" modprobe -r openvswitch
	ovs-dpctl del-dp auto0
	check "it does after that" unload openvswitch
fi
