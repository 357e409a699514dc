# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154	# vm_args, stock_results come from vm-args.sh, the rest from who sources this
#
# Running tests in VMs, one VM for as many as it survives. To be sourced after
# common.sh and results.sh, with $here, $logs and $enter set.

# A bare word matches anywhere in the name.
wanted() {
	local p
	[ -n "${TESTS-}" ] || return 0
	set -f
	for p in $TESTS; do
		set +f
		# shellcheck disable=SC2053	# a pattern
		[[ $1 == $p || $1 == *"$p"* ]] && return 0
	done
	set +f
	return 1
}

# guest_tests FOLDER...: FOLDER/FILE of the tests there that are wanted.
guest_tests() {
	local d f
	for d in "$@"; do
		for f in "$here/$d"/*; do
			if [ ! -f "$f" ] || [ ! -x "$f" ]; then
				continue
			fi
			f=$d/${f##*/}
			! wanted "${f%.*}" || echo "$f"
		done
	done
}

# What tests may be told by their environment: how much, and which.
knobs='SEED FUZZ_MESSAGES FUZZ_PACKETS CHURN_SECONDS DIFFER_ROUNDS'

# Run the given tests in one VM, whose files go to $vm; say which did not get their turn in $left.
one_vm() {
	local line log='' name='' rc secs bad='' knob
	local environment=(OVS_SLOWER="${OVS_SLOWER:-1}")
	for knob in $knobs; do
		[ -z "${!knob-}" ] || environment+=("$knob=${!knob}")
	done
	declare -A finished=()
	exec {fd}< <(
		rc=0
		"$enter" "$OVS_WORKSHOP/boot.sh" "${vm_args[@]}" -t "$vm_limit" -o "$vm" -- \
			env "${environment[@]}" /ovs/selftests/lib/guest-run.sh "$@" 2>"$vm.err" </dev/null || rc=$?
		echo "@@ vm $rc"
	)
	while IFS= read -r line <&"$fd"; do
		line=${line%$'\r'}
		case $line in
		"@@ start "*)
			name=${line#@@ start } log=$logs/${label:+$label-}${name//\//-}.log bad=''
			: >"$log"
			;;
		"@@ bad "*)
			bad+="${bad:+; }${line#@@ bad }"
			;;
		"@@ end "*)
			read -r _ _ _ rc secs <<<"$line"
			guest_result "$name" "$log" "$rc" "$secs" "$bad"
			finished[$name]=1
			name='' log=''
			;;
		"@@ vm "*)
			rc=${line#@@ vm }
			;;
		*)
			[ -z "${V-}" ] || printf '%s\n' "$line"
			[ -z "$log" ] || printf '%s\n' "$line" >>"$log"
			;;
		esac
	done
	exec {fd}<&-
	[ -n "${OVS_CHECKED-}" ] || [ ! -e "$vm/stock-results" ] || cp "$vm/stock-results" "$stock_results"
	left=()
	if [ -n "$name" ]; then
		cat "$vm.err" >>"$log"
		case $rc in
		97) bad="the guest crashed" ;;
		124) bad="the VM's time was up" ;;
		*) bad="the VM ended ($rc)" ;;
		esac
		guest_result "$name" "$log" 1 0 "$bad during this test"
		finished[$name]=1
	elif [ "$rc" != 0 ]; then
		cat "$vm.err" >&2
		result "guest/vm" 0 1 0 0 "the VM did not run ($rc)"
		return
	fi
	for name in "$@"; do
		[ -n "${finished[$name]-}" ] || left+=("$name")
	done
}

# guest_result FOLDER/FILE LOG STATUS SECONDS PROBLEMS. With $label that is the folder.
guest_result() {
	local name=${1%.*} p f s problem
	name=${label:-${name%/*}}/${name##*/}
	read -r p f s problem < <(ktap_totals "$2")
	problem=${5:+$5}${problem:+${5:+; }$problem}
	if [ -z "$problem" ] && [ "$3" != 0 ] && [ "$3" != 4 ] && [ "$f" = 0 ]; then
		problem="exit status $3"
	fi
	[ $((p + f + s)) != 0 ] || [ -n "$problem" ] || p=1
	[ -z "$problem" ] || f=$((f + 1))
	result "$name" "$p" "$f" "$s" "$4" "$p passed, $f failed, $s skipped${problem:+: $problem}"
	grep -E '^(ok [0-9]+|1\.\.0).*# SKIP' "$2" | sed 's/^/      /' || true
	if [ "$f" -gt 0 ] && [ -z "${V-}" ]; then
		tail -n 100 "$2" | show
	fi
}

# in_vms FOLDER/FILE...: run these tests.
in_vms() {
	local left=("$@") vm=${vm:-$logs/vm}
	[ ${#left[@]} -gt 0 ] || return 0
	. "$OVS_WORKSHOP/vm-args.sh"
	vm_limit=$((300 + $(cd "$here" && cat "${left[@]}" | awk '/^# timeout:/ { n += $3 } END { print n + 0 }') + 120 * ${#left[@]}))
	vm_limit=$((vm_limit * ${OVS_SLOWER:-1}))
	while [ ${#left[@]} -gt 0 ]; do
		one_vm "${left[@]}"
	done
}

# checked_kernel [-n] [light|races]: where the kernel with these checkers is, or with all but those for
# races; built if it is not there, which -n forbids.
checked_kernel() {
	local no_build=()
	[ "${1-}" != -n ] || { no_build=(-n); shift; }
	local d=$here/debug arch=um parts
	parts=("$d/guest.config" "$d/cheap.config")
	case ${1-} in
	'') parts+=("$d/um.config" "$d/dear.config") ;;
	light) parts+=("$d/um.config") ;;
	races) arch=x86 parts+=("$d/x86.config" "$d/races.config") ;;
	*) die "CHECKERS=$1: it is light, races, or nothing" ;;
	esac
	# clang: the kernel has no KASAN for Rust beside gcc's for C.
	"$enter" "$OVS_WORKSHOP/checked-kernel.sh" "${no_build[@]}" "$arch" "${parts[@]}" CC=clang-19
}

# guest FOLDER...: run the tests there that are wanted.
guest() {
	local tests
	mapfile -t tests < <(guest_tests "$@")
	in_vms "${tests[@]}"
}

# beside FOLDER/FILE...: run these tests in the background, in VMs of their own.
beside() {
	[ $# -gt 0 ] || return 0
	vm=$logs/vm-beside in_vms "$@" >"$logs/beside.out" 2>&1 &
	beside=$!
	trap 'kill $beside 2>/dev/null || true' EXIT
}

# Show the results from the background, when there are all.
beside_results() {
	[ -n "${beside-}" ] || return 0
	tail -n +1 -f -s 0.5 --pid="$beside" "$logs/beside.out"
	trap - EXIT
	wait "$beside" || result guest/beside 0 1 0 0 "the tests in the background did not end ($?)"
}
