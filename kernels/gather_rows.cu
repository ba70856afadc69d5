#include "cuda.cuh"

extern "C" {
#include "ops/gather_rows.h"
}

static __global__ void
gather(struct bp_gather_rows a)
{
	int64_t sample = (int64_t)a.rows * a.c;

	BP_EACH(t, a.b * sample) {
		int64_t b = t / sample;
		int index = a.index[t % sample / a.c];
		float v = index >= 0 ? a.x[(b * a.from + index) * a.c + t % a.c] : 0;
		a.out[t] = a.add ? a.out[t] + v : v;
	}
}

int
bp_gather_rows_cuda(struct bp_ctx *cx, const struct bp_gather_rows *a)
{
	int64_t n = (int64_t)a->b * a->rows * a->c;

	if (cx->dry || n == 0)
		return BP_OK;
	gather<<<BP_GRID(n), 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "gather_rows");
}
