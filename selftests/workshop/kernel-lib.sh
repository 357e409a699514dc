# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Which kernel is in use, and where it is. To be sourced after common.sh.

# The release that KVER= pins, or the one chosen when it was fetched.
kernel_version() {
	if [ -n "${KVER-}" ]; then
		echo "$KVER"
	elif [ -s "$OVS_CACHE/kver" ]; then
		cat "$OVS_CACHE/kver"
	else
		die "no kernel yet: run \`make setup\`"
	fi
}

# kernel_dir KVER: what kernel.sh made of it: source/ (the KDIR), modules/
# (the stock ones), vmlinuz. Make and patterns take the name literally: no '+'.
kernel_dir() {
	echo "$OVS_CACHE/kernel-${1//+/-}"
}

# guest_image KVER: the guest's disk for this kernel.
guest_image() {
	echo "$OVS_CACHE/guest-$( (echo "$1"; content_hash packages-guest guest.sh bootstrap.sh) |
		sha256sum | cut -c1-12).ext4"
}
