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
	const void *start = p->start_up;

	*up = *p;
	if (!start)
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

#endif
