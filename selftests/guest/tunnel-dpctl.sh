#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 60
#
# dpctl makes devices for tunnels together with their ports, and deletes them; or has the datapath
# do that.
. "$(dirname "$0")/../lib/ktap.sh"

# What is made for each type, what `dpctl show` calls it, and what `ip -d link` must tell of it.
cases=(
	"vxlan|vxlan_sys_4789|vxlan: packet_type=ptap|vxlan .*dstport 4789 .*external"
	"vxlan,remote_ip=flow,key=flow,dst_port=4790,exts=gbp|vxlan_sys_4790|vxlan: dst_port=4790, packet_type=ptap|vxlan .*dstport 4790 .*gbp.* external"
	"vxlan,dst_port=4790,exts=gpe|vxlan_sys_4790|vxlan: dst_port=4790, packet_type=ptap|vxlan .*dstport 4790 .*gpe.* external"
	"geneve,dst_port=6082|genev_sys_6082|geneve: dst_port=6082, packet_type=ptap|geneve .*(external .*dstport 6082|dstport 6082 .*external)"
	"gre|gre_sys|gre: packet_type=ptap|link/ether .* gretap external"
	"gre,packet_type=legacy_l3|gre_sys|gre: packet_type=ptap|link/none .* gre external"
	"ip6gre|ip6gre_sys|ip6gre: packet_type=ptap|ip6gretap external"
	"erspan|erspan_sys|erspan: packet_type=ptap|erspan external"
	"ip6erspan|ip6erspan_sys|ip6erspan: packet_type=ptap|ip6erspan external"
	"bareudp,dst_port=6635,payload_type=mpls|udp_sys_6635|bareudp: dst_port=6635, packet_type=ptap|bareudp .*dstport 6635 ethertype mpls_uc srcportmin 49153 multiproto"
	"bareudp,dst_port=6636,payload_type=0x0800|udp_sys_6636|bareudp: dst_port=6636, packet_type=ptap|bareudp .*dstport 6636 ethertype ip srcportmin 49153 nomultiproto"
)
# The same by the types of ports, with the module that each needs.
legacy=(
	"vxlan,exts=gbp|vxlan_sys_4789|vxlan: packet_type=ptap|vxlan .*dstport 4789 .*gbp.* external"
	"geneve,dst_port=6082|genev_sys_6082|geneve: dst_port=6082, packet_type=ptap|geneve .*(external .*dstport 6082|dstport 6082 .*external)"
	"gre|gre_sys|gre: packet_type=ptap|gretap external"
)
# Interfaces that are refused, and why.
bad=(
	"vxlan,dst_port=x|no UDP port"
	"vxlan,exts=none|unknown extension"
	"bareudp,dst_port=6635|payload_type is needed"
	"gtpu|no devices for all gtpu tunnels"
)


# tunnel NAME CASE OPTION...: the port is made, is what it should be, and goes.
tunnel() {
	local what=$1 type device shown pattern
	IFS='|' read -r type device shown pattern <<<"$2"
	shift 2
	if [[ $type == bareudp* ]] && ! modprobe -q bareudp; then
		for _ in 1 2 3 4; do
			skip "$what $type" "this kernel has no bareudp"
		done
		return
	fi
	defer ip link del "$device"
	check "$what $type" dpctl "$@" add-if dp0 "t0,type=$type"
	like "$device is a device for all such tunnels" "$(ip -d link show "$device" | tr '\n' ' ')" "$pattern"
	like "$device is a port" "$(dpctl show dp0)" "port 1: $device \($shown\)"
	check "$device goes with its port" eval "dpctl del-if dp0 $device && ! ip link show $device"
}

ktap_plan $((4 * (${#cases[@]} + ${#legacy[@]}) + 2 * ${#bad[@]} + 6))
load openvswitch || fatal "the module does not load"
# The datapath loads these by itself.
defer unload vport_vxlan vport_geneve vport_gre
dpctl add-dp dp0
defer dpctl del-dp dp0
for case in "${cases[@]}"; do
	tunnel "a port of type" "$case"
done
for case in "${legacy[@]}"; do
	tunnel "the datapath makes a port of type" "$case" --no-lwt
done
for case in "${bad[@]}"; do
	check_fails "type=${case%%|*} is refused" "${case#*|}" dpctl add-if dp0 "t0,type=${case%%|*}"
	is "nothing is left of type=${case%%|*}" "$(dpctl show dp0 | grep -c 'port [1-9]')" 0
done
check_fails "the datapath makes no erspan" "the datapath itself makes no such tunnels" \
	dpctl --no-lwt add-if dp0 t0,type=erspan
check "a port of the usual type" dpctl add-if dp0 t0,type=gre
like "it may send packets of any length" "$(ip link show gre_sys)" "mtu 65000"
dpctl del-if dp0 gre_sys
check "a device" ip link add vxlan_sys_4789 type vxlan id 1 dstport 4789
check_fails "a device that is there is not made again" "File exists" dpctl add-if dp0 t0,type=vxlan
check "it is left as it is" ip link del vxlan_sys_4789
