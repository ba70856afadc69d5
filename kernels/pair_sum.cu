#include "cuda.cuh"

extern "C" {
#include "ops/pair_sum.h"
}

static __global__ void
sum(struct bp_pair_sum a)
{
	BP_EACH(t, (int64_t)a.n * a.n * a.c) {
		int64_t r = t / a.c, c = t % a.c;
		float v = a.a[r / a.n * a.c + c] + a.b[r % a.n * a.c + c];
		a.out[t] = a.add ? a.out[t] + v : v;
	}
}

int
bp_pair_sum_cuda(struct bp_ctx *cx, const struct bp_pair_sum *a)
{
	if (cx->dry)
		return BP_OK;
	sum<<<BP_GRID((int64_t)a->n * a->n * a->c), 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "pair_sum");
}
