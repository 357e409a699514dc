# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034	# variables are for those who source this
#
# What every workshop script shares: where things are, and how it talks.
# To be sourced, after `set -euo pipefail`.

# The checkout, and the cache that all checkouts of this user share.
OVS_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
OVS_WORKSHOP=$OVS_TOP/selftests/workshop
OVS_CACHE=${OVS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/openvswitch-rs}
mkdir -p "$OVS_CACHE" 2>/dev/null || {
	echo "error: cannot make the cache $OVS_CACHE (OVS_CACHE= moves it)" >&2
	exit 1
}
OVS_CACHE=$(cd "$OVS_CACHE" && pwd -P)
export OVS_TOP OVS_CACHE

# What is built from this checkout: two checkouts never share it.
OVS_BUILD=$OVS_CACHE/build/$(printf %s "$OVS_TOP" | sha256sum | cut -c1-12)
OVS_LOGS=$OVS_BUILD/log
mkdir -p "$OVS_LOGS"

# The distribution whose compilers built the kernel that we run.
OVS_SUITE=trixie

say() {
	printf '%s\n' "$*" >&2
}

die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

need_arch() {
	[ "$(uname -m)" = x86_64 ] ||
		die "unsupported architecture $(uname -m): only x86_64 so far"
}

# need_space MIB WHAT: fail before the work, not in the middle of it.
need_space() {
	local free
	free=$(($(df --output=avail -k "$OVS_CACHE" | tail -n 1) / 1024))
	[ "$free" -ge "$1" ] ||
		die "$2 needs $1 MiB in $OVS_CACHE, only $free MiB are free (OVS_CACHE= moves it)"
}

# packages FILE: its packages, separated by commas.
packages() {
	grep -v '^#' "$OVS_WORKSHOP/$1" | paste -sd,
}

# content_hash FILE...: what names a thing that is made from these files.
content_hash() {
	(cd "$OVS_WORKSHOP" && cat "$@") | sha256sum | cut -c1-12
}

build_root() {
	echo "$OVS_CACHE/root-$(content_hash packages-build)"
}

# with_lock NAME CMD...: one at a time over all checkouts. The lock goes with
# the process, so nothing is left behind by an interruption.
with_lock() {
	local lock=$OVS_CACHE/lock/$1 fd
	shift
	mkdir -p "$OVS_CACHE/lock"
	exec {fd}>"$lock"
	if ! flock -n "$fd"; then
		say "  waiting: another run is at work on this (${lock##*/})"
		flock "$fd"
	fi
	"$@"
	exec {fd}>&-
}

# step TITLE CMD...: run with the output in a log; show that time passes, and
# the end of the log if it fails. The log stays in $OVS_STEP_LOG. With
# OVS_STEP_BRIEF the caller tells how it ended.
#
# A shell function as CMD stops at its first error only if step is not followed
# by || or && and not within if: bash ignores errexit there. What is to be said
# about a failure goes into a function instead, named by OVS_ON_FAIL.
step() {
	local title=$1 start pid rc=0 shown=0 now
	shift
	OVS_STEP_LOG=$OVS_LOGS/${title//[^a-zA-Z0-9.]/-}.log
	start=$SECONDS
	"$@" >"$OVS_STEP_LOG" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
		now=$((SECONDS - start))
		if [ -t 2 ]; then
			printf '\r  %s ... %ds' "$title" "$now" >&2
		elif [ $((now - shown)) -ge 20 ] || { [ "$shown" = 0 ] && [ "$now" -ge 2 ]; }; then
			say "  $title ... ${now}s"
			shown=$now
		fi
	done
	wait "$pid" || rc=$?
	[ ! -t 2 ] || printf '\r\033[K' >&2
	[ -z "${OVS_STEP_BRIEF-}" ] || return "$rc"
	if [ "$rc" -ne 0 ]; then
		say "  $title: failed after $((SECONDS - start))s"
		tail -n "${OVS_LOG_LINES:-40}" "$OVS_STEP_LOG" | sed 's/^/    | /' >&2
		say "    the whole log: $OVS_STEP_LOG"
		[ -z "${OVS_ON_FAIL-}" ] || "$OVS_ON_FAIL"
		return "$rc"
	fi
	say "  $title: $((SECONDS - start))s"
}

# apt_options: this apt's proxies and the like, as mmdebstrap arguments, one a
# line: they are as good for the apt that it runs.
apt_options() {
	apt-config dump | grep -E '^Acquire::(https?|Check-Valid-Until|Check-Date|Retries)\b' |
		grep -v '::User-Agent' | sed 's/^/--aptopt=/; s/;$//' || true
}
