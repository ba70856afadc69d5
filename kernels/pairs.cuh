/* kernels/pairs.cuh: what the CUDA rows over pairs of atoms (ops/pairs.h) share. Sums are in an order that does not change from run to
 * run; where threads add to one place, they add integers. */
#ifndef BP_PAIRS_CUH
#define BP_PAIRS_CUH

#include "cuda.cuh"

extern "C" {
#include "ops/pairs.h"
}

/* p with its start as device memory */
static inline int
bp_pairs_up(struct bp_ctx *cx, struct bp_pairs *up, const struct bp_pairs *p)
{
	const void *start;

	*up = *p;
	BP_TRY(bp_dev_upload(cx, &start, p->start, ((size_t)p->ntypes + 1) * sizeof *p->start));
	up->start = (const int32_t *)start;
	return BP_OK;
}

/* The pairs that meet row r (ops/pairs.h) are those of atoms i0 .. i1 - 1 with j0 .. j1 - 1, where halved: each twice. */
struct bp_row_pairs {
	int i0, i1, j0, j1;
	bool halved, ai, aj; /* weights a_i, a_j */
};

static __device__ inline struct bp_row_pairs
bp_row_of(const struct bp_pairs *p, int r)
{
	int s, t;

	if (r >= bp_type_pairs(p)) {
		t = r - bp_type_pairs(p);
		if (t == p->ntypes)
			return { 0, p->n, 0, p->n, true, true, true };
		return { p->start[t], p->start[t + 1], 0, p->n, false, false, true };
	}
	bp_pair_types(p, r, &s, &t);
	return { p->start[s], p->start[s + 1], p->start[t], p->start[t + 1], s == t, false, false };
}

/* out [3] = the sums of sum [3] over the block */
static __device__ inline void
bp_put_gradient(double *out, const double sum[3])
{
	for (int d = 0; d < 3; d++) {
		double total = bp_block_sum(sum[d]);
		if (threadIdx.x == 0)
			out[d] = total;
	}
}

/* C [m,n] = A [m,k] B [k,n] in fp64, row-major; A's rows lie lda apart. A block makes 32 x 32 numbers, a thread four. */
enum { BP_DTILE = 32 };
static __global__ void
bp_dproduct(double *C, const double *A, const double *B, int m, int n, int k, int lda)
{
	__shared__ double a[BP_DTILE][17], b[16][BP_DTILE];
	const int row = blockIdx.y * BP_DTILE + threadIdx.x / 16, col = blockIdx.x * BP_DTILE + threadIdx.x % 16;
	double sum[2][2] = { { 0, 0 }, { 0, 0 } };

	for (int k0 = 0; k0 < k; k0 += 16) {
		for (int i = threadIdx.x; i < 16 * BP_DTILE; i += 256) {
			int r = blockIdx.y * BP_DTILE + i / 16, c = blockIdx.x * BP_DTILE + i % BP_DTILE;
			a[i / 16][i % 16] = r < m && k0 + i % 16 < k ? A[(int64_t)r * lda + k0 + i % 16] : 0;
			b[i / BP_DTILE][i % BP_DTILE] = c < n && k0 + i / BP_DTILE < k ? B[(int64_t)(k0 + i / BP_DTILE) * n + c] : 0;
		}
		__syncthreads();
		for (int i = 0; i < 16; i++)
			for (int x = 0; x < 2; x++)
				for (int y = 0; y < 2; y++)
					sum[x][y] += a[threadIdx.x / 16 + 16 * x][i] * b[i][threadIdx.x % 16 + 16 * y];
		__syncthreads();
	}
	for (int x = 0; x < 2; x++)
		for (int y = 0; y < 2; y++)
			if (row + 16 * x < m && col + 16 * y < n)
				C[(int64_t)(row + 16 * x) * n + col + 16 * y] = sum[x][y];
}

static inline void
bp_dmultiply(struct bp_ctx *cx, double *C, const double *A, const double *B, int m, int n, int k, int lda)
{
	dim3 grid((unsigned)((n + BP_DTILE - 1) / BP_DTILE), (unsigned)((m + BP_DTILE - 1) / BP_DTILE));

	bp_dproduct<<<grid, 256, 0, bp_stream(cx)>>>(C, A, B, m, n, k, lda);
}

#endif
