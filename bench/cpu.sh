#!/bin/sh
# cpu.sh BIN: time trunk, diffuse and confidence on the demonstration, and the whole run from the command line to the
# mmCIF file, beside upstream's PyTorch on as many threads in the same run. `make bench` calls it.
#
# From the environment: PYTHON (one with boltz 2.2.1 and msgpack; without it the PyTorch part is skipped), CASES (by
# default "ubiquitin adk"), THREADS (all), STEPS (200), SAMPLES (1), RECYCLING (0), REPEATS (2). Each figure is the best of
# REPEATS; the two programs take turns, so that other load on the machine meets both.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "$1" && pwd)
demo=$here/../share/demo
weights=$demo/boltz-demo.safetensors
cases=${CASES:-ubiquitin adk}
threads=${THREADS:-$(nproc)}
steps=${STEPS:-200}
samples=${SAMPLES:-1}
recycling=${RECYCLING:-0}
python=${PYTHON:-}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
figures=$dir/figures
log=$dir/log # what the stages say (they are demonstration weights, ...): shown when something fails
export OMP_NUM_THREADS="$threads" MKL_NUM_THREADS="$threads"
PATH=$bin:$PATH

die() { echo "cpu.sh: $*" >&2; tail -n 20 "$log" >&2; exit 1; }
now() { date +%s.%N; }
since() { echo "$1 $(now)" | awk '{ printf "%.4f", $2 - $1 }'; }

# the seconds of each stage that the first record of a stream passed, from its trail
trail() {
	boltzpipe show --json "$1" | head -n 1 | sed 's/.*"trail": *\[//' | tr '{' '\n' |
		sed -n 's/.*"tool": *"\([^"]*\)".*"seconds": *\([0-9.eE+-]*\).*/\1 \2/p'
}

# the three stages, with the options they have here; in and out are the caller's
run_trunk() { trunk --weights "$weights" --threads "$threads" --recycling-steps "$recycling" "$@" 2>>"$log"; }
run_diffuse() {
	diffuse --weights "$weights" --threads "$threads" --sampling-steps "$steps" --diffusion-samples "$samples" "$@" \
		2>>"$log"
}
run_confidence() { confidence --weights "$weights" --threads "$threads" "$@" 2>>"$log"; }

ours() { # CASE
	run_trunk --in "$dir/$1.features" --out "$dir/$1.trunk" || die "trunk failed"
	run_diffuse --in "$dir/$1.trunk" --out "$dir/$1.structures" || die "diffuse failed"
	run_confidence --in "$dir/$1.structures" --out "$dir/$1.scored" || die "confidence failed"
	trail "$dir/$1.scored" | awk -v c="$1" '
		$1 ~ /^(trunk|diffuse|confidence)$/ { print "ours", c, $1, $2; sum += $2; n++ }
		END { if (n != 3) exit 1; print "ours", c, "all", sum }' >>"$figures" ||
		die "no seconds of three stages in the trail"
	start=$(now)
	featurize "$demo/inputs/$1.yaml" 2>>"$log" | run_trunk | run_diffuse | run_confidence |
		write -o "$dir/out" --override >"$dir/manifest" 2>>"$log" || die "the pipe failed"
	echo "ours $1 cold $(since "$start")" >>"$figures"
}

theirs() { # CASE
	BENCH_START=$(now) "$python" "$here/oracle.py" --weights "$weights" \
		--threads "$threads" --steps "$steps" --recycling "$recycling" "$dir/$1.features:$samples" \
		2>>"$log" >"$dir/oracle" ||
		die "$python oracle.py failed"
	awk -v c="$1" '$1 == "cold" { print "theirs", c, $1, $2 } NF == 3 { print "theirs", c, $2, $3 }' "$dir/oracle" >>"$figures"
}

cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "machine: $cpu, $(nproc) cores, $(uname -sr), load $(cut -d' ' -f1 /proc/loadavg)"
echo "run: $threads threads, $steps steps, $samples samples, $recycling recycling steps, best of ${REPEATS:-2}"
trunk --version | head -n 1
if [ -n "$python" ]; then
	"$python" -c 'import importlib.metadata as m, msgpack
print("PyTorch", m.version("torch") + ", boltz", m.version("boltz"))' 2>"$log" ||
		die "$python has no torch, boltz or msgpack"
else
	echo "PyTorch: skipped, no PYTHON=... with boltz 2.2.1 and msgpack given"
fi
for c in $cases; do
	featurize "$demo/inputs/$c.yaml" --out "$dir/$c.features" 2>>"$log" || die "featurize failed"
	for _ in $(seq "${REPEATS:-2}"); do
		ours "$c"
		[ -z "$python" ] || theirs "$c"
	done
done
for _ in 1 2 3 4 5; do
	start=$(now)
	trunk --help >/dev/null
	weights show "$weights" >/dev/null
	echo "ours start help+weights $(since "$start")" >>"$figures"
done
awk '
	{ k = $1 SUBSEP $2 SUBSEP $3 }
	!(k in best) || $4 < best[k] { best[k] = $4 }
	{ line = $2 SUBSEP $3 }
	!(line in seen) { seen[line] = ++n; name[n] = $2; stage[n] = $3 }
	END {
		printf "%-12s %-14s %10s %10s %8s\n", "target", "stage", "ours s", "PyTorch s", "faster"
		for (i = 1; i <= n; i++) {
			a = best["ours" SUBSEP name[i] SUBSEP stage[i]]
			k = "theirs" SUBSEP name[i] SUBSEP stage[i]
			printf "%-12s %-14s %10.3f ", name[i], stage[i], a
			if (k in best)
				printf "%10.3f %7.2fx\n", best[k], best[k] / a
			else
				printf "%10s %8s\n", "-", "-"
		}
	}' "$figures"
echo "all: the three stages without start-up"
echo "cold: from the command to the mmCIF file (ours), to the end of the first prediction, which its command would still have to prepare and write (PyTorch)"
