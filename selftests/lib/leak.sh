# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Finding leaks of kernel memory by what grows with repetition. Sourced by
# ktap.sh. Do the thing once first, so that caches are warm, then:
#
#	things() { for i in $(seq 150); do thing; done; }
#	leak_snapshot
#	things
#	check "does not leak" leak_check 150 things
#
# A cache keeps some 60 free objects for each use of a CPU, which come and go:
# with fewer than 150 repetitions a leak does not stand out. Now and then they
# look like one: a leak grows by as much again.

# Wait for what is freed late: RCU callbacks, work, lazily freed areas. Each
# module removal waits for a grace period and for the callbacks before it.
leak_settle() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	local i
	for ((i = 0; i < 3; i++)); do
		modprobe dummy numdummies=0 && modprobe -r dummy
		sleep 0.3
	done
	# Objects that wait on each CPU for their next use count as allocated.
	for i in /sys/kernel/slab/*/shrink; do
		echo 1 >"$i"
	done
}

# NAME OBJECTS for each slab cache, and some of the rest in KiB.
leak_read() {
	awk 'NR > 2 { print $1, $2 }' /proc/slabinfo
	awk '$1 ~ /^(Percpu|VmallocUsed|SUnreclaim):/ { sub(":", "", $1); print "meminfo/" $1, $2 }' /proc/meminfo
	echo "netns $(lsns -t net -n 2>/dev/null | wc -l)"
}

leak_snapshot() {
	leak_settle
	leak_before=$(leak_read)
}

# leak_grown N: what grew by about one object in each of N repetitions, by name.
leak_grown() {
	local n=$1 after
	leak_settle
	after=$(leak_read)
	# Caches that grow by themselves with any activity are not evidence.
	awk -v n="$n" '
		NR == FNR { before[$1] = $2; next }
		$1 ~ /^(dentry|inode_cache|.*_inode_cache|filp|vm_area_struct|anon_vma.*|maple_node|radix_tree_node|buffer_head|kernfs_node_cache|lsm_inode_cache|ext4_.*|pid|task_struct|signal_cache|sighand_cache|cred.*|files_cache|mm_struct|pde_opener|seq_file|shmem_.*|ovl_.*|vmap_area|names_cache|ftrace_event_field|trace_event_file|kmemleak_object|debug_objects_cache)$/ { next }
		{
			grown = $2 - before[$1]
			limit = $1 ~ /^meminfo/ ? n * 4 : 64 + n / 10
			if ($1 == "netns" ? grown > 0 : grown >= limit) {
				printf "%s grew from %d to %d in %d repetitions\n", $1, before[$1], $2, n
			}
		}' <(echo "$leak_before") <(echo "$after")
}

# leak_check N AGAIN...: what grew by about one object in each of N repetitions,
# and does so when the command AGAIN repeats it N times more, leaks.
leak_check() {
	local n=$1 once twice
	shift
	once=$(leak_grown "$n") || return
	[ -n "$once" ] || return 0
	leak_snapshot
	"$@" || return
	twice=$(leak_grown "$n") || return
	printf 'once: %s\nthen: %s\n' "$once" "${twice:-nothing}"
	[ -z "$(join <(cut -d' ' -f1 <<<"$once" | sort) <(cut -d' ' -f1 <<<"$twice" | sort))" ]
}
