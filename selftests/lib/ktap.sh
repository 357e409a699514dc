# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Helpers for the tests in selftests/guest: results in KTAP, cleanup, and the
# usual namespaces and devices. See selftests/README.md.
set -uo pipefail

ktap_count=0
ktap_failed=0
ktap_planned=''
ktap_deferred=()

# --- results

# ktap_plan N: how many results there will be. Without it, the plan is printed
# at the end and a test that dies early is found by its exit status alone.
ktap_plan() {
	ktap_planned=$1
	echo "1..$1"
}

ktap_diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

ok() {
	ktap_count=$((ktap_count + 1))
	echo "ok $ktap_count $*"
}

not_ok() {
	ktap_count=$((ktap_count + 1))
	ktap_failed=$((ktap_failed + 1))
	echo "not ok $ktap_count $*"
}

# skip WHAT REASON
skip() {
	ktap_count=$((ktap_count + 1))
	echo "ok $ktap_count $1 # SKIP ${2:?a skip needs a reason}"
}

skip_all() {
	echo "1..0 # SKIP ${1:?a skip needs a reason}"
	ktap_planned=0
	exit 4
}

# Give up: what follows makes no sense any more.
fatal() {
	not_ok "$*"
	exit 1
}

# check WHAT CMD...: a result from a command's status; its output on failure.
check() {
	local what=$1 output
	shift
	if output=$("$@" 2>&1); then
		ok "$what"
	else
		ktap_diag "failed ($?): $*"
		ktap_diag "$output"
		not_ok "$what"
		return 1
	fi
}

# check_fails WHAT PATTERN CMD...: it must fail, and say PATTERN (an ERE).
check_fails() {
	local what=$1 pattern=$2 output
	shift 2
	if output=$("$@" 2>&1); then
		ktap_diag "succeeded, but must not: $*"
		ktap_diag "$output"
		not_ok "$what"
		return 1
	elif ! grep -qE -- "$pattern" <<<"$output"; then
		ktap_diag "the message lacks \"$pattern\": $output"
		not_ok "$what"
		return 1
	fi
	ok "$what"
}

# is WHAT GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		ktap_diag "got:    $2"
		ktap_diag "wanted: $3"
		not_ok "$1"
		return 1
	fi
}

# like WHAT GOT PATTERN (an ERE)
like() {
	if grep -qE -- "$3" <<<"$2"; then
		ok "$1"
	else
		ktap_diag "got: $2"
		ktap_diag "wanted a match of: $3"
		not_ok "$1"
		return 1
	fi
}

# --- cleanup

# defer CMD...: run at the end, the last first, whatever happens.
defer() {
	ktap_deferred+=("$(printf '%q ' "$@")")
}

# Do now what was deferred; a test may call it to start afresh.
cleanup() {
	local i
	for ((i = ${#ktap_deferred[@]} - 1; i >= 0; i--)); do
		eval "${ktap_deferred[i]}" >/dev/null 2>&1
	done
	ktap_deferred=()
}

ktap_end() {
	local rc=$?
	trap - EXIT
	cleanup
	if [ -z "$ktap_planned" ]; then
		echo "1..$ktap_count"
	elif [ "$ktap_planned" != "$ktap_count" ]; then
		ktap_diag "planned $ktap_planned results, gave $ktap_count"
		rc=1
	fi
	[ "$ktap_failed" = 0 ] || rc=1
	exit "$rc"
}
trap ktap_end EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

. "$(dirname "${BASH_SOURCE[0]}")/net.sh"
. "$(dirname "${BASH_SOURCE[0]}")/leak.sh"
