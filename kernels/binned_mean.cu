#include "cuda.cuh"

extern "C" {
#include "ops/binned_mean.h"
}

/* one thread a row and table */
static __global__ void
means(struct bp_binned_mean a)
{
	BP_EACH(t, a.rows * a.tables) {
		const float *x = a.logits + t % a.rows * a.bins, *v = a.value + t / a.rows * a.bins;
		float max = x[0];
		double sum = 0, mean = 0;
		for (int k = 1; k < a.bins; k++)
			max = fmaxf(max, x[k]);
		for (int k = 0; k < a.bins; k++) {
			double p = exp((double)x[k] - max);
			sum += p;
			mean += p * v[k];
		}
		a.out[t] = (float)(mean / sum);
	}
}

int
bp_binned_mean_cuda(struct bp_ctx *cx, const struct bp_binned_mean *a)
{
	if (cx->dry || a->rows == 0)
		return BP_OK;
	means<<<BP_GRID(a->rows * a->tables), 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "binned_mean");
}
