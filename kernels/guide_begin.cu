#include "follow.cuh"

extern "C" {
#include "ops/guide_begin.h"
}

static __global__ void
take(struct bp_guide_begin a)
{
	bp_after();
	BP_EACH(i, a.count) {
		const float v = a.from[i];
		a.kept[i] = v;
		a.x[i] = v;
	}
}

int
bp_guide_begin_cuda(struct bp_ctx *cx, const struct bp_guide_begin *a)
{
	if (cx->dry || a->count == 0)
		return BP_OK;
	bp_follow(take, BP_GRID(a->count), 0, cx, *a);
	return bp_launched(cx, "guide_begin");
}
