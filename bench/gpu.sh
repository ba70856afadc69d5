#!/bin/sh
# gpu.sh [BIN]: time trunk, diffuse and confidence on one card at the published size, beside upstream's PyTorch in the same run, then with
# each optimisation off alone, and what guides add to diffuse. BIN is the folder of the programs (by default bin/ beside bench/, as in a bundle; in the source build/bin).
#
# A stage stays resident for two targets of one size: the first warms it, the second is timed (the trail's seconds, which end when the
# result is in the host's memory). cold: one target through `trunk | diffuse | confidence`, all three started for it, weights in the page cache.
#
# From the environment: WEIGHTS (by default made by mkweights, which needs numpy), SIZES ("256,1 512,1 512,5 1024,1": tokens,samples),
# DEVICE (cuda), STEPS (200), RECYCLING (3), ROWS (128, of the MSA), OPTIONS (for all three stages), PYTHON (one with torch and numpy: python3;
# empty: no PyTorch column), ORACLE (the folder of mkoracle, when PYTHON has no boltz), ABLATE ("512,1"; empty: no ablation), ONLY (ops to ablate:
# all that differ), GUIDED ("512,1"; empty: no guides), PROFILE (1: --profile of each size), OUT (keeps tables and logs).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=${1:-$here/../bin}
[ -d "$bin" ] || bin=$here/../build/bin
bin=$(cd "$bin" && pwd)
sizes=${SIZES:-256,1 512,1 512,5 1024,1}
device=${DEVICE:-cuda}
python=${PYTHON-python3}
ablate=${ABLATE-512,1}
guided=${GUIDED-512,1}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
log=$dir/log
out=${OUT:-$dir/out}
mkdir -p "$out"
PATH=$bin:$PATH
export BOLTZPIPE_PROGRESS=0

die() { echo "gpu.sh: $*" >&2; tail -n 20 "$log" >&2; exit 1; }
now() { date +%s.%N; }
since() { echo "$1 $(now)" | awk '{ printf "%.3f", $2 - $1 }'; }
# the seconds of each stage that the last target of a stream passed
trail() {
	boltzpipe show --json "$1" | grep '"trail"' | tail -n 1 | sed 's/.*"trail": *\[//' | tr '{' '\n' |
		sed -n 's/.*"tool": *"\([^"]*\)".*"seconds": *\([0-9.eE+-]*\), *"peak_bytes": *\([0-9]*\).*/\1 \2 \3/p'
}
compute() { tool=$1; shift; "$tool" --device "$device" --weights "$weights" ${OPTIONS:-} "$@" 2>>"$log"; }

# inputs: n512.yaml is the target, warm/n512w.yaml the same under another name
input() { # TOKENS
	[ ! -f "$dir/$1.features" ] || return 0
	"$here/mkinput" "$1" "${ROWS:-128}" "$dir"
	cp "$dir/n$1.yaml" "$dir/warm$1.yaml"
	featurize "$dir/warm$1.yaml" "$dir/n$1.yaml" --out "$dir/$1.features" 2>>"$log" || die "featurize failed"
	featurize "$dir/n$1.yaml" --out "$dir/$1.one" 2>>"$log" || die "featurize failed"
}

# the three stages one after the other on two targets; prints STAGE SECONDS PEAK_BYTES of the second
warm() { # TOKENS SAMPLES [OPTION...]
	n=$1 samples=$2
	shift 2
	compute trunk --recycling-steps "${RECYCLING:-3}" "$@" --in "$dir/$n.features" --out "$dir/trunk" || die "trunk failed"
	# shellcheck disable=SC2086
	compute diffuse --sampling-steps "${STEPS:-200}" --diffusion-samples "$samples" ${diffuse_options:-} "$@" --in "$dir/trunk" \
		--out "$dir/structures" ||
		die "diffuse failed"
	rm -f "$dir/trunk"
	compute confidence "$@" --in "$dir/structures" --out "$dir/scored" || die "confidence failed"
	trail "$dir/scored" | awk '$1 ~ /^(trunk|diffuse|confidence)$/ { print; s += $2; n++; if ($3 > p) p = $3 } END { print "all", s, p; exit n != 3 }' ||
		die "no seconds of three stages in the trail"
}

cold() { # TOKENS SAMPLES
	start=$(now)
	compute trunk --recycling-steps "${RECYCLING:-3}" --in "$dir/$1.one" |
		compute diffuse --sampling-steps "${STEPS:-200}" --diffusion-samples "$2" | compute confidence >"$dir/scored" || die "the pipe failed"
	since "$start"
}

: >"$log"
command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader
echo "run: --device $device, ${RECYCLING:-3} recycling steps, ${STEPS:-200} steps, MSA ${ROWS:-128} ${OPTIONS:-}"
trunk --version | head -n 1
weights=${WEIGHTS:-$dir/weights.safetensors}
if [ -z "${WEIGHTS:-}" ]; then
	"${python:-python3}" "$here/mkweights" "$weights" || die "no weights: give WEIGHTS=FILE, or a PYTHON with numpy"
fi
cat "$weights" >/dev/null # into the page cache

for size in $sizes; do
	n=${size%,*} samples=${size#*,}
	input "$n"
	warm "$n" "$samples" | sed "s/^/ours $size /" >>"$dir/figures"
	echo "ours $size cold $(cold "$n" "$samples")" >>"$dir/figures"
	if [ -n "${PROFILE:-}" ]; then
		: >"$log"
		warm "$n" "$samples" --profile >/dev/null
		cp "$log" "$out/profile-$n-$samples.txt"
	fi
done

if [ -n "$python" ]; then
	runs=
	for size in $sizes; do runs="$runs $dir/${size%,*}.one:${size#*,}"; done
	# shellcheck disable=SC2086
	if BENCH_START=$(now) PYTHONPATH=${ORACLE:-}${PYTHONPATH:+:$PYTHONPATH} "$python" "$here/oracle.py" --weights "$weights" --device "$device" \
		--steps "${STEPS:-200}" --recycling "${RECYCLING:-3}" $runs >"$out/oracle.txt" 2>"$out/oracle.log"; then
		"$python" -c 'import torch; print("PyTorch", torch.__version__)'
	else
		echo "PyTorch: failed: $(tail -n 1 "$out/oracle.log")"
	fi
	sed -n "s|^$dir/\([0-9]*\)\.one:\([0-9]*\) |theirs \1,\2 |p" "$out/oracle.txt" >>"$dir/figures"
fi

awk '
	{ v[$1, $2, $3] = $4; if ($1 == "ours" && $5) peak[$2] = $5 > peak[$2] + 0 ? $5 : peak[$2] }
	$1 == "ours" { if (!($2 in seen)) { seen[$2] = ++n; size[n] = $2 } }
	END {
		printf "%-10s %-12s %9s %9s %8s\n", "tokens,smp", "stage", "ours s", "PyTorch s", "faster"
		split("trunk diffuse confidence all", stage, " ")
		for (i = 1; i <= n; i++) {
			for (k = 1; k <= 4; k++) {
				a = v["ours", size[i], stage[k]]; b = v["theirs", size[i], stage[k]]
				printf "%-10s %-12s %9.3f %9s %8s\n", size[i], stage[k], a, b == "" ? "-" : sprintf("%.3f", b), b == "" ? "-" : sprintf("%.2fx", b / a)
			}
			printf "%-10s %-12s %9.3f   (%.3f s more than warm)\n", size[i], "cold", v["ours", size[i], "cold"], v["ours", size[i], "cold"] - v["ours", size[i], "all"]
			b = v["theirs", size[i], "peak"]
			printf "%-10s %-12s %9.2f %9s\n", size[i], "peak GiB", peak[size[i]] / 2^30, b == "" ? "-" : b
		}
	}' "$dir/figures" | tee "$out/table.txt"

# Guides, in turn with none: the best of some runs each. Random weights make structures about as wide as 40 A, twice a protein's radius: many bins.
guides() {
	n=${guided%,*} samples=${guided#*,} curve=$dir/curve.dat
	input "$n"
	"$here/mkcurve" >"$curve"
	compute trunk --in "$dir/$n.features" --out "$dir/trunk" || die "trunk failed"
	for run in 1 2 3; do
		for guide in none "saxs:$curve" rg:20 rg:20,rg_calculation_method=standard rg:20,guidance_interval=20; do
			compute diffuse --sampling-steps "${STEPS:-200}" --diffusion-samples "$samples" --guide "$guide" --in "$dir/trunk" --out "$dir/guided" ||
				die "diffuse --guide $guide failed"
			trail "$dir/guided" | sed -n "s|^diffuse|${guide%%:"$curve"}|p"
		done
	done | awk -v size="$guided" '
		!($1 in best) { name[n++] = $1; best[$1] = $2 } $2 < best[$1] { best[$1] = $2 }
		END {
			printf "\n%s: diffuse with a guide (seconds, best of runs in turn)\n%-36s %8s %9s\n", size, "guide", "s", "more"
			for (i = 0; i < n; i++) printf "%-36s %8.3f %8.2f%%\n", name[i], best[name[i]], 100 * (best[name[i]] / best["none"] - 1)
		}' | tee "$out/guided.txt"
}
[ -z "$guided" ] || guides

[ -n "$ablate" ] || exit 0
n=${ablate%,*} samples=${ablate#*,}
input "$n"
# ops whose two variants differ on this device
check=$here/check
[ -x "$check" ] || check=$bin/../tests/ops/test_check
only=${ONLY:-$("$check" list | awk -v d="${device%%:*}" '$3 == d { n[$1]++; if (n[$1] == 2) print $1 }' |
	grep -v -e '^pair_histogram' -e '^pair_force' -e '^pair_sinc' -e '^pair_move' -e '^sinc_' -e '^wave_' -e '^exposed_' -e '^rg_')} # those are of guidance
echo
echo "$ablate: each op as its original alone (seconds, all three stages)"
printf '%-24s %8s %9s\n' op s slower
warm "$n" "$samples" >"$dir/base"
base=$(awk '$1 == "all" { print $2 }' "$dir/base")
printf '%-24s %8.3f\n' "(none)" "$base" | tee "$out/ablation.txt"
line() { # NAME, and what warm prints
	awk -v name="$1" -v base="$base" '$1 == "all" { printf "%-24s %8.3f %8.2fx\n", name, $2, $2 / base }' | tee -a "$out/ablation.txt"
}
for op in $only; do
	warm "$n" "$samples" --op "$op=original" | line "$op"
done
warm "$n" "$samples" --precision fp32 | line "(all in fp32)"
if diffuse --help | grep -q -- --no-graphs; then
	diffuse_options=--no-graphs
	warm "$n" "$samples" | line "(no graphs)"
fi
