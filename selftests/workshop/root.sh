#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# root.sh: make the build root, a Debian with the compilers that built the
# kernel, if the cache has none for this package list. The only script, with
# enter.sh, that uses the host's own tools.
# shellcheck disable=SC2034	# OVS_ON_FAIL is for step
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The main archive among the host's apt sources, whatever their format.
host_mirror() {
	# shellcheck disable=SC2016	# apt's own variables
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' \
		'Created-By: Packages' 'Component: main' 2>/dev/null |
		awk '$1 ~ /\/debian\/?$/ && $2 !~ /-security/ { sub(/\/$/, "", $1); print $1; exit }'
}

# mmdebstrap by whatever means the user has.
get_mmdebstrap() {
	command -v mmdebstrap >/dev/null && return
	[ ! -x "$OVS_CACHE/tools/usr/bin/mmdebstrap" ] || return 0
	if [ "$(id -u)" = 0 ]; then
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends mmdebstrap && return
		apt-get update -q
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends mmdebstrap
		return
	fi
	local dir=$OVS_CACHE/tools.tmp f
	rm -rf "$dir"
	mkdir -p "$dir"
	# The host may have perl-base alone.
	(cd "$dir" && apt-get download mmdebstrap perl-modules-5\* libperl5\*) &&
		for f in "$dir"/*.deb; do dpkg -x "$f" "$dir" || return; done
	rm -f "$dir"/*.deb
	mv "$dir" "$OVS_CACHE/tools"
}

run_mmdebstrap() {
	local tools=$OVS_CACHE/tools opts
	if [ -d "$tools" ]; then
		PATH=$tools/usr/bin:$PATH
		PERL5LIB=$(find "$tools/usr" -path '*perl*' -name '5.*' -type d | paste -sd:)
		export PERL5LIB
	fi
	mapfile -t opts < <(apt_options)
	"$OVS_WORKSHOP/bootstrap.sh" "$@" "${opts[@]}" "$OVS_SUITE" "$root.tmp" \
		"deb $mirror $OVS_SUITE main" "deb $mirror $OVS_SUITE-backports main"
}

explain_mmdebstrap() {
	die "mmdebstrap is not installed and cannot be downloaded (is apt's list old? apt-get update)"
}

# One line that says what went wrong, from a log of hundreds.
explain() {
	local why
	why=$(grep -m 1 -E 'Could not (resolve|connect)|Temporary failure|404 |NO_PUBKEY|Release. does not have|Unable to (locate|correct)|No space left|Operation not permitted' \
		"$OVS_STEP_LOG" || true)
	rm -rf --one-file-system "$root.tmp" || true
	die "cannot make the build root from $mirror${why:+: $why} (OVS_MIRROR= names another mirror)"
}

make_root() {
	[ ! -d "$root" ] || return 0
	say "build environment: Debian $OVS_SUITE, once for all checkouts, in $OVS_CACHE"
	mirror=${OVS_MIRROR:-$(host_mirror)}
	[ -n "$mirror" ] ||
		die "no Debian mirror in apt's configuration: give one by OVS_MIRROR=URI"
	need_space 8000 "the build environment"
	OVS_ON_FAIL=explain_mmdebstrap
	step "mmdebstrap" get_mmdebstrap
	OVS_ON_FAIL=explain
	rm -rf --one-file-system "$root.tmp"
	step "build root from $mirror" run_mmdebstrap --include="$(packages packages-build)"
	mkdir -p "$root.tmp"/{proc,sys,dev,tmp}
	mv "$root.tmp" "$root"
}

need_arch
root=$(build_root)
[ -d "$root" ] || with_lock root make_root
