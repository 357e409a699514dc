#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest-run.sh FOLDER/TEST...: run tests one after the other in this VM. After each,
# look for what it left behind and for what the kernel complained about.
# Lines that begin with @@ are for run.sh on the host; see there.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

# What the kernel says when it is not well.
bad='BUG:|WARNING:|Oops|Call Trace|KASAN|KCSAN|UBSAN|INFO: task|INFO: possible|INFO: rcu|suspicious RCU'
bad+='|[Ll]eaked|memory leak|refcount_t|unregister_netdevice: waiting|general protection|unable to handle'
bad+='|turning off the locking|ODEBUG|DEBUG_LOCKS|blocked for more than|too late|unreferenced object'
bad+='|corruption|Objects remaining|scheduling while atomic|sleeping function|Kernel panic|rcu.*stall|bad unlock balance'

# Devices that a tunnel module makes by itself when it is loaded.
fallback='^(gre0|gretap0|erspan0|sit0|tunl0|ip6tnl0|ip6gre0|ip_vti0|ip6_vti0)$'

world() {
	ip netns list | awk '{ print "namespace", $1 }'
	# shellcheck disable=SC2010	# device names have no surprises
	ls /sys/class/net | grep -vE "$fallback" | sed 's/^/device /'
	lsmod | awk '$1 ~ /^(openvswitch|vport_)/ { print "module", $1 }'
}

# Make the world as it was, by force; a module in use stays.
reset_world() {
	local kind name
	while read -r kind name; do
		case $kind in
		namespace) ip netns pids "$name" | xargs -r kill -9; ip netns del "$name" ;;
		esac
	done < <(comm -13 <(echo "$before") <(world | sort))
	ovs-dpctl dump-dps 2>/dev/null | sed 's/^system@//' | xargs -r -n 1 ovs-dpctl del-dp
	modprobe -r vport_vxlan vport_geneve vport_gre openvswitch
	while read -r kind name; do
		[ "$kind" != device ] || ip link del "$name"
	done < <(comm -13 <(echo "$before") <(world | sort))
} >/dev/null 2>&1

# What a kernel with kmemleak finds: memory that nothing refers to, in two scans,
# and that is old enough to be taken for it.
kmemleak() {
	local file=/sys/kernel/debug/kmemleak
	[ -e $file ] || return 0
	sleep 5.5
	echo scan >$file
	echo scan >$file
	cat $file
	echo clear >$file
}

# Without the races in other code than ours, that is not in the topmost frames of what raced: a kernel has
# many of its own.
other_races() {
	awk '
		/==================/ { flush(); inside = !inside; next }
		inside { held = held $0 "\n"; examine(); next }
		{ print }
		END { flush() }
		function examine() {
			if (/BUG: KCSAN/) race = 1
			else if (/ (to|of) 0x.* by (task|interrupt) /) frame = 0
			else if (/WARNING|BUG:|Oops/ || /\[(openvswitch|vport_)/ && frame < 3) mine = 1
			else frame++
		}
		function flush() {
			if (!race || mine) printf "%s", held
			held = ""
			race = mine = 0
		}' "$1" >"$1.ours"
	mv "$1.ours" "$1"
}

run_one() {
	local file=$1 name limit pid start=$SECONDS rc log=/tmp/test.log left session
	name=${file#./}
	limit=$(sed -n 's/^# timeout: *\([0-9]*\).*/\1/p' "$file" | head -n 1)
	limit=$((${limit:-120} * ${OVS_SLOWER:-1}))
	before=$(world | sort)
	echo "@@ start $name"
	echo "ovs-selftest: start $name" >/dev/kmsg
	: >$log
	# Its own session, by which to find what it leaves running.
	# shellcheck disable=SC2016	# expanded by that shell
	setsid --wait bash -c 'echo $$ >/tmp/session; exec timeout -k 10 "$@"' - \
		"$limit" "$file" </dev/null >$log 2>&1 &
	pid=$!
	# Not a pipe: a process that stays would hold it open.
	tail -n +1 -f -s 0.1 --pid=$pid $log &
	wait $pid
	rc=$?
	wait
	[ "$rc" != 124 ] && [ "$rc" != 137 ] || echo "@@ bad no end within $limit s"

	session=$(cat /tmp/session)
	left=$(ps -o args= -s "$session" | head -n 5)
	if [ -n "$left" ]; then
		echo "@@ bad left running: ${left//$'\n'/, }"
		pkill -9 -s "$session"
	fi
	left=$(comm -13 <(echo "$before") <(world | sort))
	if [ -n "$left" ]; then
		# The kernel removes a namespace's devices in its own time.
		sleep 2
		left=$(comm -13 <(echo "$before") <(world | sort))
	fi
	if [ -n "$left" ]; then
		echo "@@ bad left behind: ${left//$'\n'/, }"
		reset_world
	fi
	dmesg | sed "1,\\#ovs-selftest: start $name\$#d" >/tmp/test.dmesg
	kmemleak >>/tmp/test.dmesg
	# A failed allocation may have its trace, or be a page of the test itself.
	! grep -q '^# allocations fail$' "$file" || sed -i '/Call Trace\|Huh VM_FAULT_OOM/d' /tmp/test.dmesg
	! grep -q 'BUG: KCSAN' /tmp/test.dmesg || other_races /tmp/test.dmesg
	if grep -qE "$bad" /tmp/test.dmesg; then
		echo "@@ bad the kernel complained: $(grep -m 1 -E "$bad" /tmp/test.dmesg)"
		grep -E -A 40 -m 1 "$bad" /tmp/test.dmesg | sed 's/^/# dmesg: /'
	fi
	echo "@@ end $name $rc $((SECONDS - start))"
}

cd "$here/.." || exit
# No surprise from an address that the kernel assigns by itself.
sysctl -qw net.core.fb_tunnels_only_for_init_net=2 kernel.printk_ratelimit=0
for t in "$@"; do
	run_one "./$t"
done
