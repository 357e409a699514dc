#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# initramfs.sh (in the build root): print the path of the cpio that a guest
# starts from, made if it is not there. Each run appends its own cpio to it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$OVS_WORKSHOP/kernel-lib.sh"

kernel=$(kernel_dir "$(kernel_version)")
cpio=$kernel/initramfs-$(content_hash guest/initramfs-init initramfs.sh).cpio
if [ ! -e "$cpio" ]; then
	d=$(mktemp -d "$kernel/initramfs.XXXXXX")
	mkdir "$d/bin" "$d/modules"
	cp /usr/bin/busybox "$d/bin/"
	ln -s busybox "$d/bin/sh"
	install -m 755 "$OVS_WORKSHOP/guest/initramfs-init" "$d/init"
	cp "$kernel/modules/kernel/drivers/block/virtio_blk.ko" \
		"$kernel/modules/kernel/fs/overlayfs/overlay.ko" "$d/modules/"
	(cd "$d" && find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet) >"$d.cpio"
	rm -rf "$d"
	mv "$d.cpio" "$cpio"
fi
echo "$cpio"
