#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh: all tests, or those whose name matches $TESTS (shell patterns,
# separated by spaces): lint/*, build/*, host/* and guest/*. V=1 shows all output.
# shellcheck disable=SC2154	# vm_args comes from vm-args.sh
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
. "$here/workshop/common.sh"
. "$here/lib/results.sh"

logs=$OVS_LOGS/check
enter=$OVS_WORKSHOP/enter.sh
build=$OVS_WORKSHOP/build.sh

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

# one NAME CMD...: a test that is one command.
one() {
	local name=$1 log=$logs/${1//\//-}.log start=$SECONDS
	shift
	wanted "$name" || return 0
	if [ -n "${V-}" ]; then
		"$@" 2>&1 </dev/null | tee "$log" || true
		set -- test "${PIPESTATUS[0]}" = 0
	fi
	if quietly "$log" "$@"; then
		if grep -q '^test result:' "$log"; then
			cargo_totals "$name" "$log" $((SECONDS - start))
		else
			result "$name" 1 0 0 $((SECONDS - start)) ""
		fi
	else
		result "$name" 0 1 0 $((SECONDS - start)) "failed"
		[ -n "${V-}" ] || tail -n 60 "$log" | show
	fi
}

# quietly LOG CMD...: nothing but a sign of life; V=1 has shown it already.
quietly() {
	local log=$1
	shift
	[ -z "${V-}" ] || { "$@"; return; }
	local rc=0
	OVS_STEP_BRIEF=1 step "$name" "$@" || rc=$?
	cp "$OVS_STEP_LOG" "$log"
	return "$rc"
}

cargo_totals() {
	local p f i
	read -r p f i < <(awk '/^test result:/ { p += $4; f += $6; i += $8 } END { print p + 0, f + 0, i + 0 }' "$2")
	result "$1" "$p" "$f" "$i" "$3"
}

modules_without_warnings() {
	# From nothing: an incremental build says its warnings only once.
	rm -rf "$OVS_BUILD"/modules*
	"$enter" "$build" modules 2>&1 | tee "$logs/modules.out"
	! grep -i 'warning' "$logs/modules.out"
}

# The names of the guest tests that are wanted.
guest_tests() {
	local f
	for f in "$here"/guest/*; do
		if [ ! -f "$f" ] || [ ! -x "$f" ]; then
			continue
		fi
		f=${f##*/}
		! wanted "guest/${f%.*}" || echo "$f"
	done
}

# Run the given tests in one VM; say which did not get their turn in $left.
one_vm() {
	local line log='' name='' rc secs bad=''
	declare -A finished=()
	exec {fd}< <(
		rc=0
		"$enter" "$OVS_WORKSHOP/boot.sh" "${vm_args[@]}" -t "$vm_limit" -o "$logs/vm" -- \
			/ovs/selftests/lib/guest-run.sh "$@" 2>"$logs/vm.err" </dev/null || rc=$?
		echo "@@ vm $rc"
	)
	while IFS= read -r line <&"$fd"; do
		line=${line%$'\r'}
		case $line in
		"@@ start "*)
			name=${line#@@ start } log=$logs/guest-${line#@@ start }.log bad=''
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
	left=()
	if [ -n "$name" ]; then
		cat "$logs/vm.err" >>"$log"
		case $rc in
		97) bad="the guest crashed" ;;
		124) bad="the VM's time was up" ;;
		*) bad="the VM ended ($rc)" ;;
		esac
		guest_result "$name" "$log" 1 0 "$bad during this test"
		finished[$name]=1
	elif [ "$rc" != 0 ]; then
		cat "$logs/vm.err" >&2
		result "guest/vm" 0 1 0 0 "the VM did not run ($rc)"
		return
	fi
	for name in "$@"; do
		[ -n "${finished[$name]-}" ] || left+=("$name")
	done
}

# guest_result FILE LOG STATUS SECONDS PROBLEMS
guest_result() {
	local name=guest/${1%.*} p f s problem
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

guest() {
	local left
	mapfile -t left < <(guest_tests)
	[ ${#left[@]} -gt 0 ] || return 0
	. "$OVS_WORKSHOP/vm-args.sh"
	vm_limit=$((300 + $(cd "$here/guest" && cat "${left[@]}" | awk '/^# timeout:/ { n += $3 } END { print n + 0 }') + 120 * ${#left[@]}))
	while [ ${#left[@]} -gt 0 ]; do
		one_vm "${left[@]}"
	done
}

cd "$OVS_TOP"
rm -rf "$logs"
mkdir -p "$logs"
if [ -z "${TESTS-}" ] || [ -n "$(guest_tests)" ]; then
	"$OVS_WORKSHOP/setup.sh"
else
	"$OVS_WORKSHOP/setup.sh" kernel
fi

one lint/scripts "$enter" "$build" lint
one lint/layering "$here/lint/layering.sh"
one lint/rustfmt "$enter" "$build" fmt-check
one build/modules modules_without_warnings
one build/userspace "$enter" "$build" userspace
one lint/clippy "$enter" "$build" clippy
one host/odp "$enter" "$build" test rust/odp
one host/userspace "$enter" "$build" test userspace
if wanted host/miri; then
	if "$enter" cargo miri --version >/dev/null 2>&1; then
		one host/miri "$enter" "$build" miri
	else
		result host/miri 0 0 1 0 "Debian's Rust has no Miri"
	fi
fi
# A filter leaves the builds out, but the VM needs their results.
if [ -n "${TESTS-}" ] && [ -n "$(guest_tests)" ]; then
	"$OVS_WORKSHOP/make.sh" modules >/dev/null
	"$OVS_WORKSHOP/make.sh" userspace >/dev/null
fi
guest
summary
