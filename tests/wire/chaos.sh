#!/bin/bash
# tests/wire/chaos.sh BIN FAKE: 1 source, $TRUNKS stages, $DIFFUSES stages, 1 write, joined by sockets; every $EVERY seconds one of them
# is killed with -9, or now and then stopped for a while, or told to end (SIGTERM), and started again; the source, which begins anew then, $SOURCE times.
# At the end every target is there once, and each byte is as in a run over a pipe without faults.
#
#   TARGETS=400 TRUNKS=4 DIFFUSES=2 EVERY=0.5 MS=20    the short form, in `make check`; `make chaos` has 10,000 targets
#   KILL="trunk diffuse write" SOURCE=1                who is hit; how often the source is, by a kill -9, at the 4th, 12th ... fault
#   DISK=1                                             write's folder is a small tmpfs, full for a while (root)
#   NET=1 LOSS=1                                       over TCP in network namespaces, with 1 % packet loss and cut links (root)
set -u
bin=$(cd "$1" && pwd) fake=$(realpath "$2")
targets=${TARGETS:-400} trunks=${TRUNKS:-4} diffuses=${DIFFUSES:-2} every=${EVERY:-0.5} ms=${MS:-20} kill=${KILL-trunk diffuse write} source=${SOURCE:-1}
RANDOM=${SEED:-1}
rec=$(cd "$(dirname "$0")/../pipe" && pwd)/order.bp
T=$(mktemp -d) || exit 2
cd "$T" || exit 2
exec 3>&2
finish() {
	touch stop
	[ -z "$(jobs -p)" ] || kill $(jobs -p) 2>/dev/null
	for f in pid.*; do [ -e "$f" ] && kill -9 "$(cat "$f")" 2>/dev/null; done
	wait 2>/dev/null
	[ -z "${DISK:-}" ] || umount out 2>/dev/null
	if [ -n "${NET:-}" ]; then for i in $(seq 0 $((trunks + diffuses + 1))); do ip netns del "bp$i-$$" 2>/dev/null; done; ip link del "bpbr$$" 2>/dev/null; fi
	[ -n "${KEEP:-}" ] || rm -rf "$T"
}
trap finish EXIT

# ---- places: an ipc socket each, or a network namespace each with an address 10.77.0.X
place=()
endpoint() { # of stage number $1, to bind
	if [ -n "${NET:-}" ]; then echo "tcp://*10.77.0.$((10 + $1)):5555"; else echo "ipc://s$1"; fi
}
reach() { endpoint "$1" | sed 's/\*//'; }
at() { if [ -n "${NET:-}" ]; then echo "ip netns exec bp$1-$$"; fi; }
if [ -n "${NET:-}" ]; then
	[ "$(id -u)" = 0 ] && ip link add "bpbr$$" type bridge 2>/dev/null || { echo "skipped: no network namespaces here"; exit 77; }
	ip link set "bpbr$$" up
	for i in $(seq 0 $((trunks + diffuses + 1))); do
		ip netns add "bp$i-$$" && ip link add "v$i-$$" type veth peer name e0 netns "bp$i-$$" \
		    && ip link set "v$i-$$" master "bpbr$$" up && ip -n "bp$i-$$" addr add "10.77.0.$((10 + i))/24" dev e0 \
		    && ip -n "bp$i-$$" link set e0 up && ip -n "bp$i-$$" link set lo up || exit 77
		ip netns exec "bp$i-$$" tc qdisc add dev e0 root netem loss "${LOSS:-1}%" delay 1ms 2>/dev/null \
		    || ip netns exec "bp$i-$$" nft "add table ip t; add chain ip t in { type filter hook input priority 0; };
			add rule ip t in numgen random mod 100 < ${LOSS:-1} counter drop" 2>/dev/null || echo "neither tc netem nor nft: without packet loss"
	done
fi
if [ -n "${DISK:-}" ]; then
	mkdir out && mount -t tmpfs -o size="${DISK_SIZE:-64m}" none out 2>/dev/null || { echo "skipped: cannot mount a tmpfs here"; exit 77; }
fi

# ---- the run without faults
"$fake" --from "$rec" --count "$targets" --give structures 2>log.ref | "$bin/write" -o ref >ref.jsonl 2>>log.ref || { cat log.ref; exit 1; }

# ---- the run
W="--timeout ${TIMEOUT:-20} ${NET:+--insecure}"
# run again until it ends by itself: name, number, command
keep() {
	name=$1 n=$2
	shift 2
	exec 2>/dev/null # "Killed"
	while :; do
		$(at "$n") "$@" 2>>"log.$name" &
		echo $! >"pid.$name"
		wait $!
		rc=$?
		[ $rc -lt 128 ] && [ $rc != 143 ] && [ ! -e "again.$name" ] && break
		rm -f "again.$name"
		[ -e stop ] && break
	done
	rm -f "pid.$name"
	echo "$rc" >"rc.$name"
}
list=
start=$(date +%s)
keep source 0 "$fake" $W --run chaos --from "$rec" --count "$targets" --out "$(endpoint 0)" &
for i in $(seq 1 "$trunks"); do
	keep trunk$i "$i" "$fake" $W --want features --give trunk --ms "$ms" --in "$(reach 0)" --out "$(endpoint "$i")" &
	list=$list,$(reach "$i")
done
outs=
for i in $(seq $((trunks + 1)) $((trunks + diffuses))); do
	keep diffuse$i "$i" "$fake" $W --want trunk --give structures --ms $((ms / 4)) --in "${list#,}" --out "$(endpoint "$i")" &
	outs=$outs,$(reach "$i")
done
keep write $((trunks + diffuses + 1)) "$bin/write" $W --resume -o out --in "${outs#,}" >>out.jsonl &

hits=0
# until the source has been told that all is safe: who is killed after that would wait for it in vain until --timeout
while [ $(($(date +%s) - start)) -lt "${LIMIT:-60}" ]; do
	sleep "$every"
	[ ! -e rc.write ] && [ ! -e rc.source ] || break
	victims=()
	for k in $kill; do for f in pid.$k*; do [ -e "$f" ] && victims+=("$f"); done; done
	hits=$((hits + 1))
	if [ $((hits % 8)) = 4 ] && [ "$source" -gt 0 ] && kill -9 "$(cat pid.source)" 2>/dev/null; then
		source=$((source - 1))
		continue
	fi
	[ ${#victims[@]} -gt 0 ] || continue
	f=${victims[RANDOM % ${#victims[@]}]}
	pid=$(cat "$f" 2>/dev/null) || continue
	# the child of `ip netns exec` is the program itself
	case $((RANDOM % 10)) in
	0) touch "again.${f#pid.}"; kill -TERM "$pid" 2>/dev/null ;;
	1) kill -STOP "$pid" 2>/dev/null; (sleep 7; kill -CONT "$pid" 2>/dev/null) & ;;
	*) kill -9 "$pid" 2>/dev/null ;;
	esac
	if [ -n "${NET:-}" ] && [ $((RANDOM % 4)) = 0 ]; then # a cut link
		i=$((1 + RANDOM % (trunks + diffuses)))
		ip link set "v$i-$$" down; (sleep 8; ip link set "v$i-$$" up 2>/dev/null) &
	fi
	if [ -n "${DISK:-}" ] && [ $((hits % 10)) = 5 ]; then # a full disk
		dd if=/dev/zero of=out/full bs=64k 2>/dev/null; (sleep 3; rm -f out/full) &
	fi
done
took=$(($(date +%s) - start))
for i in $(seq 1 $((2 * ${TIMEOUT:-20} + 10))); do [ -e rc.source ] && [ -e rc.write ] && break; sleep 1; done

fail=0
[ "$source" = 0 ] || [ -z "$kill" ] || { echo "the source was not killed: the run was too short"; fail=1; }
for p in source write; do
	[ "$(cat "rc.$p" 2>/dev/null)" = 0 ] || { echo "$p: exit ${rc:-} $(cat "rc.$p" 2>/dev/null)"; tail -5 "log.$p"; fail=1; }
done
there=$(ls out/predictions 2>/dev/null | wc -l)
[ "$there" = "$targets" ] || { echo "$there of $targets targets are there"; fail=1; }
diff -r -x 'manifest_*' ref/predictions out/predictions >differ || { echo "files differ:"; head -5 differ; fail=1; }
[ -z "$(find out/predictions -name '.*.part')" ] || { echo "parts are left"; fail=1; }
echo "$there targets, $hits faults in $took s (and $(($(date +%s) - start - took)) s to end), $(grep -c . out.jsonl) lines of the manifest"
exit $fail
