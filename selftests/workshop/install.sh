#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh install|uninstall: put the modules into updates/, which depmod
# prefers over the stock ones, and the programs, manual pages and a systemd unit
# into PREFIX, or take them out again. KDIR= names the tree to build against; without it the
# workshop prepares one for the running kernel. DESTDIR= is put before all paths.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

release() {
	if [ -n "$KDIR" ]; then
		cat "$KDIR/include/config/kernel.release"
	else
		uname -r
	fi
}

destdir=${DESTDIR-} prefix=${PREFIX:-/usr/local}
KVER=$(release)
export KVER
dir=$destdir/lib/modules/$KVER/updates

reindex() {
	# What is installed elsewhere is indexed where it comes to be used.
	[ -z "$destdir" ] || return 0
	depmod "$KVER"
	say "modprobe openvswitch now takes: $(modinfo -k "$KVER" -n openvswitch 2>/dev/null || echo "nothing, there is no stock module")"
}

# programs install BIN|uninstall: the part that is not for one kernel.
programs() {
	DESTDIR=$destdir PREFIX=$prefix "$OVS_TOP/userspace/install.sh" "$@"
}

[ -z "$destdir" ] || mkdir -p "$destdir/lib/modules/$KVER"
[ -w "$destdir/lib/modules/$KVER" ] || die "cannot write $destdir/lib/modules/$KVER: run as root"
case ${1-} in
install)
	make -C "$OVS_TOP" modules userspace KDIR="$KDIR"
	modules=$OVS_BUILD/modules bin=$OVS_BUILD/bin
	if [ -n "$KDIR" ]; then
		modules=$OVS_TOP/build bin=$OVS_TOP/build/target/release
	fi
	mkdir -p "$dir"
	for f in "$modules"/*.ko; do
		cp "$f" "$dir/"
		strip -g "$dir/${f##*/}" 2>/dev/null || true
		say "installed $dir/${f##*/}"
	done
	say "$(programs install "$bin")"
	reindex
	;;
uninstall)
	rm -f "$dir"/openvswitch.ko "$dir"/vport-{vxlan,geneve,gre}.ko
	rmdir "$dir" 2>/dev/null || true
	programs uninstall
	reindex
	;;
*)
	die "install or uninstall?"
	;;
esac
