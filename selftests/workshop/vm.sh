#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# vm.sh: a shell in a VM with the module loaded, or $CMD there.
# shellcheck disable=SC2154	# vm_args comes from vm-args.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

"$OVS_WORKSHOP/make.sh" modules >/dev/null
[ ! -e "$OVS_TOP/userspace/Cargo.toml" ] || "$OVS_WORKSHOP/make.sh" userspace >/dev/null
. "$OVS_WORKSHOP/vm-args.sh"
if [ -n "${CMD-}" ]; then
	exec "$OVS_WORKSHOP/enter.sh" "$OVS_WORKSHOP/boot.sh" "${vm_args[@]}" -l openvswitch -- bash -c "$CMD"
fi
[ -t 0 ] || die "no terminal: give a command by CMD='...'"
exec "$OVS_WORKSHOP/enter.sh" "$OVS_WORKSHOP/boot.sh" "${vm_args[@]}" -l openvswitch -i
