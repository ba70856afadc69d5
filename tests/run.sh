#!/bin/sh
# tests/run.sh BUILD: run every test program of a build (build/release or build/asan) from the repository's root, then say the sum.
# Each program's own output goes to BUILD/tests/NAME.log and is shown when it fails. A program that exits 77 was skipped and says why.
set -u
b=$1
shift
pass=0 fail=0 skip=0
for t in "$@"; do
	log=$b/log/$(echo "$t" | sed "s|^$b/tests/||; s|/|-|g").log
	mkdir -p "$b/log"
	start=$(date +%s)
	"$t" >"$log" 2>&1 </dev/null
	rc=$?
	took=$(($(date +%s) - start))
	case $rc in
	0) pass=$((pass + 1)); echo "  ok    $t (${took} s)"; grep -h '^skipped:' "$log" && skip=$((skip + 1)) ;;
	77) skip=$((skip + 1)); echo "  skip  $t: $(tail -1 "$log")" ;;
	*) fail=$((fail + 1)); echo "  FAIL  $t (exit $rc)"; tail -40 "$log" ;;
	esac
done
echo "$pass passed, $fail failed, $skip skipped"
[ "$fail" = 0 ]
