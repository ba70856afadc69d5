#include "pairs.cuh"

extern "C" {
#include "ops/pair_sinc.h"
}

/* a block a sample and row; a warp takes q points in turn and every pair of the row */
static __global__ void
debye(struct bp_pair_sinc a, struct bp_pairs p)
{
	const int rows = bp_pair_rows(&p), b = blockIdx.x / rows;
	const struct bp_row_pairs r = bp_row_of(&p, blockIdx.x % rows);
	const double *x = p.x + 3 * (int64_t)b * p.n, *e = p.a ? p.a + (int64_t)b * p.n : NULL;
	const int nj = r.j1 - r.j0, lane = threadIdx.x % 32, warps = blockDim.x / 32;
	const int64_t pairs = (int64_t)(r.i1 - r.i0) * nj;

	for (int k = blockIdx.y * warps + threadIdx.x / 32; k < a.nq; k += gridDim.y * warps) {
		double sum = 0;
		for (int64_t m = lane; m < pairs; m += 32) {
			int i = r.i0 + (int)(m / nj), j = r.j0 + (int)(m % nj);
			if (i != j && !(r.halved && j < i))
				sum += (r.ai ? e[i] : 1) * (r.aj ? e[j] : 1) * bp_sinc(a.q[k] * bp_pair_distance(x, i, j));
		}
		for (int d = 16; d; d /= 2)
			sum += __shfl_xor_sync(~0u, sum, d);
		if (lane == 0)
			a.S[(int64_t)blockIdx.x * a.nq + k] = sum;
	}
}

int
bp_pair_sinc_cuda(struct bp_ctx *cx, const struct bp_pair_sinc *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	if (!cx->dry)
		debye<<<dim3((unsigned)(p.b * bp_pair_rows(&p)), (unsigned)((a->nq + 7) / 8)), 256, 0, bp_stream(cx)>>>(*a, p);
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_sinc");
}
