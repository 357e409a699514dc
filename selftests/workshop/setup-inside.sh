#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# setup-inside.sh [kernel]: the part of setup.sh that runs in the build root.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

"$OVS_WORKSHOP/kernel.sh"
[ "${1-}" = kernel ] || "$OVS_WORKSHOP/guest.sh"
