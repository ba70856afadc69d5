#!/bin/sh
# demo.sh BIN OUT [NAME...]: predict the demonstration's inputs (all 25 without names) and compare with the deposited structures.
# SAMPLES and STEPS set the number of samples and sampling steps.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$1
out=$2
shift 2
PATH=$bin:$PATH
[ $# -gt 0 ] || set -- $(cd "$here/inputs" && ls *.yaml | sed 's/\.yaml$//')
mkdir -p "$out"
inputs=
for n in "$@"; do inputs="$inputs $here/inputs/$n.yaml"; done
featurize $inputs |
	trunk --weights "$here/boltz-demo.safetensors" --recycling-steps 0 |
	diffuse --weights "$here/boltz-demo.safetensors" --diffusion-samples "${SAMPLES:-1}" --sampling-steps "${STEPS:-200}" |
	confidence --weights "$here/boltz-demo.safetensors" |
	write -o "$out" --override >"$out.manifest"
for n in "$@"; do
	for model in "$out/predictions/$n/$n"_model_*.cif; do
		json=$(echo "$model" | sed 's|/\([^/]*\)\.cif$|/confidence_\1.json|')
		plddt=$(sed -n 's/.*"complex_plddt": \([0-9.]*\).*/\1/p' "$json")
		printf '%s  pLDDT %.3f ' "$model" "$plddt"
		for truth in "$here/truth/$n".pdb "$here/truth/${n}"_open.pdb "$here/truth/${n}"_closed.pdb; do
			[ ! -f "$truth" ] || printf ' %s A from %s' "$(boltzpipe rmsd --brief "$model" "$truth")" "$(basename "$truth")"
		done
		echo
	done
done
