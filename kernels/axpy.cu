#include "cuda.cuh"

extern "C" {
#include "ops/axpy.h"
}

static __global__ void
axpy(struct bp_axpy a)
{
	BP_EACH(i, a.count)
		a.y[i] += a.alpha * a.x[i];
}

int
bp_axpy_cuda(struct bp_ctx *cx, const struct bp_axpy *a)
{
	if (cx->dry || a->count == 0)
		return BP_OK;
	axpy<<<BP_GRID(a->count), 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "axpy");
}
