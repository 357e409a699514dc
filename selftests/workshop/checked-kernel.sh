#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# checked-kernel.sh [-n] um|x86 FRAGMENT... [MAKE-ARG...] (in the build root): the packaged
# kernel's source for User Mode Linux or for QEMU, configured by files of CONFIG_ lines, of
# which later ones win, built if the cache has none, and print where it is. There: linux or
# vmlinuz, the kernel; source/, the tree that modules are built against; modules/, what goes
# to /lib/modules.
#
# MAKE-ARG are variables of the build, such as CC=; every option that the
# fragments switch on must come out switched on. -n: do not build, fail if there is none.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$OVS_WORKSHOP/kernel-lib.sh"

kmake() {
	make -C "$dir/source" -s -j"$(nproc)" ARCH="$arch" "${args[@]}" "$@"
}

copy() {
	rm -rf "$dir/source"
	cp -a --reflink=auto "$kernel/source" "$dir/source"
	make -s -C "$dir/source" ARCH=x86 mrproper
	# The name would be the packaged kernel's.
	rm -f "$dir/source/localversion"
}

mend() {
	(cd "$dir/source" && busybox patch -p1) <"$OVS_WORKSHOP/$arch.patch"
}

configure() {
	local lost
	echo "$options" >"$dir/options"
	kmake KCONFIG_ALLCONFIG="$dir/options" alldefconfig
	lost=$(comm -23 <(grep '^CONFIG_' "$dir/options" | sort) <(sort "$dir/source/.config"))
	[ -z "$lost" ] || {
		echo "the configuration lost:"
		echo "$lost"
		return 1
	}
}

build() {
	local image=linux name=linux
	[ "$arch" = um ] || { image=arch/x86/boot/bzImage name=vmlinuz; }
	kmake "${image##*/}" modules
	rm -rf "$dir/modules"
	kmake INSTALL_MOD_PATH="$dir/modules" INSTALL_MOD_STRIP=1 modules_install
	rm -f "$dir"/modules/lib/modules/*/{build,source}
	cp "$dir/source/.config" "$dir/config"
	cp --remove-destination "$dir/source/$image" "$dir/$name"
}

make_kernel() {
	[ ! -e "$dir/complete" ] || return 0
	need_space 6000 "a kernel with checkers"
	mkdir -p "$dir"
	say "$kver for $arch with ${fragments[*]##*/}, once, in $dir"
	# One that was interrupted goes on.
	if [ ! -e "$dir/source/.config" ]; then
		step "copying the source" copy
		step "mending the source" mend
	fi
	step "configuring the kernel" configure
	step "building the kernel (minutes)" build
	touch "$dir/complete"
}

# Each option once, without comments.
merged() {
	awk '{ name = $1 == "#" ? $2 : $1; sub(/=.*/, "", name) }
		name !~ /^CONFIG_/ { next }
		!(name in line) { order[++n] = name }
		{ line[name] = $0 }
		END { for (i = 1; i <= n; i++) print line[order[i]] }' "$@"
}

may_build=1
[ "$1" != -n ] || { may_build=; shift; }
arch=$1
shift
fragments=()
while [[ ${1-} == *.config ]]; do
	fragments+=("$1")
	shift
done
args=("$@")
options=$(merged "${fragments[@]}")
kver=$(kernel_version)
kernel=$(kernel_dir "$kver")
dir=$OVS_CACHE/$arch-$( (echo "$kver" "${args[@]}" && echo "$options" && declare -f kmake copy build && cat "$OVS_WORKSHOP/$arch.patch") | sha256sum | cut -c1-12)
[ -n "$may_build" ] || [ -e "$dir/complete" ] || exit 1
[ -z "$may_build" ] || with_lock "${dir##*/}" make_kernel
echo "$dir"
