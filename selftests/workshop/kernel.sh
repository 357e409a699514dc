#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel.sh (in the build root): fetch Debian's kernel, unmodified, and prepare
# the tree that modules in Rust are built against.
#
# The headers package lacks the Rust crates' metadata. They are built here, from
# the same source with the same compilers, and come out with the very hashes
# that the packaged kernel exports; verify_crates makes sure of it.
# shellcheck disable=SC2034	# OVS_ON_FAIL is for step
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$OVS_WORKSHOP/kernel-lib.sh"

# In order of preference: a series that left the archive makes way for the next.
series="7.2 7.3"
flavour=cloud-amd64

# The version of a package that the archive offers.
offered() {
	apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n 's/^Version: //p' | head -n 1
}

# The newest kernel of the first series whose source is there in the same version.
choose() {
	local s v source
	for s in $series; do
		source=$(offered "linux-source-$s")
		[ -n "$source" ] || continue
		for v in $(apt-cache pkgnames "linux-binary-$s." | sed 's/^linux-binary-//' |
			grep -E "^[0-9.]+\+[^-]*-$flavour\$" | sort -rV); do
			if [ "$(offered "linux-binary-$v")" = "$source" ]; then
				echo "$v"
				return
			fi
		done
	done
	die "the archive has no kernel of series ${series// / or } with its source"
}

fetch() {
	local v=$1 s
	s=$(cut -d. -f1,2 <<<"$v")
	rm -rf pkg deb
	mkdir pkg deb
	(cd deb && apt-get -q download "linux-source-$s" "linux-binary-$v" \
		"linux-base-$v" "linux-modules-$v" "linux-headers-$v")
	[ "$(dpkg-deb -f deb/linux-source-*.deb Version)" = "$(dpkg-deb -f deb/linux-binary-*.deb Version)" ] || {
		echo "linux-source-$s is not of the version of linux-binary-$v"
		return 1
	}
	for f in deb/*.deb; do
		dpkg-deb -x "$f" pkg
	done
	rm -rf deb
}

unpack() {
	local v=$1
	rm -rf source modules
	cp "pkg/usr/lib/modules/$v/vmlinuz" vmlinuz 2>/dev/null || cp "pkg/boot/vmlinuz-$v" vmlinuz
	mv "pkg/usr/lib/modules/$v" modules
	rm -f modules/vmlinuz modules/build modules/source
	cp "pkg/usr/src/linux-headers-$v/.config" modules/config
	# Decompressing in the guest is slow.
	find modules -name '*.ko.xz' -print0 | xargs -0 -r -P "$(nproc)" -n 64 xz -d
	mkdir source
	tar -C source --strip-components=1 -xf pkg/usr/src/linux-source-*.tar.xz
	cp "pkg/usr/src/linux-headers-$v"/{.config,Module.symvers} source/
	rm -rf pkg
}

prepare() {
	local v=$1 make=(make -C source -j"$(nproc)" CC=x86_64-linux-gnu-gcc-14)
	# Modules load only if their release string is the packaged kernel's.
	echo "${v#"$(make -s -C source kernelversion)"}" >source/localversion
	"${make[@]}" olddefconfig
	"${make[@]}" modules_prepare
	[ "$(cat source/include/config/kernel.release)" = "$v" ]
}

# Whatever our crates export, the packaged kernel must export too: the names
# carry the crates' hashes, so nothing would link otherwise.
verify_crates() {
	local missing
	missing=$(comm -23 \
		<(sed -n 's/^EXPORT_SYMBOL_RUST_GPL(\(.*\));$/\1/p' source/rust/exports_*_generated.h | sort -u) \
		<(cut -f2 source/Module.symvers | sort -u) | head -n 3)
	[ -z "$missing" ] || {
		echo "the rebuilt crates differ from the packaged kernel's, e.g. $missing"
		return 1
	}
}

# One line that says why the archive did not give what was asked for.
explain() {
	die "cannot fetch the kernel: $(grep -m 1 -E '^(E:|W: Failed|linux-source)' "$OVS_STEP_LOG" || echo "see $OVS_STEP_LOG")"
}

make_kernel() {
	local v=$1 dir
	dir=$(kernel_dir "$v")
	[ ! -e "$dir/complete" ] || return 0
	need_space 4000 "the kernel tree"
	# A prepared tree cannot be moved, so an unfinished one is told by its mark.
	mkdir -p "$dir"
	cd "$dir"
	say "kernel: $v"
	OVS_ON_FAIL=explain
	step "fetching linux $v" fetch "$v"
	OVS_ON_FAIL=
	step "unpacking linux $v" unpack "$v"
	step "preparing linux $v" prepare "$v"
	step "checking crate hashes" verify_crates "$v"
	touch complete
}

update_lists() {
	OVS_ON_FAIL=explain
	step "package lists" apt-get update -q
	OVS_ON_FAIL=
}

# choose_kernel [again]: another run may have chosen while this one waited.
choose_kernel() {
	local v
	[ -n "${1-}" ] || [ ! -s "$OVS_CACHE/kver" ] || return 0
	update_lists
	v=$(choose)
	say "kernel: $v is the newest of its series in the archive (KVER= pins another)"
	make_kernel "$v"
	echo "$v" >"$OVS_CACHE/kver.tmp"
	mv "$OVS_CACHE/kver.tmp" "$OVS_CACHE/kver"
	ln -snf "$(kernel_dir "$v")/source" "$OVS_CACHE/kdir"
}

pinned_kernel() {
	[ ! -e "$(kernel_dir "$1")/complete" ] || return 0
	update_lists
	make_kernel "$1"
}

if [ "${1-}" = --update ]; then
	with_lock kernel choose_kernel again
elif [ -z "${KVER-}" ] && [ ! -s "$OVS_CACHE/kver" ]; then
	with_lock kernel choose_kernel
else
	v=$(kernel_version)
	[[ $v =~ ^[0-9]+\.[0-9]+\.[0-9]+\+.*-.*$ ]] ||
		die "KVER=$v is not a Debian kernel release, such as 7.2.12+deb13-cloud-amd64"
	[ -e "$(kernel_dir "$v")/complete" ] || with_lock kernel pinned_kernel "$v"
fi
