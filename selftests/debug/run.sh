#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# debug/run.sh: the guest's tests, and those in debug/guest, on a kernel with the
# checkers on (debug.config), in User Mode Linux; $TESTS chooses among them. A report of a
# checker fails the test that brought it about.
#
# clang: the kernel has no KASAN for Rust beside gcc's for C.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$here/workshop/common.sh"
. "$here/lib/results.sh"
. "$here/lib/vm-tests.sh"

logs=$OVS_LOGS/check-debug
enter=$OVS_WORKSHOP/enter.sh
rm -rf "$logs"
mkdir -p "$logs"

"$OVS_WORKSHOP/setup.sh"
OVS_UML=$("$enter" "$OVS_WORKSHOP/uml.sh" "$here/debug/debug.config" CC=clang-19)
export OVS_UML OVS_PASS='OVS_UML OVS_CPUS'
"$OVS_WORKSHOP/make.sh" modules >/dev/null
"$OVS_WORKSHOP/make.sh" userspace >/dev/null
OVS_PASS=SEED "$enter" "$OVS_WORKSHOP/build.sh" vectors
OVS_SLOWER=${OVS_SLOWER:-4} guest guest debug/guest
summary
