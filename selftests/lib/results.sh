# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154	# logs comes from who sources this
#
# Counting and showing results, for run.sh. They are kept in $logs/results: some come from the background.

# result NAME PASSED FAILED SKIPPED SECONDS [NOTE]
result() {
	local word=ok
	echo "$1 $2 $3 $4" >>"$logs/results"
	if [ "$3" -gt 0 ]; then
		word=FAIL
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

# What all results come to; fails if one of them is a failure, or there are none.
summary() {
	touch "$logs/results"
	awk '
		{ passed += $2; failed += $3; skipped += $4 }
		$3 { print "failed: " $1 }
		END {
			printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
			exit failed || !(passed + skipped)
		}' "$logs/results"
}
