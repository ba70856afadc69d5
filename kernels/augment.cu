#include "cuda.cuh"

extern "C" {
#include "ops/augment.h"
}

/* one block a sample: the mean, then the motion */
static __global__ void
augment(struct bp_augment a)
{
	int64_t b = blockIdx.x, at = 3 * b * a.atoms;
	double mean[3] = { 0, 0, 0 };
	const int centred = a.centred ? a.centred : a.atoms;

	for (int s = 0; s < 3 && a.R; s++) {
		for (int i = threadIdx.x; i < centred; i += blockDim.x)
			mean[s] += a.x[at + 3 * (int64_t)i + s];
		mean[s] = bp_block_sum(mean[s]) / centred;
	}
	for (int i = threadIdx.x; i < a.atoms; i += blockDim.x) {
		int64_t p = at + 3 * (int64_t)i;
		double x[3], y[3], noise = a.w ? a.scale * (a.w[i] + a.rest * (1.0 - a.w[i])) : a.scale;
		for (int s = 0; s < 3; s++)
			x[s] = a.x[p + s] - mean[s];
		for (int s = 0; s < 3; s++)
			y[s] = a.R ? x[0] * a.R[9 * b + s] + x[1] * a.R[9 * b + 3 + s] + x[2] * a.R[9 * b + 6 + s] + a.tr[3 * b + s] : x[s];
		for (int s = 0; s < 3; s++)
			a.out[p + s] = (float)(y[s] + (a.eps ? noise * a.eps[p + s] : 0));
	}
}

int
bp_augment_cuda(struct bp_ctx *cx, const struct bp_augment *a)
{
	if (cx->dry || a->b == 0 || a->atoms == 0)
		return BP_OK;
	augment<<<a->b, 1024, 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "augment");
}
