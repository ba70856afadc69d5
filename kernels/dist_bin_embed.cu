#include "cuda.cuh"

extern "C" {
#include "ops/dist_bin_embed.h"
}

static __global__ void
embed(struct bp_dist_bin_embed a, const float *boundary, const float *E)
{
	BP_EACH(t, (int64_t)a.n * a.n * a.c) {
		int64_t r = t / a.c, c = t % a.c;
		const float *x = a.x + 3 * (r / a.n), *y = a.x + 3 * (r % a.n);
		float d0 = x[0] - y[0], d1 = x[1] - y[1], d2 = x[2] - y[2];
		float d = sqrtf(__fadd_rn(__fadd_rn(__fmul_rn(d0, d0), __fmul_rn(d1, d1)), __fmul_rn(d2, d2))); /* as on the CPU: no fused steps */
		int bin = 0;
		for (int k = 0; k < a.nbound; k++)
			bin += d > boundary[k];
		a.out[t] += E[(int64_t)bin * a.c + c];
		if (a.dist && c == 0)
			a.dist[r] = d;
	}
}

int
bp_dist_bin_embed_cuda(struct bp_ctx *cx, const struct bp_dist_bin_embed *a)
{
	if (cx->dry)
		return BP_OK;
	embed<<<BP_GRID((int64_t)a->n * a->n * a->c), 0, bp_stream(cx)>>>(*a, a->boundaries->p, a->E->p);
	return bp_launched(cx, "dist_bin_embed");
}
