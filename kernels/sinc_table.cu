#include "cuda.cuh"

extern "C" {
#include "ops/sinc_table.h"
}

static __global__ void
table(struct bp_sinc_table a)
{
	BP_EACH(i, (int64_t)a.bins * a.nq) {
		a.sums[i] = bp_sinc_share(a.q[i % a.nq], (int)(i / a.nq), a.h);
		a.slopes[i] = bp_sinc_force_share(a.q[i / a.bins], (int)(i % a.bins), a.h);
	}
}

int
bp_sinc_table_cuda(struct bp_ctx *cx, const struct bp_sinc_table *a)
{
	if (cx->dry)
		return BP_OK;
	table<<<BP_GRID((int64_t)a->bins * a->nq), 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "sinc_table");
}
