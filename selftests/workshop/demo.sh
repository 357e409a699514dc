#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# demo.sh: the main job. Builds, boots, and runs selftests/demo/run.sh in the
# VM, with dpctl and ovs-upcalld in the PATH and the module ready to load.
# shellcheck disable=SC2154	# vm_args comes from vm-args.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ -e "$OVS_TOP/selftests/demo/run.sh" ] || die "selftests/demo/run.sh is missing: there is nothing to show yet"
say "demo:"
"$OVS_WORKSHOP/make.sh" modules >/dev/null
"$OVS_WORKSHOP/make.sh" userspace >/dev/null
. "$OVS_WORKSHOP/vm-args.sh"
say "  booting the VM"
"$OVS_WORKSHOP/enter.sh" "$OVS_WORKSHOP/boot.sh" "${vm_args[@]}" -t 300 -o "$OVS_LOGS/demo" -- \
	bash /ovs/selftests/demo/run.sh || {
	rc=$?
	say "demo: FAILED ($rc); console log: $OVS_LOGS/demo/console.log"
	exit "$rc"
}
say "demo: passed in ${SECONDS}s"
