#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# setup.sh [kernel]: everything that builds and tests need, made or found in
# the cache; with `kernel`, only what builds need.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

"$OVS_WORKSHOP/root.sh"
"$OVS_WORKSHOP/enter.sh" "$OVS_WORKSHOP/setup-inside.sh" "$@"
