#include "cuda.cuh"

extern "C" {
#include "ops/align.h"
}

#include "ops/rotation.h"

/* of sample b */
static __device__ inline const float *
weights(const struct bp_align &a, int b)
{
	return a.w + (int64_t)(a.members > 1 ? b % a.members : 0) * a.atoms;
}

/* one block a sample: centroids, covariance, rotation (every thread finds the same), motion; nothing is moved when the weights
 * add up to nothing, and *bad tells */
static __global__ void
align(struct bp_align a, int *bad)
{
	const float *w = weights(a, blockIdx.x);
	int64_t at = 3 * (int64_t)blockIdx.x * a.atoms;
	double sum = 0, mx[3], mt[3], H[3][3], R[3][3];

	for (int i = threadIdx.x; i < a.atoms; i += blockDim.x)
		sum += w[i];
	sum = bp_block_sum(sum);
	if (!(sum > 0)) {
		*bad = 1;
		return;
	}
	for (int s = 0; s < 3; s++) {
		double x = 0, t = 0;
		for (int i = threadIdx.x; i < a.atoms; i += blockDim.x) {
			x += (double)w[i] * a.x[at + 3 * (int64_t)i + s];
			t += (double)w[i] * a.target[at + 3 * (int64_t)i + s];
		}
		mx[s] = bp_block_sum(x) / sum;
		mt[s] = bp_block_sum(t) / sum;
	}
	for (int s = 0; s < 3; s++)
		for (int d = 0; d < 3; d++) {
			double h = 0;
			for (int i = threadIdx.x; i < a.atoms; i += blockDim.x) {
				int64_t p = at + 3 * (int64_t)i;
				h += w[i] * (a.target[p + s] - mt[s]) * (a.x[p + d] - mx[d]);
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

/* ---- optimized: one pass over the sums, nothing that the host waits for ----
 * Sums are taken about the first atoms, so that taking off the centroids' product at the end cancels little. A sample whose weights add up to
 * nothing comes out as NaN. */

enum { SUMS = 16, WIDE = 1024 };

static __global__ void __launch_bounds__(WIDE)
align_once(struct bp_align a)
{
	__shared__ double part[WIDE / 32][SUMS], total[SUMS], R[3][3];
	int64_t at = 3 * (int64_t)blockIdx.x * a.atoms;
	const float *x = a.x + at, *t = a.target + at, *weight = weights(a, blockIdx.x);
	double x0[3] = { x[0], x[1], x[2] }, t0[3] = { t[0], t[1], t[2] }, s[SUMS] = {}, mx[3], mt[3];

	for (int i = threadIdx.x; i < a.atoms; i += WIDE) {
		double w = weight[i], dx[3], dt[3];
		for (int k = 0; k < 3; k++)
			dx[k] = x[3 * (int64_t)i + k] - x0[k], dt[k] = w * (t[3 * (int64_t)i + k] - t0[k]);
		s[0] += w;
#pragma unroll
		for (int k = 0; k < 3; k++) {
			s[1 + k] += w * dx[k];
			s[4 + k] += dt[k];
#pragma unroll
			for (int l = 0; l < 3; l++)
				s[7 + 3 * k + l] += dt[k] * dx[l];
		}
	}
#pragma unroll
	for (int k = 0; k < SUMS; k++) {
		for (int d = 16; d; d /= 2)
			s[k] += __shfl_xor_sync(~0u, s[k], d);
		if (threadIdx.x % 32 == 0)
			part[threadIdx.x / 32][k] = s[k];
	}
	__syncthreads();
	if (threadIdx.x < SUMS) {
		double sum = 0;
		for (int i = 0; i < WIDE / 32; i++)
			sum += part[i][threadIdx.x];
		total[threadIdx.x] = sum;
	}
	__syncthreads();
	if (threadIdx.x == 0) {
		double H[3][3], turn[3][3];
		for (int k = 0; k < 3; k++)
			for (int l = 0; l < 3; l++)
				H[k][l] = total[7 + 3 * k + l] - total[4 + k] * total[1 + l] / total[0];
		bp_best_rotation(turn, H);
		for (int k = 0; k < 9; k++)
			R[k / 3][k % 3] = turn[k / 3][k % 3];
	}
	__syncthreads();
	for (int k = 0; k < 3; k++)
		mx[k] = x0[k] + total[1 + k] / total[0], mt[k] = t0[k] + total[4 + k] / total[0];
	for (int i = threadIdx.x; i < a.atoms; i += WIDE) {
		const float *p = x + 3 * (int64_t)i;
		double d[3] = { p[0] - mx[0], p[1] - mx[1], p[2] - mx[2] };
		for (int k = 0; k < 3; k++)
			a.out[at + 3 * (int64_t)i + k] = (float)(R[k][0] * d[0] + R[k][1] * d[1] + R[k][2] * d[2] + mt[k]);
	}
}

int
bp_align_cuda_opt(struct bp_ctx *cx, const struct bp_align *a)
{
	if (cx->dry || a->b == 0 || a->atoms == 0)
		return BP_OK;
	align_once<<<a->b, WIDE, 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "align");
}
