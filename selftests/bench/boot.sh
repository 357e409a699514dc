#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# boot.sh UM OUT (in the build root): run guest/main.py in User Mode Linux, with the
# files of OUT; what it prints goes to OUT/console.log.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../workshop/common.sh"
um=$1 out=$2
here=$OVS_TOP/selftests/bench

rm -f "$out/status"
# All memory lies below 2 GiB, as -mcmodel=small wants it: not more than 384M.
# exec: the caller ends it by its process id.
exec "$um/linux" mem=384M rootfstype=hostfs rootflags=/ ro init="$here/guest/init" \
	con=null con0=fd:0,fd:1 ssl=null dummy.numdummies=5 loglevel=5 panic=-1 \
	ovs.run="$here" ovs.out="$out" >>"$out/console.log" 2>&1 </dev/null
