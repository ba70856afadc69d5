#!/bin/sh
# bundle.sh PROGRAMS OUT [small]: make the folder OUT of the linked programs in PROGRAMS: bin/, the shared libraries they need in lib/ (all but
# glibc's, which every machine has), share/ and bench/. It runs wherever it is put; `make bundle` calls this. small: without
# cuBLAS, ccd, the demonstration's weights and its deposited structures, and packed, for carrying to a machine that has CUDA's libraries.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
programs=$1
out=$2
small=${3:-}
rm -rf "$out"
mkdir -p "$out/bin" "$out/lib" "$out/share/demo" "$out/bench"
cp "$programs"/* "$out/bin"
[ -z "$small" ] || rm -f "$out/bin/ccd"
[ ! -f "$out/bin/test_check" ] || mv "$out/bin/test_check" "$out/bench/check"

for lib in $(ldd "$out"/bin/* "$out"/bench/check 2>/dev/null | awk '$2 == "=>" { print ($3 == "not" ? "missing:" $1 : $3) }' | sort -u); do
	case ${lib##*/} in
	missing:*) echo "bundle.sh: ${lib#missing:} is not found" >&2; exit 2 ;;
	libc.so.* | libm.so.* | libdl.so.* | librt.so.* | libpthread.so.* | libmvec.so.* | ld-linux*) ;;
	*) cp -L "$lib" "$out/lib" ;;
	esac
done
if [ -z "$small" ] && [ -n "${CUDA_LIB:-}" ]; then # loaded by name at run time (kernels/blas.cu)
	found=$({ ls "$CUDA_LIB"/libcublasLt.so.[0-9][0-9]; ldconfig -p | sed -n 's|.* => \(.*/libcublasLt\.so\.[0-9]*\)$|\1|p'; } 2>/dev/null | head -n 1)
	[ -n "$found" ] || { echo "bundle.sh: no libcublasLt.so.NN in $CUDA_LIB" >&2; exit 2; }
	cp -L "$found" "$out/lib"
fi
cp -r "$here/share/ccd" "$here/share/completion" "$here/share/slurm" "$out/share"
cp -r "$here/share/demo/inputs" "$here/share/demo/demo.sh" "$out/share/demo"
[ -n "$small" ] || cp -r "$here/share/demo/truth" "$here/share/demo/boltz-demo.safetensors" "$out/share/demo"
for f in "$here"/bench/*.sh "$here"/bench/mk* "$here"/bench/published.* "$here"/bench/*.py "$here"/bench/README.md; do cp "$f" "$out/bench"; done
chmod -R u+w "$out"

glibc=$(objdump -T "$out"/bin/* "$out"/lib/lib[!c]*.so.* 2>/dev/null | sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -uV | tail -n 1)
cat >"$out/README" <<END
boltzpipe, to be run from any place: put bin/ on the PATH, or call bin/boltzpipe.
It needs Linux on $(uname -m) with glibc ${glibc:-of this machine} or later$([ -z "${CUDA_LIB:-}" ] || echo ", and for --device cuda an NVIDIA driver").
$([ -z "$small" ] || echo "The small kind: ccd, the demonstration's weights and CUDA's libraries are left out.")
END
echo "$out: $(du -sm "$out" | cut -f 1) MiB, glibc ${glibc:-?}"
# the programs share most of their kernels: what is packed is a tenth
if [ -n "$small" ] && command -v xz >/dev/null; then
	tar -C "$(dirname "$out")" -c "$(basename "$out")" | xz -T1 --lzma2=preset=1,dict=192MiB >"$out.tar.xz"
	echo "$out.tar.xz: $(du -sm "$out.tar.xz" | cut -f 1) MiB"
fi
