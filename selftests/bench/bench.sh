#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh: the C module and ours, in one boot of User Mode Linux, case by case.
#
#   CASES='a|b'	those whose name has a or b in it, or matches as a pattern
#   BOOTS=N REPS=N	N boots (3), N repetitions in each (5)
#   QUICK=1	one boot, three repetitions, of the cases that have targets
#   OUT=DIR	where the results go
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../workshop/common.sh"
here=$OVS_TOP/selftests/bench

boots=${BOOTS:-$([ -n "${QUICK-}" ] && echo 1 || echo 3)}
reps=${REPS:-$([ -n "${QUICK-}" ] && echo 3 || echo 5)}
[[ $boots =~ ^[1-9][0-9]*$ && $reps =~ ^[1-9][0-9]*$ ]] || die "BOOTS and REPS are numbers"

out=${OUT:-$OVS_BUILD/bench/$(date +%Y%m%d-%H%M%S)}
mkdir -p "$out"
out=$(cd "$out" && pwd -P)
[[ $out != *[[:space:]]* ]] || die "OUT has a space in it: $out"
export OVS_BIND=$out

"$OVS_WORKSHOP/setup.sh" kernel
um=$("$OVS_WORKSHOP/enter.sh" "$here/um.sh")
step "building the modules for User Mode Linux" \
	"$OVS_WORKSHOP/enter.sh" "$here/modules.sh" "$um" "$out"
rm -f "$out/results.jsonl" "$out/console.log"

# json TEXT: as a JSON string.
json() {
	local text=${1//\\/\\\\}
	printf '"%s"' "${text//\"/\\\"}"
}

plan() {
	local p list=''
	local IFS='|'
	for p in ${CASES-}; do
		list+="${list:+, }$(json "$p")"
	done
	echo "{\"boot\": $1, \"reps\": $reps, \"cases\": [$list], \"targets\": $([ -n "${QUICK-}" ] && echo true || echo false)}"
}

guest=''
trap '[ -z "$guest" ] || kill "$guest" 2>/dev/null || true' EXIT
for ((boot = 1; boot <= boots; boot++)); do
	plan "$boot" >"$out/plan.json"
	say "boot $boot of $boots, $reps repetitions:"
	touch "$out/results.jsonl"
	shown=$(wc -l <"$out/results.jsonl")
	"$OVS_WORKSHOP/enter.sh" "$here/boot.sh" "$um" "$out" &
	guest=$!
	tail -n +$((shown + 1)) -f -s 0.2 --pid="$guest" "$out/results.jsonl" |
		sed -un 's/^{"progress": "\(.*\)"}$/  \1/p' >&2
	wait "$guest" || true
	guest=''
	if [ "$(cat "$out/status" 2>/dev/null)" != 0 ]; then
		tail -n 30 "$out/console.log" | sed 's/^/    | /' >&2
		die "the guest failed; its console: $out/console.log"
	fi
done
"$OVS_WORKSHOP/enter.sh" python3 -B "$here/report.py" "$out"
