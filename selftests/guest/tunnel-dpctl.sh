#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 60
#
# dpctl makes devices for tunnels together with their ports, and deletes them.
. "$(dirname "$0")/../lib/ktap.sh"

# What is made for each type, and what `ip -d link` must tell of it.
cases=(
	"vxlan vxlan_sys_4789 vxlan .*dstport 4789 .*external"
	"vxlan,dst_port=4790,exts=gbp vxlan_sys_4790 vxlan .*dstport 4790 .*gbp.* external"
	"geneve,dst_port=6082 genev_sys_6082 geneve .*external .*dstport 6082|geneve .*dstport 6082 .*external"
	"gre gre_sys gretap external"
	"ip6gre ip6gre_sys ip6gretap external"
	"erspan erspan_sys erspan external"
	"ip6erspan ip6erspan_sys ip6erspan external"
)

ktap_plan $((4 * ${#cases[@]} + 3))
load openvswitch || fatal "the module does not load"
dpctl add-dp dp0
defer dpctl del-dp dp0
for case in "${cases[@]}"; do
	read -r type device pattern <<<"$case"
	defer ip link del "$device"
	check "a port of type $type" dpctl add-if dp0 "t0,type=$type"
	like "$device is a device for all such tunnels" "$(ip -d link show "$device" | tr '\n' ' ')" "$pattern"
	like "$device is a port" "$(dpctl show dp0)" "port 1: $device"
	check "$device goes with its port" eval "dpctl del-if dp0 $device && ! ip link show $device"
done
check "a device" ip link add vxlan_sys_4789 type vxlan id 1 dstport 4789
check_fails "a device that is there is not made again" "File exists" dpctl add-if dp0 t0,type=vxlan
check "it is left as it is" ip link del vxlan_sys_4789
