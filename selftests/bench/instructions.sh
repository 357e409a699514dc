#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# instructions.sh: how many instructions a packet takes in the packaged kernel, with
# the C module and with ours. QEMU counts them: each takes a nanosecond of the
# guest's time.
#
#   CASES='a|b'	packets whose case's name has a or b in it, or matches as a pattern
#   OUT=DIR	where the results go
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../workshop/common.sh"
here=$OVS_TOP/selftests/bench

if [ -z "${OVS_INSIDE-}" ]; then
	"$OVS_WORKSHOP/setup.sh"
	mkdir -p "${OUT:=$OVS_BUILD/bench/instructions}"
	OUT=$(cd "$OUT" && pwd -P)
	export OUT OVS_BIND=$OUT OVS_PASS='OUT CASES'
	exec "$OVS_WORKSHOP/enter.sh" "${BASH_SOURCE[0]}"
fi
. "$OVS_WORKSHOP/kernel-lib.sh"

# Those that go through many masks take C minutes, and tell nothing here.
default='1 flow|10,000 flows|64 masks, 64 microflows|set |push_vlan|pop_vlan|recirculation|output to|clone|sample'
kver=$(kernel_version)
kernel=$(kernel_dir "$kver")
bench=$OVS_BUILD/bench/instructions-modules

build() {
	mkdir -p "$bench"
	"$OVS_WORKSHOP/build.sh" modules
	make -s -C "$kernel/source" M="$here/inject" MO="$bench" CC=x86_64-linux-gnu-gcc-14 modules
}

step "building the modules" build
names=$(sed 's/["\\]/\\&/g; s/|/", "/g' <<<"${CASES:-$default}")
echo "{\"boot\": 1, \"reps\": 1, \"unit\": \"instructions\", \"cases\": [\"$names\"]}" >"$OUT/plan.json"
"$OVS_WORKSHOP/boot.sh" -n -a cryptomgr.notests=1 -o "$OUT" -t 3000 \
	-c "$here/guest:/ovs/selftests/bench/guest" -c "$OVS_TOP/selftests/guest:/ovs/selftests/guest" \
	-c "$OUT/plan.json:/ovs/bench/plan.json" -c "$bench/inject.ko:/ovs/bench/inject.ko" \
	-c "$OVS_BUILD/modules/openvswitch.ko:/ovs/bench/rust.ko" \
	-c "$kernel/modules/kernel/net/openvswitch/openvswitch.ko:/ovs/bench/c.ko" \
	-- /ovs/selftests/bench/guest/count
python3 -B "$here/report.py" "$OUT"
