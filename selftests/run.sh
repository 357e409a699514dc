#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh: all tests, or those whose name matches $TESTS (shell patterns,
# separated by spaces): lint/*, build/*, host/*, guest/* and checkers/*. V=1 shows all output.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
. "$here/workshop/common.sh"
. "$here/lib/results.sh"
. "$here/lib/vm-tests.sh"

logs=$OVS_LOGS/check
enter=$OVS_WORKSHOP/enter.sh
build=$OVS_WORKSHOP/build.sh

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
	rm -rf "$OVS_BUILD"/modules "$OVS_BUILD"/modules-[0-9]*
	"$enter" "$build" modules 2>&1 | tee "$logs/modules.out"
	! grep -i 'warning' "$logs/modules.out"
}

# A few of the VM's tests on the kernel with checkers, if there is one: `make check-debug` builds it.
short_tests() {
	local t
	for t in conntrack flow fuzz model tunnel; do
		! wanted "checkers/$t" || echo "guest/$t.py"
	done
}

with_checkers() {
	local list label=checkers OVS_CHECKED OVS_PASS=OVS_CHECKED OVS_SLOWER=${OVS_SLOWER:-4}
	mapfile -t list < <(short_tests)
	[ ${#list[@]} -gt 0 ] || return 0
	if ! OVS_CHECKED=$(checked_kernel -n); then
		result "$label" 0 0 1 0 "SKIP: there is no kernel with checkers yet; make check-debug builds it, once"
		return
	fi
	export OVS_CHECKED OVS_PASS
	"$OVS_WORKSHOP/make.sh" modules >/dev/null
	vm=$logs/vm-checkers in_vms "${list[@]}"
}

cd "$OVS_TOP"
rm -rf "$logs"
mkdir -p "$logs"
in_vm=$(guest_tests guest; short_tests)
if [ -n "$in_vm" ]; then
	"$OVS_WORKSHOP/setup.sh"
else
	"$OVS_WORKSHOP/setup.sh" kernel
fi

one lint/scripts "$enter" "$build" lint
one lint/layering "$here/lint/layering.sh"
one lint/rustfmt "$enter" "$build" fmt-check
one build/modules modules_without_warnings
one build/userspace "$enter" "$build" userspace
# A filter leaves the builds out, but the VM needs their results.
if [ -n "${TESTS-}" ] && [ -n "$in_vm" ]; then
	"$OVS_WORKSHOP/make.sh" modules >/dev/null
	"$OVS_WORKSHOP/make.sh" userspace >/dev/null
fi
# The kernel's own take as long as all others together, and need little but time.
mapfile -t apart < <(guest_tests guest | grep /kernel-selftest)
beside "${apart[@]}"
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
if [[ $in_vm == */@(model|fuzz).* ]]; then
	OVS_PASS=SEED "$enter" "$build" vectors >"$logs/vectors.log" 2>&1 || {
		result guest/vectors 0 1 0 0 "cannot be made"
		show <"$logs/vectors.log"
	}
fi
mapfile -t others < <(guest_tests guest | grep -v /kernel-selftest)
in_vms "${others[@]}"
beside_results
with_checkers
summary
