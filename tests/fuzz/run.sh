#!/bin/sh
# tests/fuzz/run.sh SECONDS FUZZER...: run each for that long, from its seeds (tests/fuzz/seeds/NAME) and what earlier runs found. A finding
# stays in build/fuzz/found and fails the run.
set -u
seconds=$1
shift
mkdir -p build/fuzz/found build/fuzz/log
fail=0
for f in "$@"; do
	name=$(basename "$f" | sed 's/^fuzz_//')
	mkdir -p "build/fuzz/corpus/$name"
	seeds=tests/fuzz/seeds/$name
	[ -d "$seeds" ] || seeds=
	log=build/fuzz/log/$name
	# shellcheck disable=SC2086
	if "$f" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
	    -artifact_prefix="build/fuzz/found/$name-" "build/fuzz/corpus/$name" $seeds >"$log" 2>&1; then
		echo "  ok    fuzz_$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
	else
		fail=1
		echo "  FAIL  fuzz_$name: see build/fuzz/found and $log"
		grep -E "ERROR|runtime error|SUMMARY" "$log" | head -5
	fi
done
exit $fail
