#include "cuda.cuh"

extern "C" {
#include "ops/affine.h"
}

static __global__ void
affine(struct bp_affine a)
{
	BP_EACH(i, a.count)
		a.out[i] = a.alpha * a.x[i] + (a.y ? a.beta * a.y[i] : 0);
}

int
bp_affine_cuda(struct bp_ctx *cx, const struct bp_affine *a)
{
	if (cx->dry || a->count == 0)
		return BP_OK;
	affine<<<BP_GRID(a->count), 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "affine");
}
