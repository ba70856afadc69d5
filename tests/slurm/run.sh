#!/bin/bash
# tests/slurm/run.sh BIN [KEEP]: `boltzpipe submit` on a real Slurm of this one machine. Targets are small and the network is the
# demonstration's. Looked at: a run without faults; one whose worker is requeued and whose other worker is killed (kill -9) at work; one whose head is
# requeued in the middle; the same command again; one in batches. Each must end with every target written once, with the same models byte for byte.
# LONG=STEPS also tries the time limit (two minutes a job): STEPS of sampling must take longer in all.
# Exit 77: Slurm is not installed. KEEP: leave the folder.
set -u
bin=$(cd "$1" && pwd) || exit 2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cluster.sh"
why=$(cluster_missing) && { echo "skipped: $why"; exit 77; }
T=$(mktemp -d /tmp/boltzpipe-slurm.XXXXXX)
export PATH=$bin:$PATH BOLTZPIPE_PROGRESS=0 OMP_NUM_THREADS=1
done_with() { cluster_stop; [ -n "${keep:-}" ] || rm -rf "$T"; }
keep=${2:-}
trap done_with EXIT
fail() { echo "FAIL: $*"; squeue; tail -n 20 "$T"/*/job-*/*.log; exit 1; }
cluster_start || exit 1

n=${TARGETS:-8} letters=ACDEFGHIKLMNPQRSTVWY
mkdir "$T/in"
for ((i = 0; i < n; i++)); do
	printf '>A|protein|empty\nGSH%s%s\n' "${letters:i % 20:1}" "${letters:i / 20:1}" >"$T/in/t$i.fasta"
done
stages=(--recycling-steps 0 --sampling-steps "${STEPS:-40}" --threads 1)
cd "$T" || exit 1

# run OUT: submit and tell the jobs' numbers; finish: wait until both are over, compare
run() {
	out=$1
	set -- $(boltzpipe submit in -o "$out" --nodes 2 "${stages[@]}" | tr -d ,:)
	head=$2 workers=$4
	job=$(ls -d "$out"/job-* | tail -1)
}
finish() {
	for _ in $(seq "${patience:-120}"); do
		[ -n "$(squeue -h -j "$head,$workers" 2>/dev/null)" ] || break
		sleep 1
	done
	[ "$(cat "$job/finished" 2>/dev/null)" = 0 ] || fail "$out: the run did not end with 0"
	[ "$(ls "$out/predictions" | wc -l)" = "$n" ] || fail "$out: $(ls "$out/predictions" | wc -l) targets, $n wanted"
	[ -z "$(find "$out/predictions" -name '.*' -mindepth 1)" ] || fail "$out: something unfinished was left"
	[ "$(grep -c '"status": "ok"' "$job/manifest")" = "$n" ] || fail "$out: $(wc -l <"$job/manifest") lines in the manifest"
	[ ! -d ref ] || diff -r --exclude='manifest_*' ref/predictions "$out/predictions" || fail "$out: not the same as without faults"
	echo "  ok    $1"
}
# written COUNT: wait until so many targets are there
written() {
	for _ in $(seq 600); do
		[ "$(ls "$out/predictions" 2>/dev/null | wc -l)" -ge "$1" ] && return
		sleep 0.1
	done
	fail "$out: no $1 targets in a minute"
}

boltzpipe predict in -o ref "${stages[@]}" >/dev/null 2>&1 || fail "predict"

run plain
finish "two workers"

run again
written 1
scontrol requeue "${workers}_1" || fail "requeue of a worker"
pid=$(scontrol listpids "${workers}_2" 2>/dev/null | awk 'NR > 1 && $1 > 1 { print $1 }' | tail -1)
pid=${pid:-$(pgrep -n -x diffuse)}
kill -9 "$pid" || fail "no worker to kill"
finish "a worker requeued, a stage of the other killed"

run head
written 2
scontrol requeue "$head" || fail "requeue of the head"
finish "the head requeued"
grep -q '"kept": true' "$job/manifest" || fail "the requeued head kept nothing"

run plain
finish "the same command again"
[ "$(grep -c '"kept": true' "$job/manifest")" = "$n" ] || fail "not all were kept"

stages+=(--batch 3 --batch-wait 0.2)
rm -rf ref
boltzpipe predict in -o ref "${stages[@]}" >/dev/null 2>&1 || fail "predict --batch"
run batches
finish "small targets in batches"
grep -q '"collate ' batches/predictions/t0/manifest_t0.json || fail "no collate in the pipe"
if [ -n "${LONG:-}" ]; then # both jobs reach their limit, and are requeued, once or more
	stages=(--recycling-steps 0 --sampling-steps "$LONG" --threads 1 --time 2)
	rm -rf ref
	patience=900
	run limit
	finish "jobs that reach their time limit"
	[ "$(grep -c 'DUE TO JOB REQUEUE' "$job/head.log")" -gt 0 ] || fail "no limit was reached: more steps than LONG=$LONG"
fi
echo "Slurm $(sinfo -V | cut -d' ' -f2): all passed"
