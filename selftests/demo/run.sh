#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The main job, in a VM: load the module, make a switch of it with ovs-upcalld,
# and send all kinds of packets through. Fails and says which path when one
# does not get through.
set -uo pipefail

# Ports of the switch `demo`. Those without a note are trunks of all VLANs.
#
#   demo     internal port                     10.0.0.254   fd00::254
#   p-red    red's eth0                        10.0.0.1     fd00::1
#   p-green  green's eth0                      10.0.0.2     fd00::2
#   p-blue   blue's eth0                       10.0.0.3     fd00::3
#               and its VLANs 10 and 20        10.10.0.3    10.20.0.3
#   a-red    red's eth1, access to VLAN 10     10.10.0.1
#   a-green  green's eth1, access to VLAN 20   10.20.0.2    (and 10.10.0.2, for the proof)
work=$(mktemp -d)
bold='' plain=''
[ ! -t 1 ] || bold=$'\e[1m' plain=$'\e[0m'
upcalld='' server=''

heading() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# path WHAT CMD...: a step; the demo ends here if it fails.
path() {
	local what=$1 start=$EPOCHREALTIME
	shift
	if "$@" >"$work/out" 2>&1; then
		printf '  ok    %-52s %s\n' "$what" "$(took "$start")"
	else
		failed "$what"
	fi
}

took() {
	local now=$EPOCHREALTIME
	# shellcheck disable=SC2017	# microseconds to tenths of a second
	local tenths=$(((${now/[.,]/} - ${1/[.,]/}) / 100000))
	printf '%3d.%d s' $((tenths / 10)) $((tenths % 10))
}

failed() {
	printf '  FAIL  %s\n' "$1"
	heading "What was said"
	sed 's/^/  | /' "$work/out"
	heading "The switch"
	{
		dpctl show
		dpctl dump-flows -m demo
		cat "$work/upcalld.log"
		dmesg | tail -n 10
	} 2>&1 | sed 's/^/  | /'
	printf '\nThe demo FAILED: %s\n' "$1"
	exit 1
}

wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			"$@"
			return 1
		fi
		sleep 0.1
	done
}

# shellcheck disable=SC2317	# called by the trap
finish() {
	trap - EXIT
	for pid in $server $upcalld; do
		kill "$pid"
		wait "$pid"
	done
	dpctl del-dp demo
	for ns in red green blue; do
		ip netns del $ns
	done
	wait_for 10 modprobe -r openvswitch
	rm -rf "$work"
} >/dev/null 2>&1
trap finish EXIT
trap 'exit 1' INT TERM

# --- building

# What devices send of their own accord would only clutter the flows.
quiet=(net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.router_solicitations=0)

load_module() {
	modprobe openvswitch
}

which_module() {
	if [ -r /sys/module/openvswitch/version ]; then
		echo "openvswitch $(cat /sys/module/openvswitch/version), in Rust, $(size_of openvswitch) KiB"
	else
		echo "the kernel's own openvswitch, in C, $(size_of openvswitch) KiB"
	fi
}

size_of() {
	lsmod | awk -v m="$1" '$1 == m { print int($2 / 1024) }'
}

make_switch() {
	sysctl -qw "${quiet[@]}"
	dpctl add-dp demo || return
	ip addr add 10.0.0.254/24 dev demo
	ip addr add fd00::254/64 dev demo nodad
	ip link set demo up
}

# station NAME NUMBER
station() {
	ip netns add "$1" || return
	ip netns exec "$1" sysctl -qw "${quiet[@]}"
	ip -n "$1" link set lo up
	plug "p-$1" "$1" eth0 "10.0.0.$2/24" "fd00::$2/64"
}

# plug PORT NAMESPACE DEVICE ADDRESS...: a cable from a station to the switch.
plug() {
	local port=$1 ns=$2 dev=$3 a
	shift 3
	ip link add "$port" type veth peer name "$dev" netns "$ns" || return
	ip link set "$port" up
	for a in "$@"; do
		ip -n "$ns" addr add "$a" dev "$dev" nodad || return
	done
	ip -n "$ns" link set "$dev" up
	dpctl add-if demo "$port"
}

vlan_ports() {
	local vid
	plug a-red red eth1 10.10.0.1/24 || return
	plug a-green green eth1 10.20.0.2/24 10.10.0.2/24 || return
	for vid in 10 20; do
		ip -n blue link add eth0.$vid link eth0 type vlan id $vid || return
		ip -n blue addr add 10.$vid.0.3/24 dev eth0.$vid
		ip -n blue link set eth0.$vid up
	done
}

serve() {
	ovs-upcalld --port a-red:access=10 --port a-green:access=20 demo >"$work/upcalld.log" 2>&1 &
	upcalld=$!
	wait_for 10 grep -q 'dispatch mode' "$work/upcalld.log"
}

# --- traffic

# ping_from NAMESPACE ADDRESS...: all of them, at the same time; "" is the host.
ping_from() {
	local ns=$1 to pids=() rc=0
	shift
	for to in "$@"; do
		# shellcheck disable=SC2086	# no namespace, no words
		${ns:+ip netns exec $ns} ping -q -c 3 -i 0.2 -W 5 "$to" >"$work/ping-$to" 2>&1 &
		pids+=($!)
	done
	for to in "${pids[@]}"; do
		wait "$to" || rc=1
	done
	[ "$rc" = 0 ] || cat "$work"/ping-*
	rm -f "$work"/ping-*
	return "$rc"
}

# iperf NAMESPACE OPTION...: to blue, for three seconds; the outcome is in $work/iperf.
iperf() {
	local ns=$1
	shift
	ip netns exec blue iperf3 -s -1 >"$work/server" 2>&1 &
	server=$!
	wait_for 10 listening || return
	ip netns exec "$ns" iperf3 -J -t 3 -c 10.0.0.3 "$@" >"$work/iperf" || {
		cat "$work/iperf" "$work/server"
		return 1
	}
	wait "$server"
	server=''
	jq -e "$received > 0" "$work/iperf" || cat "$work/iperf"
}

listening() {
	ip netns exec blue ss -Hltn 'sport = 5201' | grep -q .
}

mbits() {
	jq -r "$received / 1e6 | round" "$work/iperf"
}

isolated() {
	! ip netns exec red ping -q -c 2 -i 0.2 -W 1 10.10.0.2
}

# has_flow PATTERN: that what was seen was the switch's doing.
has_flow() {
	dpctl dump-flows demo | grep -E -- "$1"
}

heading "1. The module"
path "modprobe openvswitch" load_module
echo "        Linux $(uname -r); $(which_module)"

heading "2. A switch, with an internal port and three namespaces"
path "datapath and internal port 'demo'" make_switch
path "ovs-upcalld answers its misses" serve
n=0
for ns in red green blue; do
	path "namespace '$ns' on port 'p-$ns'" station $ns $((++n))
done
path "access ports to VLAN 10 and 20, VLANs in 'blue'" vlan_ports

heading "3. Everybody reaches everybody"
path "the host -> red, green, blue   (IPv4, IPv6)" \
	ping_from "" 10.0.0.1 10.0.0.2 10.0.0.3 fd00::1 fd00::2 fd00::3
path "red      -> green, blue, host  (IPv4, IPv6)" \
	ping_from red 10.0.0.2 10.0.0.3 10.0.0.254 fd00::2 fd00::3 fd00::254
path "green    -> red, blue, host    (IPv4, IPv6)" \
	ping_from green 10.0.0.1 10.0.0.3 10.0.0.254 fd00::1 fd00::3 fd00::254
path "blue     -> red, green, host   (IPv4, IPv6)" \
	ping_from blue 10.0.0.1 10.0.0.2 10.0.0.254 fd00::1 fd00::2 fd00::254

heading "4. Streams"
received=.end.sum_received.bits_per_second
path "TCP, red -> blue, 3 s" iperf red
tcp=$(mbits)
received='(.end.sum_received.packets - .end.sum_received.lost_packets)'
path "UDP, green -> blue, 3 s at 50 Mbit/s" iperf green -u -b 50M
udp=$(jq -r '"\(.end.sum_received.bits_per_second / 1e6 | round) Mbit/s (\(.end.sum_received.lost_percent * 10 | round / 10) % lost)"' "$work/iperf")

heading "5. VLANs: 'blue' is on a trunk, 'red' and 'green' on access ports"
path "red   (VLAN 10, untagged) -> blue (VLAN 10, tagged)" ping_from red 10.10.0.3
path "green (VLAN 20, untagged) -> blue (VLAN 20, tagged)" ping_from green 10.20.0.3
path "red (VLAN 10) does not reach green (VLAN 20)" isolated
path "a flow pushes the tag" has_flow 'actions:.*push_vlan\(vid=10'
path "a flow pops the tag" has_flow 'vlan\(vid=10.*actions:.*pop_vlan'

heading "6. dpctl show"
path "the switch" dpctl show demo
cat "$work/out"
stats=$(sed -n 's/^ *lookups: hit:\([0-9]*\) missed:\([0-9]*\) lost:\([0-9]*\)$/\1 hits, \2 misses, \3 lost/p' "$work/out")

heading "7. dpctl dump-flows"
path "its flows" dpctl dump-flows demo
cat "$work/out"

[ -n "$stats" ] || failed "dpctl show tells hits and misses"
printf '\n%sThrough the datapath: %s; TCP %s Mbit/s, UDP %s%s\n' "$bold" "$stats" "$tcp" "$udp" "$plain"
