#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh TARGET (in the build root): build from the checkout, into the cache.
#
#   modules	the kernel modules, in $OVS_BUILD/modules; with OVS_CHECKED=DIR for that
#		kernel, in $OVS_BUILD/modules-NAME (see checked-kernel.sh)
#   userspace	dpctl and ovs-upcalld, in $OVS_BUILD/bin
#   clippy	lints over modules, the pure core and userspace
#   fmt		format all Rust sources; fmt-check only tells
#   test CRATE	its host tests; miri: the pure core under Miri
#   vectors	what tests in the VM give to the kernel and compare it with, made by chance, in
#		$OVS_BUILD/vectors: actions, SEED= for other ones, and a program that makes messages
#   lint	shellcheck over our scripts
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$OVS_WORKSHOP/kernel-lib.sh"

# Host packages: the pure core, which is a part of the module too, and the tools.
crates=(rust/odp userspace)
# Static: starts faster in an emulated guest, and runs anywhere.
static=(--target x86_64-unknown-linux-gnu)

kbuild() {
	local out=$1 kver kdir
	shift
	kver=$(kernel_version)
	kdir=$(kernel_dir "$kver")/source
	mkdir -p "$OVS_BUILD/$out-${kver//+/-}"
	ln -snf "$out-${kver//+/-}" "$OVS_BUILD/$out"
	make -s -j"$(nproc)" -C "$kdir" M="$OVS_TOP" MO="$OVS_BUILD/$out-${kver//+/-}" \
		CC=x86_64-linux-gnu-gcc-14 W=1 "$@" modules
}

make_checked() {
	local arch=x86 cc=x86_64-linux-gnu-gcc-14 rust=()
	! grep -q '^CONFIG_CC_IS_CLANG=y' "$OVS_CHECKED/config" || cc=clang-19
	# Its module loader knows no GOT, which its pie for Rust would use; with more
	# memory modules are above 2 GiB.
	[ ! -e "$OVS_CHECKED/linux" ] || arch=um rust=(KRUSTFLAGS="-Crelocation-model=static -Ccode-model=large")
	mkdir -p "$2"
	make -s -j"$(nproc)" -C "$OVS_CHECKED/source" M="$1" MO="$2" ARCH=$arch CC=$cc "${rust[@]}" modules
}

# With them the one that makes packets for tests.
kbuild_checked() {
	local out=$OVS_BUILD/modules-${OVS_CHECKED##*/}
	make_checked "$OVS_TOP" "$out"
	make_checked "$OVS_TOP/selftests/debug/mangle" "$out/mangle"
	cp "$out/mangle/mangle.ko" "$out/"
}

modules() {
	[ -e "$OVS_TOP/Kbuild" ] || die "no Kbuild: there is no module to build yet"
	if [ -n "${OVS_CHECKED-}" ]; then
		kbuild_checked
	else
		kbuild modules
	fi
}

userspace() {
	cd "$OVS_TOP/userspace"
	RUSTFLAGS="-C target-feature=+crt-static" \
		cargo build --locked --release --bins "${static[@]}"
	mkdir -p "$OVS_BUILD/bin"
	find "$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release" -maxdepth 1 -type f \
		-executable -exec cp -t "$OVS_BUILD/bin" {} +
}

each_crate() {
	local c
	for c in "${crates[@]}"; do
		[ ! -e "$OVS_TOP/$c/Cargo.toml" ] || (cd "$OVS_TOP/$c" && "$@")
	done
}

clippy() {
	kbuild clippy CLIPPY=1
	each_crate cargo clippy -q --locked --all-targets -- -D warnings
}

# The roots of the module's crates; rustfmt finds the rest from there.
format() {
	local roots
	mapfile -t roots < <(find "$OVS_TOP/rust" -maxdepth 1 \
		\( -name openvswitch.rs -o -name 'vport_*.rs' \))
	[ ${#roots[@]} = 0 ] || rustfmt --edition 2021 "$@" "${roots[@]}"
	each_crate cargo fmt -- "$@"
}

# run_tests CRATE: its unit, property and integration tests.
run_tests() {
	cd "$OVS_TOP/$1"
	cargo test --locked
}

vectors() {
	cd "$OVS_TOP/rust/odp"
	mkdir -p "$OVS_BUILD/vectors"
	cargo run -q --locked --example random-actions "${SEED:-1}" 1000 >"$OVS_BUILD/vectors/random-actions"
	RUSTFLAGS="-C target-feature=+crt-static" \
		cargo build -q --locked --release --example random-messages "${static[@]}"
	cp "$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release/examples/random-messages" "$OVS_BUILD/vectors/"
}

miri() {
	cd "$OVS_TOP/rust/odp"
	cargo miri test --locked
}

scripts() {
	(cd "$OVS_TOP" && grep -rlE --exclude='*.md' '^#!(/usr)?/bin/(env )?(ba)?sh|^# shellcheck shell' selftests userspace/install.sh .ci 2>/dev/null)
}

lint() {
	local files
	mapfile -t files < <(scripts)
	(cd "$OVS_TOP" && shellcheck -x -e SC1091 "${files[@]}")
}

target=${1-}
shift || true
case $target in
modules) with_lock "build-${OVS_BUILD##*/}" modules ;;
userspace) with_lock "cargo-${OVS_BUILD##*/}" userspace ;;
clippy) with_lock "build-${OVS_BUILD##*/}" clippy ;;
fmt) format ;;
fmt-check) format --check ;;
test) run_tests "$@" ;;
lint) lint ;;
miri) miri ;;
vectors) vectors ;;
*) die "build.sh: no target ${target:-given}" ;;
esac
