#include "follow.cuh"
#include "sums.cuh"

extern "C" {
#include "ops/guide_end.h"
}

/* a block a sample */
enum { THREADS = 1024 };
static __global__ void
__launch_bounds__(THREADS)
give(struct bp_guide_end a)
{
	bp_after();
	const int64_t at = 3 * (int64_t)blockIdx.x * a.n;
	const double *x = a.x + at;
	const float *kept = a.kept + at;
	double longest = 0, scale = 1;

	for (int i = threadIdx.x; i < a.n; i += THREADS) {
		double r2 = 0;
		for (int d = 0; d < 3; d++)
			r2 += (x[3 * i + d] - kept[3 * i + d]) * (x[3 * i + d] - kept[3 * i + d]);
		longest = fmax(longest, r2);
	}
	longest = sqrt(bp_block_most(longest));
	if (a.most > 0 && longest > a.most)
		scale = a.most / longest;
	for (int i = threadIdx.x; i < 3 * a.n; i += THREADS) {
		double was = kept[i], d = scale * (x[i] - was);
		a.to[at + i] = d != 0 ? (float)(was + d) : kept[i];
	}
	if (threadIdx.x == 0) {
		a.values[BP_END_VALUES * blockIdx.x + BP_END_LONGEST] = scale * longest;
		a.values[BP_END_VALUES * blockIdx.x + BP_END_SCALED] = scale;
	}
}

int
bp_guide_end_cuda(struct bp_ctx *cx, const struct bp_guide_end *a)
{
	if (cx->dry || a->b == 0)
		return BP_OK;
	bp_follow(give, a->b, THREADS, 0, cx, *a);
	return bp_launched(cx, "guide_end");
}
