#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh (in the build root): make the guest's disk, a small Debian with the
# stock kernel's modules and the kernel's own selftests, as a read-only ext4
# image that any number of VMs share.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$OVS_WORKSHOP/kernel-lib.sh"

bootstrap() {
	local sources opts
	mapfile -t sources < <(grep -h "^deb " /etc/apt/sources.list)
	mapfile -t opts < <(apt_options)
	"$OVS_WORKSHOP/bootstrap.sh" --include="$(packages packages-guest)" \
		"${opts[@]}" "$OVS_SUITE" "$tree" "${sources[@]}"
}

populate() {
	local lib=$tree/usr/lib/modules/$kver tests=$tree/usr/src/selftests
	mkdir -p "$lib" "$tests" "$tree/boot" "$tree/ovs"
	cp -r "$kernel/modules/." "$lib/"
	depmod -b "$tree" "$kver"
	# Some tests ask for the kernel's configuration here.
	cp "$kernel/modules/config" "$tree/boot/config-$kver"
	cp -dr --preserve=mode "$kernel/source/tools/testing/selftests/net" "$tests/"
	cp -dr --preserve=mode "$kernel/source/tools/testing/selftests/kselftest" "$tests/"
	# What `make install` would have put beside them.
	cp -dr --preserve=mode "$kernel/source/tools/testing/selftests/"{kselftest,lib}* "$tests/" 2>/dev/null || true
	echo "127.0.0.1 localhost guest" >"$tree/etc/hosts"
	echo guest >"$tree/etc/hostname"
	rm -f "$tree/etc/resolv.conf"
	# Python starts twice as fast with everything compiled.
	chroot "$tree" python3 -m compileall -q /usr/lib/python3 /usr/lib/python3.* >/dev/null || true
	rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/*
}

make_image() {
	local image
	image=$(guest_image "$kver")
	[ ! -e "$image" ] || return 0
	need_space 3000 "the guest image"
	tree=$OVS_CACHE/guest.tmp
	rm -rf --one-file-system "$tree"
	step "guest system" bootstrap
	step "guest files" populate
	step "guest image" mke2fs -q -t ext4 -O ^has_journal -m 0 -N 80000 -d "$tree" "$image.tmp" 1400M
	rm -rf --one-file-system "$tree"
	mv "$image.tmp" "$image"
	# Other checkouts may use others, but not for ever.
	find "$OVS_CACHE" -maxdepth 1 -name 'guest-*.ext4' -mtime +30 -delete
}

kver=$(kernel_version)
kernel=$(kernel_dir "$kver")
[ -e "$(guest_image "$kver")" ] || with_lock guest make_image
touch "$(guest_image "$kver")"
