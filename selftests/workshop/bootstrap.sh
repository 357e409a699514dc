#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bootstrap.sh MMDEBSTRAP-ARG...: mmdebstrap with what our two roots have in
# common, as root or, in a user namespace, as a plain user.
#
# A plain user's namespace has a single user id, so the packages' chown() to
# others would fail. A system call filter makes these calls do nothing and
# succeed; the files' owners do not matter here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

# shellcheck disable=SC2016	# mmdebstrap's own shell expands the hook
args=(
	--mode=root --variant=minbase
	# The result is thrown away if the machine stops now, so no need to flush.
	--dpkgopt=force-unsafe-io
	--aptopt='APT::Install-Recommends "false"'
	--aptopt='APT::Sandbox::User "root"'
	--aptopt='Acquire::Languages "none"'
	--customize-hook='rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/locale/* "$1"/usr/share/info/*'
)

[ "${OVS_FAKE_OWNER-}" = 1 ] || [ "$(id -u)" = 0 ] ||
	exec env OVS_FAKE_OWNER=1 unshare --mount --map-root-user "${BASH_SOURCE[0]}" "$@"
if [ "${OVS_FAKE_OWNER-}" = 1 ]; then
	# mmdebstrap's own mounts need more than one user and group.
	# shellcheck disable=SC2016	# as above
	args+=(
		--skip=chroot/mount
		--extract-hook='mkdir -p "$1/proc" "$1/sys" "$1/dev"
			mount --rbind /proc "$1/proc"
			mount --rbind /sys "$1/sys"
			for n in null zero full random urandom tty; do
				touch "$1/dev/$n"
				mount --bind "/dev/$n" "$1/dev/$n"
			done'
	)
	# The mounts are to be gone when it is done.
	exec unshare --mount --propagation unchanged perl "$here/fake-owner.pl" mmdebstrap "${args[@]}" "$@"
fi
exec mmdebstrap "${args[@]}" "$@"
