#!/bin/bash
# kill_write.sh DIR ROUNDS OPTION: kill `write OPTION` ROUNDS times at random moments (kill -9), in one output folder. After each kill every
# target that is visible must be whole and byte for byte what an undisturbed run writes; after a last run to the end all are there, and
# nothing else. Exit 77: no python3-msgpack.
set -u
exec 2>&1
T=$1 rounds=$2 option=$3
python=${PYTHON:-/usr/bin/python3} # Debian's has Debian's modules; another may stand before it in the PATH
[ -x "$python" ] || python=python3
"$python" -c 'import msgpack' 2>/dev/null || { echo "skipped: no python3-msgpack"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
RANDOM=${SEED:-1}
n=24 seen=0 early=0
rm -rf "$T"
mkdir -p "$T"
"$python" "$here/many.py" $n "$here/order.bp" >"$T/in.bp" || exit 1
write -o "$T/ref" <"$T/in.bp" >/dev/null || exit 1
start=$(date +%s%N)
write -o "$T/o" "$option" <"$T/in.bp" >/dev/null || exit 1
whole=$((($(date +%s%N) - start) / 1000)) # microseconds
rm -rf "$T/o"
for ((i = 0; i < rounds || (early <= rounds / 3 && i < 10 * rounds); i++)); do # more where kills come too late: the machine was busier when the run was timed
	write -o "$T/o" "$option" <"$T/in.bp" >/dev/null &
	pid=$!
	sleep "$(printf '0.%06d' $((RANDOM * 32768 % (whole < 999999 ? whole : 999999))))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null || early=$((early + 1))
	for d in "$T"/o/predictions/*/; do
		[ -d "$d" ] || continue
		seen=$((seen + 1))
		diff -r "$d" "$T/ref/predictions/$(basename "$d")" || { echo "round $i: $d is not whole"; exit 1; }
	done
	# half of the rounds begin with an empty folder, the others with what was left
	[ $((RANDOM % 2)) = 0 ] || rm -rf "$T/o"
done
write -o "$T/o" "$option" <"$T/in.bp" >"$T/manifest" || { echo "the last run failed"; exit 1; }
diff -r "$T/o" "$T/ref" || { echo "the last run did not mend everything"; exit 1; }
[ "$(wc -l <"$T/manifest")" = $n ] || { echo "$(wc -l <"$T/manifest") lines in the manifest, $n wanted"; exit 1; }
[ $early -gt $((rounds / 3)) ] && [ $seen -gt 0 ] || { echo "only $early kills came early enough, $seen folders seen: nothing was tested"; exit 1; }
echo "$early kills of $i during the run, $seen folders looked at: all whole"
