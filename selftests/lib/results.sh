# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Counting and showing results, for run.sh.
passed=0 failed=0 skipped=0
failures=()

# result NAME PASSED FAILED SKIPPED SECONDS [NOTE]
result() {
	local word=ok
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	if [ "$3" -gt 0 ]; then
		word=FAIL
		failures+=("$1")
	elif [ "$2" = 0 ]; then
		word=skip
	fi
	printf '%-4s  %-32s %4ds  %s\n' "$word" "$1" "$5" "${6-$2 passed${3:+, $3 failed}${4:+, $4 skipped}}"
}

# show: set what explains a failure apart.
show() {
	sed 's/^/    | /'
}

# ktap_totals LOG: "PASSED FAILED SKIPPED PROBLEM" of one test's output.
ktap_totals() {
	awk '
		/^ok .*# SKIP/ { skip++; next }
		/^1\.\.0.*# SKIP/ { skip++; planned = -1; next }
		/^ok / { ok++ }
		/^not ok / { bad++ }
		/^1\.\.[0-9]+/ { planned = substr($1, 4) }
		END {
			n = ok + bad + skip
			if (planned == "" && n) problem = "no plan: it did not come to its end"
			else if (planned > 0 && planned != n) problem = planned " results planned, " n " came"
			print ok + 0, bad + 0, skip + 0, problem
		}' "$1"
}

summary() {
	local f
	for f in "${failures[@]}"; do
		echo "failed: $f"
	done
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] && [ $((passed + skipped)) -gt 0 ]
}
