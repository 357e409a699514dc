#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh: run the random tests of the pure core and of the text parsers, each
# for $FUZZ_SECONDS (60), from $SEED (chosen anew each time). A failure prints
# the seed that repeats it.
#
# Optimized, but with the checks for overflow that the kernel has.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export FUZZ_SECONDS=${FUZZ_SECONDS:-60} SEED=${SEED:-$RANDOM$RANDOM$RANDOM}
export CARGO_TARGET_DIR=$OVS_BUILD/fuzz
export CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true
export OVS_PASS='CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS
	CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS FUZZ_SECONDS SEED'

# CRATE TEST FUNCTION WHAT
targets='
rust/odp	extract		random_damage		packets to keys
rust/odp	flow_attrs	random_damage		attributes of keys and masks
rust/odp	flow_attrs	random_masks		keys and masks, both ways
rust/odp	actions		fuzz::random_lists	attributes of actions
userspace	random		random_keys		keys as text
userspace	random		random_actions		actions as text
userspace	random		random_ids		flow ids as text
userspace	random		random_attributes	attributes to text
'

# shellcheck disable=SC2317	# called by step
tests() {
	local crate=$1
	shift
	(cd "$OVS_TOP/$crate" && "$OVS_WORKSHOP/enter.sh" cargo test --locked --release "$@")
}

step "building random tests of the core" tests rust/odp --no-run \
	--test extract --test flow_attrs --test actions
step "building random tests of the text" tests userspace --no-run --test random

say "  $FUZZ_SECONDS s each, SEED=$SEED"
failed=0
while read -r crate test function what; do
	[ -n "$crate" ] || continue
	OVS_STEP_BRIEF=1 step "fuzzing $what" tests "$crate" --test "$test" -- \
		--exact "$function" --nocapture --test-threads=1 || failed=1
	told=$(grep -Eo '[0-9]+ inputs in .*|failed: repeat.*' "$OVS_STEP_LOG" || true)
	printf '%-30s %s\n' "$what" "${told:-did not run}"
	if ! grep -q '^test result: ok. 1 passed' "$OVS_STEP_LOG"; then
		failed=1
		grep -v '^ *$' "$OVS_STEP_LOG" | tail -n 30 | sed 's/^/    | /'
	fi
done <<<"$targets"
exit $failed
