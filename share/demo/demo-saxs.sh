#!/bin/sh
# demo-saxs.sh BIN OUT: on $DEVICE (cpu) let SAXS curves, and radii of gyration, choose between two states of adenylate kinase. One trunk, five runs of SAMPLES samples
# (8) of STEPS steps (200): unguided, guided by the curve of the open and of the closed state, and by their radii of gyration. A line a sample: reduced
# chi2 against both curves, Rg, heavy-atom RMSD to both crystal structures, and how far bond lengths are from those of the unguided sample nearest to
# the state (rms, all A).
#
# The keys: the curves were computed without solvent (model=vacuum fits them at chi2 1.05 and 1.6 at the crystal structures, the default hydration at 15 and
# 106: it would pull the truth away). The network decides between the states at noise of 10 to 80 A, where it answers with the middle of both: each
# step must be able to move atoms by what separates that from a state (weight 0.5, 5 A a step). Below 1 A of noise it no longer follows (min_sigma).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$1 out=$2 n=${SAMPLES:-8} steps=${STEPS:-200} device=${DEVICE:-cpu}
PATH=$bin:$PATH
weights=$here/boltz-demo.safetensors
keys=weight=0.5,max_displacement_per_step=5,min_sigma=1
mkdir -p "$out"
featurize "$here/inputs/adk.yaml" | trunk -q --device "$device" --weights "$weights" --recycling-steps 0 --out "$out/trunk.bp"

# NAME GUIDE: one run, unless it is there
run() {
	name=$1
	shift
	[ -f "$out/$name/done" ] || {
		diffuse -q --device "$device" --weights "$weights" --diffusion-samples "$n" --max-parallel-samples "$n" --sampling-steps "$steps" "$@" --in "$out/trunk.bp" |
			confidence -q --device "$device" --weights "$weights" |
			write -q -o "$out/$name" --output-format pdb --no-write-full-pae --no-write-full-pde --override >"$out/$name.manifest"
		touch "$out/$name/done"
	}
}
models() { ls "$out/$1"/predictions/adk/adk_model_*.pdb | sort -t_ -k3 -V; }

# rms difference of bond lengths of each model from a reference: CRYSTAL (which tells what is bonded) REFERENCE MODEL...
bonds() {
	awk '
	function length_of(b) { return sqrt((x[p[b]] - x[q[b]])^2 + (y[p[b]] - y[q[b]])^2 + (z[p[b]] - z[q[b]])^2) }
	function model(b, i, j, s, d) {
		if (files == 1) {
			for (i = 1; i <= m; i++)
				for (j = i + 1; j <= m && j <= i + 30; j++)
					if ((x[i] - x[j])^2 + (y[i] - y[j])^2 + (z[i] - z[j])^2 < 3.8) { p[++nb] = i; q[nb] = j }
			return
		}
		if (files == 2) { for (b = 1; b <= nb; b++) reference[b] = length_of(b); return }
		for (b = 1; b <= nb; b++) { d = length_of(b) - reference[b]; s += d * d }
		printf "%.3f\n", sqrt(s / nb)
	}
	FNR == 1 { if (files) model(); files++; m = 0 }
	/^(ATOM|HETATM)/ { m++; x[m] = substr($0, 31, 8); y[m] = substr($0, 39, 8); z[m] = substr($0, 47, 8) }
	END { model() }' "$@"
}
# the unguided sample nearest to a state: the network bonds the open state a little otherwise than the closed (0.13 A rms)
nearest() { models unguided | paste "$out/unguided.rmsd.$1" - | sort -g | head -1 | cut -f2; }
value() { sed "s/.*\"$1\": \([-0-9.e+]*\).*/\1/"; }
table() { # NAME STATE
	for s in open closed; do
		guide-saxs -q --data "$here/saxs/adk_$s.dat" --model vacuum $(models "$1") >"$out/$1.$s.json"
		value chi2_reduced <"$out/$1.$s.json" >"$out/$1.chi2.$s"
		for f in $(models "$1"); do boltzpipe rmsd --brief "$f" "$here/truth/adk_$s.pdb"; done >"$out/$1.rmsd.$s"
	done
	value rg_atoms <"$out/$1.open.json" >"$out/$1.rg"
	bonds "$here/truth/adk_$2.pdb" "$(nearest $2)" $(models "$1") >"$out/$1.bonds"
	echo
	echo "$1: chi2 open, closed | Rg | RMSD to open, closed | bonds"
	paste "$out/$1.chi2.open" "$out/$1.chi2.closed" "$out/$1.rg" "$out/$1.rmsd.open" "$out/$1.rmsd.closed" "$out/$1.bonds" |
		awk '{ printf "%8.2f %8.2f | %6.2f | %6.2f %6.2f | %6.3f\n", $1, $2, $3, $4, $5, $6 }'
	printf 'median:'
	for c in chi2.open chi2.closed rg rmsd.open rmsd.closed bonds; do printf ' %s %.3f' $c "$(median "$out/$1.$c")"; done
	echo
}
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

run unguided
run open --guide "saxs:$here/saxs/adk_open.dat,model=vacuum,$keys"
run closed --guide "saxs:$here/saxs/adk_closed.dat,model=vacuum,$keys"
run rg_open --guide "rg:19.61,$keys"
run rg_closed --guide "rg:16.65,$keys"
for r in "unguided closed" "open open" "closed closed" "rg_open open" "rg_closed closed"; do table $r; done

echo
failed=0
for s in open closed; do
	crystal=$(guide-saxs -q --data "$here/saxs/adk_$s.dat" --model vacuum "$here/truth/adk_$s.pdb" | value chi2_reduced)
	for r in $s rg_$s; do
		awk -v run=$r -v state=$s -v free="$(median "$out/unguided.rmsd.$s")" -v rmsd="$(median "$out/$r.rmsd.$s")" \
			-v crystal="$crystal" -v chi0="$(median "$out/unguided.chi2.$s")" -v chi="$(median "$out/$r.chi2.$s")" -v bonds="$(median "$out/$r.bonds")" 'BEGIN {
			near = rmsd <= free - 1 || (free <= 1 && rmsd <= free + 0.2)
			fits = chi <= chi0 / 5 || chi <= 1.5 || chi <= crystal || run ~ /^rg_/ # which does not know the curve
			whole = bonds <= 0.1
			printf "%-10s RMSD to %s %.2f A (unguided %.2f): %s; chi2 %.2f (unguided %.1f, crystal %.2f): %s; bonds %.3f A: %s\n", run, state, rmsd, free,
				near ? "nearer" : "NOT NEARER", chi, chi0, crystal, run ~ /^rg_/ ? "not asked for" : fits ? "fits" : "DOES NOT FIT", bonds, whole ? "whole" : "STRETCHED"
			exit !(near && fits && whole) }' || failed=1
	done
done
if command -v gnuplot >/dev/null; then
	for s in open closed; do
		guide-saxs -q --data "$here/saxs/adk_$s.dat" --model vacuum -o "$out/fits_$s" --plot svg $(models $s) >/dev/null
	done
	echo "fits: $out/fits_open, $out/fits_closed"
else
	echo "no gnuplot: the fits are not drawn"
fi
exit $failed
