#!/bin/sh
# tests/large.sh BIN MKCKPT: import a checkpoint of the published size (2 GB, made by the oracle's mkckpt.py with $PYTHON, or kept in
# $LARGE_DIR) and see that it takes less than 300 MB of memory and that every tensor is right.
set -eu
bin=$1
dir=${LARGE_DIR:-build/large}
mkdir -p "$dir"
if [ ! -f "$dir/full.ckpt" ]; then
	[ -f "$2" ] || { echo "skipped: give ORACLE=PATH/mkckpt.py and PYTHON, a Python that has boltz" >&2; exit 77; }
	"${PYTHON:-python3}" "$2" full -o "$dir"
fi
for how in "" --bf16; do
	/usr/bin/time -f '%M %e' -o "$dir/time" "$bin/weights" import "$dir/full.ckpt" -o "$dir/out$how.safetensors" --override $how
	read -r kib seconds <"$dir/time"
	echo "import $how: $((kib / 1024)) MiB, $seconds s"
	[ "$kib" -lt 300000 ] || { echo "FAIL: more than 300 MB" >&2; exit 1; }
	"$bin/weights" verify "$dir/out$how.safetensors"
done
# the same tensors in the same order: everything behind the two headers is equal
skip() { echo $(($(od -An -t u8 -N8 "$1") + 8)); }
cmp -i "$(skip "$dir/out.safetensors"):$(skip "$dir/full.safetensors")" "$dir/out.safetensors" "$dir/full.safetensors"
echo "every byte of the tensors is that of full.safetensors"
