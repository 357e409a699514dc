#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh install|uninstall: put the modules into updates/, which depmod
# prefers over the stock ones, or take them out again. KDIR= names the tree to
# build against; without it the workshop prepares one for the running kernel.
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
	depmod ${destdir:+-b "$destdir"} "$KVER"
	say "modprobe openvswitch now takes: $(modinfo ${destdir:+-b "$destdir"} -k "$KVER" -n openvswitch 2>/dev/null || echo "nothing, there is no stock module")"
}

[ -w "$destdir/lib/modules/$KVER" ] || die "cannot write $destdir/lib/modules/$KVER: run as root"
case ${1-} in
install)
	if [ -n "$KDIR" ]; then
		make -C "$OVS_TOP" modules KDIR="$KDIR"
		from=$OVS_TOP/build
	else
		make -C "$OVS_TOP" modules userspace
		from=$OVS_BUILD/modules
	fi
	mkdir -p "$dir"
	for f in "$from"/*.ko; do
		cp "$f" "$dir/"
		strip -g "$dir/${f##*/}" 2>/dev/null || true
		say "installed $dir/${f##*/}"
	done
	if [ -d "$OVS_BUILD/bin" ]; then
		install -D -t "$destdir$prefix/bin" "$OVS_BUILD"/bin/*
		say "installed $(cd "$OVS_BUILD/bin" && echo *) in $destdir$prefix/bin"
	fi
	reindex
	;;
uninstall)
	rm -f "$dir"/openvswitch.ko "$dir"/vport-{vxlan,geneve,gre}.ko
	rmdir "$dir" 2>/dev/null || true
	rm -f "$destdir$prefix"/bin/{dpctl,ovs-upcalld}
	reindex
	;;
*)
	die "install or uninstall?"
	;;
esac
