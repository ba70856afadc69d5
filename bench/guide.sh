#!/bin/sh
# guide.sh BIN GUIDE: what SAXS guidance and scoring cost, a table in Markdown on stdout (make bench-guide, part of make bench): one evaluation of
# the optimized and the original rows, the methods, the four gradients, the filter, and beside them AUSAXS and the dense autograd Debye sum, when PYTHON
# (default python3) has pyausaxs and PyTorch. One thread each, CPU time: other work disturbs it less. Structures: lysozyme, and 2 and 10 of it side by side; an RNA of 298 atoms, and 100 of them, for what is slow.
set -eu
bin=$(cd "$1" && pwd)
guide=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
here=$(cd "$(dirname "$0")" && pwd)
structures=$here/../tests/golden/guide/structures
python=${PYTHON:-python3}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export OMP_NUM_THREADS=1 PATH="$bin:$PATH"

# a curve of 500 points, and N copies of lysozyme on a lattice of 45 A
"$here/mkcurve" >"$dir/curve.dat"
copies() {
	awk -v n="$1" '/^ATOM/ { line[m++] = $0 } END { for (c = 0; c < n; c++) for (i = 0; i < m; i++) { l = line[i]
		printf "%s%s%s%8.3f%8.3f%8.3f%s\n", substr(l, 1, 21), substr("ABCDEFGHIJ", c + 1, 1), substr(l, 23, 8), substr(l, 31, 8) + 45 * (c % 2),
			substr(l, 39, 8) + 45 * (int(c / 2) % 2), substr(l, 47, 8) + 45 * int(c / 4), substr(l, 55) } print "END" }' "$structures/lyz.pdb"
}
grep ^ATOM "$structures/rna14.pdb" | head -n 100 >"$dir/rna100.pdb"
for n in 1 2 10; do copies $n >"$dir/lyz$n.pdb"; done

echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc --all) cores, load $(cut -d' ' -f1 /proc/loadavg); one thread, best CPU time of several, ms; 500 points, hydration with c2 fitted"
echo
"$guide" time "$dir/curve.dat" "$dir/lyz1.pdb" "$dir/lyz2.pdb" "$dir/lyz10.pdb" "$structures/rna14.pdb" "$dir/rna100.pdb"
if command -v "$python" >/dev/null; then
	"$python" "$here/guide.py" "$dir/curve.dat" "$dir/lyz1.pdb" "$dir/lyz2.pdb" "$dir/lyz10.pdb"
else
	echo "skipped: AUSAXS and PyTorch: there is no $python" >&2
fi

# the filter; BEFORE=BIN, the programs of another version, runs in turn with it: the same machine, the same noise
filter() { # PROGRAM: its CPU time and that on the clock, of all structures
	start=$(date +%s.%N)
	sh -c '"$0" -q --threads 1 --score "$1" >/dev/null && times' "$1" "$dir/curve.dat" <"$dir/s.bp" | tail -n 1 | tr ms '  ' >"$dir/t" # of the children
	echo "$start $(date +%s.%N) $(cat "$dir/t")" | awk '{ print 60 * ($3 + $5) + $4 + $6, $2 - $1 }'
}
echo
echo "| guide-saxs --score, 1001 atoms, 500 points; the best of 7 runs | structures/s (clock on the wall) | CPU ms each |"
echo "|---|---|---|"
for shape in "400 1" "4 100"; do
	set -- $shape
	"$guide" stream "$dir/lyz1.pdb" "$1" "$2" >"$dir/s.bp"
	for run in 1 2 3 4 5 6 7; do
		for of in ${BEFORE:+"$BEFORE"} "$bin"; do echo "$of $(filter "$of/guide-saxs")"; done
	done | awk -v r="$1" -v s="$2" -v now="$bin" '!($1 in cpu) || $2 < cpu[$1] { cpu[$1] = $2 } !($1 in wall) || $3 < wall[$1] { wall[$1] = $3 }
		END { for (of in cpu) printf "| %d records of %d sample%s%s | %.0f | %.2f |\n", r, s, (s > 1 ? "s" : ""), (of == now ? "" : ", before"), r * s / wall[of], 1e3 * cpu[of] / (r * s) }' | sort -r
done

# what the fits find, beside AUSAXS
reference=${REFERENCE:-$here/../../shared/guidance/reference}
echo
if [ -r "$reference/lyz.json" ] && command -v "$python" >/dev/null; then
	"$python" "$here/guide_fits.py" "$bin" "$reference"
else
	echo "skipped: fits of the reference's structures: no $reference (REFERENCE=), or no $python" >&2
fi
