#!/bin/bash
# bench/wire.sh BIN FAKE: records over a pipe, ipc, TCP on loopback and TCP between network namespaces (as root), beside `cat | cat`.
# Prints a table for bench/wire.md; the median of $RUNS (3). PREDICT=N: only what the hand-over adds to a real prediction, N rounds (12 s each; THREADS=1: CPU time is
# comparable on a busy machine, where threads that wait for one another spin).
set -u
bin=$(cd "$1" && pwd) fake=$(realpath "$2") demo=$(realpath "$(dirname "$0")/../share/demo")
T=$(mktemp -d) && cd "$T" || exit 2
trap 'ip netns del bw$$ 2>/dev/null; rm -rf "$T"' EXIT
runs=${RUNS:-3}
median() { sort -n | sed -n "$(((runs + 1) / 2))p"; }
# $1: field of the sink's line; $2 $3: how the two ends are joined; the rest: options of both
rate() {
	field=$1 from=$2 to=$3
	shift 3
	for _ in $(seq "$runs"); do
		if [ "$from" = pipe ]; then
			"$fake" "$@" | "$fake" "$@" --want none --in - | awk "{print \$$field}"
		else
			$PRE "$fake" "$@" --out "$from" 2>/dev/null &
			"$fake" "$@" --want none --in "$to" 2>/dev/null | awk "{print \$$field}"
			wait $!
		fi
	done | median
}
# ubiquitin of `make demo` through the five programs: CPU s of all, wall s
predict() { # endpoint to bind and to connect to, each with %d for a number; or "pipe"
	W="--weights $demo/boltz-demo.safetensors ${THREADS:+--threads $THREADS}" to=$(echo "$1" | sed 's/\*/127.0.0.1/')
	bind() { [ "$1" = pipe ] || printf -- "--out $1" "$2"; }
	reach() { [ "$1" = pipe ] || printf -- "--in $1" "$2"; }
	f="$bin/featurize -q $demo/inputs/ubiquitin.yaml $(bind "$1" 1)" t="$bin/trunk -q $W --recycling-steps 0 $(reach "$to" 1) $(bind "$1" 2)"
	d="$bin/diffuse -q $W --sampling-steps 200 $(reach "$to" 2) $(bind "$1" 3)" c="$bin/confidence -q $W $(reach "$to" 3) $(bind "$1" 4)"
	w="$bin/write -q -o out --override $(reach "$to" 4)" join='&'
	[ "$1" = pipe ] && join='|'
	exec 3>&2 # what a program says is seen
	TIMEFORMAT='%U %S %R'
	{ time bash -c "$f $join $t $join $d $join $c $join $w >/dev/null; wait" 2>&3; } 2>&1 | awk '{print $1 + $2, $3}'
}
if [ -n "${PREDICT:-}" ]; then
	for _ in $(seq "$PREDICT"); do
		echo "$(predict pipe) $(predict "ipc://p%d") $(predict "tcp://*:2760%d")"
	done | tee rounds | awk '{printf "round: CPU s pipe %.2f ipc %.2f tcp %.2f, wall s %.2f %.2f %.2f\n", $1, $3, $5, $2, $4, $6}'
	runs=$PREDICT
	echo "more than the pipe, median of the rounds: CPU ipc $(awk '{print 100 * ($3 / $1 - 1)}' rounds | median) %, tcp $(awk '{print 100 * ($5 / $1 - 1)}' rounds | median) %;" \
		"wall ipc $(awk '{print 100 * ($4 / $2 - 1)}' rounds | median) %, tcp $(awk '{print 100 * ($6 / $2 - 1)}' rounds | median) %"
	exit
fi
PRE=
cat_rate() { for _ in $(seq "$runs"); do s=$(date +%s.%N); head -c 3200000000 /dev/zero | cat | cat >/dev/null; echo "$s $(date +%s.%N)" | awk '{print 3.2 / ($2 - $1)}'; done | median; }
big="--count 50 --bytes 64M" small="--count 200000 --bytes 700 --queue 256"
echo "| | 1 KB records, per s | 64 MB records, GB/s |"
echo "|---|---|---|"
echo "| \`cat \\| cat\` | | $(cat_rate) |"
echo "| pipe | $(rate 7 pipe - $small) | $(rate 9 pipe - $big) |"
echo "| ipc | $(rate 7 ipc://a ipc://a $small) | $(rate 9 ipc://b ipc://b $big) |"
echo "| ipc, --queue 2 | $(rate 7 ipc://a ipc://a --count 20000 --bytes 700) | |"
echo "| tcp, loopback | $(rate 7 tcp://*:27500 tcp://127.0.0.1:27500 $small) | $(rate 9 tcp://*:27501 tcp://127.0.0.1:27501 $big) |"
if [ "$(id -u)" = 0 ] && ip netns add bw$$ 2>/dev/null && ip link add bw0 type veth peer name bw1 netns bw$$; then
	ip addr add 10.78.0.1/24 dev bw0 && ip link set bw0 up && ip -n bw$$ addr add 10.78.0.2/24 dev bw1 && ip -n bw$$ link set bw1 up
	PRE="ip netns exec bw$$"
	echo "| tcp, network namespaces | $(rate 7 tcp://*:27500 tcp://10.78.0.2:27500 $small --insecure) | $(rate 9 tcp://*:27501 tcp://10.78.0.2:27501 $big --insecure) |"
	ip link del bw0 2>/dev/null
fi
