# The rest of this script is share/slurm/job.sh of boltzpipe; `boltzpipe submit` has put the settings above it.
# One job is the head: it reads the inputs, hands them out, and writes what comes back. An array of workers predicts. A worker that
# is lost has its targets handed to another; a head that is lost is requeued, and keeps what was finished. Files in $job:
#   head      where the head listens: HOST PORT PORT
#   finished  the run's exit status, when it is over
#   manifest  what `write` prints, of the head's last start
set -u
asked='' pids=() grace=${BOLTZPIPE_GRACE:-20}

# Slurm wants the node back: TERM, or USR1 some time before the limit
trap 'asked=requeue' USR1
trap 'asked=stop' TERM INT

# Wait for all of $pids; status is the highest of theirs. When one ends badly, when we are asked to leave, or when the head is no longer
# where it was ($1), the others finish what they can in some seconds; the head hands the rest to another worker.
watch() {
	local p s alive left=$grace
	status=0
	while :; do
		alive=()
		for p in "${pids[@]}"; do
			kill -0 "$p" 2>/dev/null && alive+=("$p") && continue
			wait "$p"
			s=$?
			[ $s -le $status ] || status=$s
		done
		pids=("${alive[@]}")
		[ ${#pids[@]} -gt 0 ] || return
		[ -z "$asked" ] && [ $status -le 1 ] && ! over "$1" || break
		sleep 1
	done
	kill -TERM "${pids[@]}" 2>/dev/null
	while [ -n "$(jobs -rp)" ] && [ $((left -= 1)) -ge 0 ]; do sleep 1; done
	kill -KILL "${pids[@]}" 2>/dev/null
	wait
	pids=()
	[ $status -gt 1 ] || status=75
}

# has the head moved, or is the run over? (then the pipes end by themselves, in a while)
over() {
	[ -n "$1" ] || return 1
	if [ -e "$job/finished" ]; then
		[ -n "$(find "$job/finished" -newermt "-$grace seconds")" ] && return 1
		return 0
	fi
	[ -s "$job/head" ] && [ "$(cat "$job/head")" != "$1" ]
}

again() {
	local id=$SLURM_JOB_ID # of one task of an array this is also the number of them all
	[ -z "${SLURM_ARRAY_JOB_ID:-}" ] || id=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
	[ "$asked" != requeue ] || scontrol requeue "$id"
	exit 143
}

head_job() {
	local try port
	for try in 1 2 3 4 5; do
		port=$((20000 + (SLURM_JOB_ID * 10 + try * 2222) % 40000)) # the same after a restart: workers find it again
		"${featurize[@]}" --out "tcp://*:$port" --run "slurm-$SLURM_JOB_ID" "${secret[@]}" "${inputs[@]}" &
		pids=($!)
		"${write[@]}" --in "tcp://*:$((port + 1))" "${secret[@]}" >"$job/manifest" &
		pids+=($!)
		echo "$(hostname -f 2>/dev/null || hostname) $port $((port + 1))" >"$job/head.new" && mv "$job/head.new" "$job/head"
		watch ""
		[ -z "$asked" ] || again
		[ $status = 2 ] || break # 2: a port that is taken, or wrong use
	done
	if [ $status -gt 2 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 3 ]; then
		echo "the run was cut (exit status $status): it starts again and keeps what is finished" >&2
		scontrol requeue "$SLURM_JOB_ID" && exit $status
	fi
	echo $status >"$job/finished"
	rm -f "$job/head"
	exit $status
}

# one pipe from the head and back to it; between its stages are sockets, so that nothing counts as done before it is written
pipe() {
	local device=() d=$1/$2 in=tcp://$host:$from
	[ "$gpus" = 0 ] || device=(--device "cuda:$2")
	mkdir -p "$d"
	if [ ${#collate[@]} -gt 0 ]; then # small targets in batches
		"${collate[@]}" --in "$in" --out "ipc://$d/collate" "${secret[@]}" &
		pids+=($!)
		in=ipc://$d/collate
	fi
	"${trunk[@]}" --in "$in" --out "ipc://$d/trunk" "${secret[@]}" "${device[@]}" &
	pids+=($!)
	"${diffuse[@]}" --in "ipc://$d/trunk" --out "ipc://$d/diffuse" "${secret[@]}" "${device[@]}" &
	pids+=($!)
	"${confidence[@]}" --in "ipc://$d/diffuse" --out "tcp://$host:$to" "${secret[@]}" "${device[@]}" &
	pids+=($!)
}

worker_job() {
	local d g at failures=0
	while [ ! -e "$job/finished" ]; do
		if [ ! -s "$job/head" ]; then
			sleep 2
			[ -z "$asked" ] || again
			continue
		fi
		at=$(cat "$job/head")
		read -r host from to <<<"$at"
		d=$(mktemp -d "${TMPDIR:-/tmp}/boltzpipe.XXXXXX") || exit 2
		g=0
		while pipe "$d" $g; g=$((g + 1)); [ $g -lt "$gpus" ]; do :; done
		watch "$at"
		rm -rf "$d"
		[ -z "$asked" ] || again
		[ $status -gt 1 ] || exit 0 # the end has come; the head knows which targets failed
		failures=$((failures + 1))
		[ $failures -lt 10 ] || exit $status
		sleep $((failures * 2)) # the head may be on its way to another node
	done
	exit 0
}

case ${1:-} in
head) head_job ;;
worker) worker_job ;;
*) echo "usage: sbatch $0 head|worker" >&2; exit 2 ;;
esac
