#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# profile.sh CASE [rust|c [SECONDS]]: where the time of a case goes. Needs perf on
# the host, which samples User Mode Linux as the process that it is.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../workshop/common.sh"
here=$OVS_TOP/selftests/bench
case=${1-} module=${2:-rust} seconds=${3:-8}
[ -n "$case" ] || die "which case? See guest/cases.py"
command -v perf >/dev/null || die "perf is not installed"

out=$OVS_BUILD/bench/profile
mkdir -p "$out"
"$OVS_WORKSHOP/setup.sh" kernel
um=$("$OVS_WORKSHOP/enter.sh" "$here/um.sh")
step "building the modules for User Mode Linux" \
	"$OVS_WORKSHOP/enter.sh" "$here/modules.sh" "$um" "$out"
rm -f "$out"/{kallsyms,console.log,perf.data}
printf '{"boot": 1, "reps": 1, "cases": ["%s"], "profile": "%s", "seconds": %d}\n' \
	"$case" "$module" $((seconds + 2)) >"$out/plan.json"

"$OVS_WORKSHOP/enter.sh" "$here/boot.sh" "$um" "$out" &
guest=$!
trap 'kill "$guest" 2>/dev/null || true' EXIT
# Written when the case has been set up.
while [ ! -s "$out/kallsyms" ]; do
	kill -0 "$guest" 2>/dev/null || die "the guest ended; its console: $out/console.log"
	sleep 0.1
done
sleep 0.5
perf record -q -e cpu-clock -F 2000 -p "$guest" -o "$out/perf.data" -- sleep "$seconds" >&2
wait "$guest" || true
perf script -i "$out/perf.data" -F ip,sym 2>/dev/null >"$out/samples"
"$OVS_WORKSHOP/enter.sh" python3 -B "$here/symbols.py" "$out/kallsyms" "$out/samples"
