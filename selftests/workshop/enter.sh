#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# enter.sh CMD...: run a command in the build root, in the current directory.
#
# The checkout, the cache and /tmp have the same paths inside as outside, so
# that compilers' messages and generated files mean the same thing on both
# sides. Mounts are private to the command and vanish with it. A plain user
# becomes root of a user namespace for this, nothing more.
#
# OVS_BIND and OVS_PASS name more directories and variables to hand in.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

root=$(build_root)

inside() {
	local d f
	mount --make-rprivate /
	for d in proc sys dev tmp; do
		mount --rbind "/$d" "$root/$d"
	done
	for d in "$OVS_CACHE" "$OVS_TOP" ${OVS_BIND:-}; do
		mkdir -p "$root$d"
		mount --rbind "$d" "$root$d"
	done
	# Name service and certificates as on the host: there may be a proxy.
	for f in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
		[ -s "$f" ] || continue
		[ -e "$root$f" ] || touch "$root$f"
		mount --bind "$f" "$root$f"
	done
	# shellcheck disable=SC2016	# expanded inside
	exec chroot "$root" /usr/bin/env -i \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
		HOME="$OVS_CACHE/home" CARGO_HOME="$OVS_CACHE/cargo" \
		CARGO_TARGET_DIR="$OVS_BUILD/target" OVS_CACHE="$OVS_CACHE" \
		OVS_INSIDE=1 TERM="${TERM:-dumb}" "${pass[@]}" \
		/bin/sh -c 'cd "$0" 2>/dev/null || cd /; exec "$@"' "$PWD" "$@"
}

# What may be needed to reach the registries, and what tests look at.
pass=()
# No colours in a log.
[ -t 1 ] || TERM=dumb
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY \
	CI RUST_BACKTRACE KVER OVS_FAKE_OWNER OVS_ACCEL TESTS V ${OVS_PASS:-}; do
	[ -z "${!name-}" ] || pass+=("$name=${!name}")
done
while IFS= read -r name; do
	pass+=("$name=${!name}")
done < <(compgen -e | grep -E '^CARGO_(REGISTR|SOURCE|NET|HTTP)' || true)

# Already inside: nothing to do.
[ -z "${OVS_INSIDE-}" ] || exec "$@"

[ -d "$root" ] || die "no build root yet: run \`make setup\`"
mkdir -p "$OVS_CACHE/home" "$OVS_CACHE/cargo" "$OVS_BUILD"
for f in config config.toml; do
	f=${CARGO_HOME:-$HOME/.cargo}/$f
	[ ! -f "$f" ] || cmp -s "$f" "$OVS_CACHE/cargo/config.toml" ||
		cp "$f" "$OVS_CACHE/cargo/config.toml"
done

if [ "${OVS_ENTERED-}" = "$$" ]; then
	inside "$@"
fi
# exec keeps the process id, by which the second half knows itself.
flags=(--mount)
if [ "$(id -u)" != 0 ]; then
	flags+=(--map-root-user)
	# The single user id of the namespace: see bootstrap.sh.
	export OVS_FAKE_OWNER=1
	unshare "${flags[@]}" true 2>/dev/null ||
		die "this user may not make user namespaces: run as root, or set sysctl kernel.unprivileged_userns_clone=1"
fi
OVS_ENTERED=$$ exec unshare "${flags[@]}" "$BASH" "${BASH_SOURCE[0]}" "$@"
