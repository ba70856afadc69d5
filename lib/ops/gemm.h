/* lib/ops/gemm.h: the matrix product of the optimized CPU rows, for one thread. It takes the place of a BLAS: on the
 * shapes of this network, with weights packed once for many rows, it reaches 95 to 125 GFLOP/s a core where OpenBLAS
 * 0.3.21 reached 50 to 80 (AVX-512, 2.8 GHz). Threads split the rows of C, never a sum: each number of C is summed over
 * k in rising order in one chain of multiply-adds (chains of 256, added up, where k is longer), so its bytes depend
 * neither on the threads nor on how C is tiled. */
#ifndef BP_GEMM_H
#define BP_GEMM_H

#include <stdbool.h>
#include <stddef.h>

enum {
	BP_PANEL = 32,   /* columns of a packed panel                                      */
	BP_ROW_TILE = 84 /* rows that callers give at once: whole kernels, and small in L2 */
};

/* floats of a packed B of n columns and depth k */
static inline size_t
bp_packed(int n, int k)
{
	return (size_t)(n + BP_PANEL - 1) / BP_PANEL * BP_PANEL * (size_t)k;
}

/* Pack B, column j and depth l at B[j * ns + l * ks], for bp_gemm: dst [ceil(n/32)][k][32], zeros past n. For weights
 * [n,k]: ns = k, ks = 1. */
void bp_pack(float *dst, int n, int k, const float *B, size_t ns, size_t ks);

/* C[i * ldc + j] (+)= sum_l A[i * rs + l * cs] B(j, l), i < m, j < n, l < k. C must not overlap A. */
void bp_gemm(
    int m, int n, int k, const float *A, size_t rs, size_t cs, const float *packed, float *C, size_t ldc, bool add);

#endif
