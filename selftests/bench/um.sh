#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# um.sh (in the build root): User Mode Linux of the packaged kernel's source,
# built if the cache has none, and print where it is. There: linux, the kernel;
# source/, the tree that modules are built against, with the C module in it.
#
# The packaged kernel's hardening is kept, so that C and Rust pay for it here as
# they do there.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../workshop/common.sh"
. "$OVS_WORKSHOP/kernel-lib.sh"
here=$OVS_TOP/selftests/bench

kept='FORTIFY_SOURCE|INIT_ON_ALLOC_DEFAULT_ON|INIT_ON_FREE_DEFAULT_ON|INIT_STACK_[A-Z_]*
HARDENED_USERCOPY|LIST_HARDENED|BUG_ON_DATA_CORRUPTION|DEBUG_LIST|SLAB_FREELIST_[A-Z]*
SLUB_DEBUG|RANDOM_KMALLOC_CACHES|UBSAN[A-Z_]*|RUST_[A-Z_]*|CC_OPTIMIZE_FOR_PERFORMANCE'

config() {
	cat "$here/um.config"
	grep -E "^(# )?CONFIG_(${kept//$'\n'/|})( is not set|=)" "$kernel/modules/config"
}

# -mcmodel=small: um's own `large` makes C reach everything through registers,
# and Rust not.
um_make() {
	make -C "$dir/source" -s -j"$(nproc)" ARCH=um CC=x86_64-linux-gnu-gcc-14 \
		KCFLAGS=-mcmodel=small "$@"
}

copy() {
	rm -rf "$dir/source"
	cp -a --reflink=auto "$kernel/source" "$dir/source"
	make -s -C "$dir/source" ARCH=x86 mrproper
	# The name would be the packaged kernel's.
	rm -f "$dir/source/localversion"
}

configure() {
	config >"$dir/config"
	um_make KCONFIG_ALLCONFIG="$dir/config" alldefconfig
	local o missing=''
	for o in RUST OPENVSWITCH NF_CONNTRACK STATIC_LINK HOSTFS DUMMY TRACEPOINTS \
		NETFILTER_CONNCOUNT RUST_OVERFLOW_CHECKS INIT_ON_ALLOC_DEFAULT_ON; do
		grep -q "^CONFIG_$o=[ym]" "$dir/source/.config" || missing+=" $o"
	done
	[ -z "$missing" ] || {
		echo "the configuration lost:$missing"
		return 1
	}
}

build() {
	um_make linux modules
	cp "$dir/source/linux" "$dir/linux"
}

make_um() {
	[ ! -e "$dir/complete" ] || return 0
	need_space 4000 "User Mode Linux"
	mkdir -p "$dir"
	say "User Mode Linux of $kver, once, in $dir"
	step "copying the source" copy
	step "configuring User Mode Linux" configure
	step "building User Mode Linux (minutes)" build
	touch "$dir/complete"
}

kver=$(kernel_version)
kernel=$(kernel_dir "$kver")
dir=$OVS_CACHE/um-$( (echo "$kver" && config && cat "${BASH_SOURCE[0]}") | sha256sum | cut -c1-12)
with_lock um make_um
echo "$dir"
