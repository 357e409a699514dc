#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# debug/run.sh: the guest's tests, and those in debug/guest, on a kernel with checkers; $TESTS
# chooses among them. A report of a checker fails the test that brought it about. CHECKERS=
# chooses the kernel: light has the cheap ones only, for millions of messages and packets;
# races, in QEMU with two CPUs, looks for data races; else it has all others.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
. "$here/workshop/common.sh"
. "$here/lib/results.sh"
. "$here/lib/vm-tests.sh"

logs=$OVS_LOGS/check-debug${CHECKERS:+-$CHECKERS}
enter=$OVS_WORKSHOP/enter.sh
rm -rf "$logs"
mkdir -p "$logs"

"$OVS_WORKSHOP/setup.sh"
OVS_CHECKED=$(checked_kernel ${CHECKERS:+"$CHECKERS"})
export OVS_CHECKED OVS_PASS='OVS_CHECKED OVS_CPUS'
"$OVS_WORKSHOP/make.sh" modules >/dev/null
"$OVS_WORKSHOP/make.sh" userspace >/dev/null
OVS_PASS=SEED "$enter" "$OVS_WORKSHOP/build.sh" vectors
OVS_SLOWER=${OVS_SLOWER:-4} guest guest debug/guest
summary
