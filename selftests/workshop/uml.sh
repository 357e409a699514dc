#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# uml.sh FRAGMENT [MAKE-ARG...] (in the build root): User Mode Linux of the packaged
# kernel's source, configured by a file of CONFIG_ lines, built if the cache has none,
# and print where it is. There: linux, the kernel; source/, the tree that modules are built
# against; modules/, what goes to /lib/modules.
#
# MAKE-ARG are variables of the build, such as CC=; every option that the
# fragment switches on must come out switched on.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$OVS_WORKSHOP/kernel-lib.sh"

um_make() {
	make -C "$dir/source" -s -j"$(nproc)" ARCH=um "${args[@]}" "$@"
}

copy() {
	rm -rf "$dir/source"
	cp -a --reflink=auto "$kernel/source" "$dir/source"
	make -s -C "$dir/source" ARCH=x86 mrproper
	# The name would be the packaged kernel's.
	rm -f "$dir/source/localversion"
}

mend() {
	(cd "$dir/source" && busybox patch -p1) <"$OVS_WORKSHOP/uml.patch"
}

configure() {
	um_make KCONFIG_ALLCONFIG="$fragment" alldefconfig
	local lost
	lost=$(comm -23 <(grep '^CONFIG_' "$fragment" | sort) <(sort "$dir/source/.config"))
	[ -z "$lost" ] || {
		echo "the configuration lost:"
		echo "$lost"
		return 1
	}
}

build() {
	um_make linux modules
	rm -rf "$dir/modules"
	um_make INSTALL_MOD_PATH="$dir/modules" INSTALL_MOD_STRIP=1 modules_install
	rm -f "$dir"/modules/lib/modules/*/{build,source}
	cp "$dir/source/.config" "$dir/config"
	cp --remove-destination "$dir/source/linux" "$dir/linux"
}

make_um() {
	[ ! -e "$dir/complete" ] || return 0
	need_space 6000 "User Mode Linux"
	mkdir -p "$dir"
	say "User Mode Linux of $kver with ${fragment##*/}, once, in $dir"
	# One that was interrupted goes on.
	if [ ! -e "$dir/source/.config" ]; then
		step "copying the source" copy
		step "mending the source" mend
	fi
	step "configuring User Mode Linux" configure
	step "building User Mode Linux (minutes)" build
	touch "$dir/complete"
}

fragment=$(realpath "$1")
shift
args=("$@")
kver=$(kernel_version)
kernel=$(kernel_dir "$kver")
# Comments do not matter.
dir=$OVS_CACHE/um-$( (echo "$kver" "${args[@]}" && grep CONFIG_ "$fragment" && declare -f um_make copy build && cat "$OVS_WORKSHOP/uml.patch") | sha256sum | cut -c1-12)
with_lock "${dir##*/}" make_um
echo "$dir"
