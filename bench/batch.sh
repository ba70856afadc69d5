#!/bin/sh
# batch.sh [BIN]: what batches of small targets and graphs that outlive a target are worth on one card, at the published size. BIN as in gpu.sh.
#
# Batches: TARGETS targets of at most TOKENS tokens through trunk, diffuse and confidence, one after the other through files, by --batch 1 and by each of BATCHES. Seconds of
# a stage are those of a run with TARGETS and one batch more, less those of a run with that batch alone: start, weights and first lanes are not in them. The
# files that `write` makes must be those of --batch 1, byte for byte.
# Graphs: the second and later targets of one shape, by the trail, with graphs and with --no-graphs; the bytes must be the same.
#
# From the environment: WEIGHTS (by default made by mkweights, which needs numpy in PYTHON), TARGETS (32), TOKENS (100), BATCHES ("2 4 8"), GRAPHS ("100 256": tokens), DEVICE (cuda),
# STEPS (200), SAMPLES (1), RECYCLING (3), ROWS (128, of the MSA), OPTIONS (for all three stages).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=${1:-$here/../bin}
[ -d "$bin" ] || bin=$here/../build/bin
bin=$(cd "$bin" && pwd)
device=${DEVICE:-cuda} targets=${TARGETS:-32} tokens=${TOKENS:-100} batches=${BATCHES:-2 4 8}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
log=$dir/log
PATH=$bin:$PATH
export BOLTZPIPE_PROGRESS=0

die() { echo "batch.sh: $*" >&2; tail -n 20 "$log" >&2; exit 1; }
now() { date +%s.%N; }
since() { echo "$1 $(now)" | awk '{ printf "%.3f", $2 - $1 }'; }
stage() { # TOOL IN OUT [OPTION...]
	tool=$1 in=$2 to=$3
	shift 3
	case $tool in
	trunk) set -- --recycling-steps "${RECYCLING:-3}" "$@" ;;
	diffuse) set -- --sampling-steps "${STEPS:-200}" --diffusion-samples "${SAMPLES:-1}" "$@" ;;
	esac
	# shellcheck disable=SC2086
	"$tool" --device "$device" --weights "$weights" ${OPTIONS:-} "$@" --in "$in" --out "$to" 2>>"$log" || die "$tool failed"
}

: >"$log"
command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader
echo "run: --device $device, ${RECYCLING:-3} recycling steps, ${STEPS:-200} steps, MSA ${ROWS:-128} ${OPTIONS:-}"
trunk --version | head -n 1
weights=${WEIGHTS:-$dir/weights.safetensors}
[ -n "${WEIGHTS:-}" ] || "${PYTHON:-python3}" "$here/mkweights" "$weights" || die "no weights: give WEIGHTS=FILE, or a PYTHON with numpy"
cat "$weights" >/dev/null # into the page cache

# ---- batches ----

# COUNT targets as a file, of up to eight sizes below $tokens
features() { # COUNT FILE
	rm -rf "$dir/in"
	mkdir "$dir/in"
	i=0
	while [ $i -lt "$1" ]; do
		n=$((tokens - i % 8))
		[ -f "$dir/n$n.yaml" ] || "$here/mkinput" "$n" "${ROWS:-128}" "$dir"
		cp "$dir/n$n.yaml" "$dir/in/$(printf 't%03d' $i).yaml"
		i=$((i + 1))
	done
	featurize "$dir/in" --out "$2" 2>>"$log" || die "featurize failed"
}
# the three stages on FILE; adds KEY STAGE SECONDS to figures
run() { # FILE BATCH KEY
	collate --batch "$2" --in "$1" --out "$dir/features" 2>>"$log" || die "collate failed"
	start=$(now); stage trunk "$dir/features" "$dir/trunk"; echo "$3 trunk $(since "$start")" >>"$dir/figures"
	start=$(now); stage diffuse "$dir/trunk" "$dir/structures"; echo "$3 diffuse $(since "$start")" >>"$dir/figures"
	rm -f "$dir/trunk"
	start=$(now); stage confidence "$dir/structures" "$dir/scored"; echo "$3 confidence $(since "$start")" >>"$dir/figures"
	rm -f "$dir/structures"
}

echo
echo "$targets targets of up to $tokens tokens, seconds"
printf '%-8s %9s %9s %11s %9s %12s %8s  %s\n' batch trunk diffuse confidence all "a target" faster bytes
for b in 1 $batches; do
	features "$b" "$dir/few"
	features $((targets + b)) "$dir/many"
	: >"$dir/figures"
	run "$dir/few" "$b" few
	run "$dir/many" "$b" many
	rm -rf "$dir/out"
	write -o "$dir/out" --in "$dir/scored" >/dev/null 2>>"$log" || die "write failed"
	rm -f "$dir"/out/predictions/*/manifest_*
	(cd "$dir/out/predictions" && find . -type f | sort | while read -r f; do
		case $f in ./t*) [ "$(echo "$f" | sed 's|^./t0*\([0-9][0-9]*\)/.*|\1|')" -ge "$targets" ] || md5sum "$f" ;; esac
	done) >"$dir/sums$b"
	[ -s "$dir/sums$b" ] || die "no files"
	same="as --batch 1"
	cmp -s "$dir/sums1" "$dir/sums$b" || same=DIFFERENT
	awk -v b="$b" -v n="$targets" -v same="$same" -v base="${base:-0}" '
		{ v[$1, $2] = $3 }
		END {
			for (i = split("trunk diffuse confidence", s, " "); i; i--) all += t[i] = v["many", s[i]] - v["few", s[i]]
			printf "%-8s %9.3f %9.3f %11.3f %9.3f %12.3f %7.2fx  %s\n", b, t[1], t[2], t[3], all, all / n, base ? base / all : 1, same
		}' "$dir/figures" | tee "$dir/line"
	base=${base:-$(awk '{ print $5 }' "$dir/line")}
done

# ---- graphs ----

# seconds of STAGE for each target of a stream
seconds() { # STAGE FILE
	boltzpipe show --json "$2" | grep '"trail"' | sed 's/.*"trail": *\[//' | tr '{' '\n' |
		sed -n 's/.*"tool": *"'"$1"'".*"seconds": *\([0-9.eE+-]*\),.*/\1/p'
}
# numbers alone: ids and trails apart
numbers() { # FILE TENSOR
	for i in 0 1 2; do boltzpipe show -r $i -t "$2" --npy "$dir/npy" "$1" && cat "$dir/npy"; done | md5sum
}

echo
echo "three targets of one shape, seconds of the first, second, third"
printf '%-8s %-8s %-26s %-26s %s\n' tokens stage graphs --no-graphs bytes
for n in ${GRAPHS:-100 256}; do
	"$here/mkinput" "$n" "${ROWS:-128}" "$dir"
	for i in a b c; do cp "$dir/n$n.yaml" "$dir/$i$n.yaml"; done
	featurize "$dir/a$n.yaml" "$dir/b$n.yaml" "$dir/c$n.yaml" --out "$dir/features" 2>>"$log" || die "featurize failed"
	stage trunk "$dir/features" "$dir/with"
	stage trunk "$dir/features" "$dir/without" --no-graphs
	stage diffuse "$dir/with" "$dir/dwith"
	stage diffuse "$dir/with" "$dir/dwithout" --no-graphs
	for what in trunk,,z diffuse,d,sample_atom_coords; do
		tool=${what%%,*} d=${what#*,} tensor=${what##*,}
		d=${d%%,*}
		same=same
		[ "$(numbers "$dir/${d}with" "$tensor")" = "$(numbers "$dir/${d}without" "$tensor")" ] || same=DIFFERENT
		printf '%-8s %-8s %-26s %-26s %s\n' "$n" "$tool" "$(seconds "$tool" "$dir/${d}with" | xargs)" \
			"$(seconds "$tool" "$dir/${d}without" | xargs)" "$same"
	done
done
