#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# modules.sh UM OUT (in the build root): our module and the injector, for the User
# Mode Linux in UM, and the C module with them in OUT.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../workshop/common.sh"
um=$1 out=$2
here=$OVS_TOP/selftests/bench

# The module loader of um knows no GOT, which its pie for Rust would use.
build() {
	mkdir -p "$2"
	make -s -j"$(nproc)" -C "$um/source" ARCH=um M="$1" MO="$2" CC=x86_64-linux-gnu-gcc-14 \
		KCFLAGS=-mcmodel=small KRUSTFLAGS=-Crelocation-model=static modules
}

# Another kernel, other objects.
obj=$OVS_BUILD/bench-${um##*/}
build "$OVS_TOP" "$obj/rust"
build "$here/inject" "$obj/inject"
cp "$obj/rust/openvswitch.ko" "$out/rust.ko"
cp "$obj/inject/inject.ko" "$out/inject.ko"
cp "$um/source/net/openvswitch/openvswitch.ko" "$out/c.ko"
