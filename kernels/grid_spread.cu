#include "follow.cuh"

extern "C" {
#include "ops/grid_spread.h"
}
#include "ops/q_grid.h"

/* without grid: a thread a q point */
static __global__ void
times(struct bp_grid_spread a)
{
	bp_after();
	BP_EACH(at, (int64_t)a.b * a.nq) {
		const double E = a.E[at], g = a.g[at];
		double *out = a.out + at / a.nq * 3 * a.nq + at % a.nq;
		out[0] = E, out[a.nq] = E * g, out[2 * (int64_t)a.nq] = E * g * g;
	}
}

/* A warp a grid point. It looks at every q: they come in any order, and few curves have many. */
static __global__ void
spread(struct bp_grid_spread a)
{
	bp_after();
	const int64_t at = (blockIdx.x * (int64_t)blockDim.x + threadIdx.x) / 32, b = at / a.n;
	const int i = (int)(at % a.n), lane = threadIdx.x % 32;
	double sum[3] = { 0, 0, 0 };

	if (b >= a.b)
		return;
	for (int k = lane; k < a.nq; k += 32) {
		const double t = a.q[k] / a.step;
		if (fabs(t - i) >= BP_NODES / 2 + 1 && t + i >= BP_NODES / 2 + 1)
			continue;
		const double E = a.E[b * a.nq + k], g = a.g[b * a.nq + k];
		double w[BP_NODES], own = 0;
		const int first = bp_grid_nodes(w, t) - BP_LEFT;
#pragma unroll
		for (int m = 0; m < BP_NODES; m++)
			own += abs(first + m) == i ? w[m] : 0;
		sum[0] += own * E, sum[1] += own * E * g, sum[2] += own * E * g * g;
	}
	for (int c = 0; c < 3; c++)
		for (int d = 16; d; d /= 2)
			sum[c] += __shfl_xor_sync(~0u, sum[c], d);
	if (lane < 3)
		a.out[(b * 3 + lane) * a.n + i] = sum[lane];
}

int
bp_grid_spread_cuda(struct bp_ctx *cx, const struct bp_grid_spread *a)
{
	if (cx->dry || a->b == 0)
		return BP_OK;
	if (a->n)
		bp_follow(spread, BP_GRID(32 * (int64_t)a->b * a->n), 0, cx, *a);
	else
		bp_follow(times, BP_GRID((int64_t)a->b * a->nq), 0, cx, *a);
	return bp_launched(cx, "grid_spread");
}
