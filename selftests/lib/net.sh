# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Namespaces, devices, modules and waiting, for tests. Sourced by ktap.sh. What
# these make is removed when the test ends.

# wait_for SECONDS CMD...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# make_ns NAME...
make_ns() {
	local ns
	for ns in "$@"; do
		ip netns add "$ns" || return
		defer remove_ns "$ns"
		ip -n "$ns" link set lo up
		# Duplicate address detection and router solicitations only cost time.
		ip netns exec "$ns" sysctl -qw net.ipv6.conf.default.accept_dad=0 \
			net.ipv6.conf.default.router_solicitations=0
	done
}

# remove_ns NAME: with the processes in it.
remove_ns() {
	local pids
	pids=$(ip netns pids "$1")
	# shellcheck disable=SC2086	# one word for each process
	[ -z "$pids" ] || kill -9 $pids
	ip netns del "$1"
}

# in_ns NAME CMD...
in_ns() {
	ip netns exec "$@"
}

# make_veth DEV NS PEER [ADDRESS...]: a pair, DEV here and PEER in NS, both up.
make_veth() {
	local dev=$1 ns=$2 peer=$3 a
	shift 3
	ip link add "$dev" type veth peer name "$peer" netns "$ns" || return
	defer ip link del "$dev"
	# No packets of its own accord, so that counts are a test's own.
	sysctl -qw "net.ipv6.conf.$dev.disable_ipv6=1"
	for a in "$@"; do
		case $a in
		*:*) ip -n "$ns" addr add "$a" dev "$peer" nodad || return ;;
		*) ip -n "$ns" addr add "$a" dev "$peer" || return ;;
		esac
	done
	ip link set "$dev" up
	ip -n "$ns" link set "$peer" up
	# It drops all until the kernel has seen to that; who asks for the carrier has it do so now.
	[ "$(cat "/sys/class/net/$dev/carrier")" = 1 ]
}

# ping_ok NS ADDRESS [PING-OPTION...]: three pings, all answered.
ping_ok() {
	local ns=$1 to=$2
	shift 2
	ip netns exec "$ns" ping -q -c 3 -i 0.2 -W 5 "$@" "$to" | tee /dev/stderr | grep -q ' 0% packet loss'
}

# load NAME...: modules, and unload them at the end.
load() {
	modprobe -a "$@" || return
	defer unload "$@"
}

# unload NAME...: a module may be held for a moment by work that is under way.
unload() {
	local m
	for m in "$@"; do
		wait_for 10 modprobe -r "$m" || {
			modprobe -r "$m"
			return 1
		}
	done
}

loaded() {
	[ -d "/sys/module/${1//-/_}" ]
}

# start LOGFILE CMD...: in the background; its process id is in $started.
start() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 </dev/null &
	started=$!
	defer stop "$started"
}

# stop PID: ask, then insist; the status is the process's own.
stop() {
	local i
	kill "$1" 2>/dev/null
	for ((i = 0; i < 100; i++)); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	kill -9 "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# dmesg_mark, dmesg_since: kernel messages from a point on.
dmesg_mark() {
	ktap_mark="ovs-selftest mark $RANDOM$RANDOM"
	echo "$ktap_mark" >/dev/kmsg
}

dmesg_since() {
	dmesg | sed "1,/$ktap_mark/d"
}
