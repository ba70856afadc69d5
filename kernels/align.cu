#include "cuda.cuh"

extern "C" {
#include "ops/align.h"
}

#include "ops/rotation.h"

/* one block a sample: centroids, covariance, rotation (every thread finds the same), motion; nothing is moved when the weights
 * add up to nothing, and *bad tells */
static __global__ void
align(struct bp_align a, int *bad)
{
	int64_t at = 3 * (int64_t)blockIdx.x * a.atoms;
	double sum = 0, mx[3], mt[3], H[3][3], R[3][3];

	for (int i = threadIdx.x; i < a.atoms; i += blockDim.x)
		sum += a.w[i];
	sum = bp_block_sum(sum);
	if (!(sum > 0)) {
		*bad = 1;
		return;
	}
	for (int s = 0; s < 3; s++) {
		double x = 0, t = 0;
		for (int i = threadIdx.x; i < a.atoms; i += blockDim.x) {
			x += (double)a.w[i] * a.x[at + 3 * (int64_t)i + s];
			t += (double)a.w[i] * a.target[at + 3 * (int64_t)i + s];
		}
		mx[s] = bp_block_sum(x) / sum;
		mt[s] = bp_block_sum(t) / sum;
	}
	for (int s = 0; s < 3; s++)
		for (int d = 0; d < 3; d++) {
			double h = 0;
			for (int i = threadIdx.x; i < a.atoms; i += blockDim.x) {
				int64_t p = at + 3 * (int64_t)i;
				h += a.w[i] * (a.target[p + s] - mt[s]) * (a.x[p + d] - mx[d]);
			}
			H[s][d] = bp_block_sum(h);
		}
	bp_best_rotation(R, H);
	for (int i = threadIdx.x; i < a.atoms; i += blockDim.x) {
		int64_t p = at + 3 * (int64_t)i;
		double d[3] = { a.x[p] - mx[0], a.x[p + 1] - mx[1], a.x[p + 2] - mx[2] };
		for (int s = 0; s < 3; s++)
			a.out[p + s] = (float)(R[s][0] * d[0] + R[s][1] * d[1] + R[s][2] * d[2] + mt[s]);
	}
}

int
bp_align_cuda(struct bp_ctx *cx, const struct bp_align *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int *bad, told = 0;

	BP_CUDA_NEW(bad, 1, cx);
	if (!cx->dry && a->b && a->atoms) {
		BP_TRY(bp_dev_zero(cx, bad, sizeof *bad));
		align<<<a->b, 512, 0, bp_stream(cx)>>>(*a, bad);
		BP_TRY(bp_launched(cx, "align"));
		BP_TRY(bp_dev_download(cx, &told, bad, sizeof told));
	}
	bp_dev_release(cx, m);
	if (told)
		return BP_FAIL(cx->err, BP_ENUM, "the target needs at least one real atom", "align: the weights add up to nothing");
	return BP_OK;
}
