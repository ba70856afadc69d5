#include "follow.cuh"
#include "pairs.cuh"

extern "C" {
#include "ops/debye_profiles.h"
}

/* Sum of the layer's shares of the atoms of type t: by a warp, known to all its lanes. */
static __device__ inline double
own_term(const struct bp_pairs *p, const double *e, int t)
{
	double sum = 0;

#pragma unroll 4
	for (int i = p->start[t] + threadIdx.x % 32; i < p->start[t + 1]; i += 32)
		sum += e[i];
	for (int d = 16; d; d /= 2)
		sum += __shfl_xor_sync(~0u, sum, d);
	return sum;
}

/* a block 32 q points of a sample, a warp every WARPS-th row of them */
enum { WARPS = 16 };
static __global__ void
profiles(struct bp_debye_profiles a, struct bp_pairs p)
{
	bp_after();
	__shared__ double part[WARPS][BP_PROFILES][32];
	const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, b = blockIdx.y, T = p.ntypes;
	const int point = blockIdx.x * 32 + lane, k = min(point, a.nq - 1), pairs = bp_type_pairs(&p), rows = bp_pair_rows(&p);
	const double *e = p.a ? p.a + (int64_t)b * p.n : NULL;
	double sum[BP_PROFILES] = { 0, 0, 0, 0, 0, 0 }, layer = 0; /* of the layer itself: half the squares of all shares */

#pragma unroll 8
	for (int i = threadIdx.x; e && i < p.n; i += 32 * WARPS)
		layer += 0.5 * e[i] * e[i];
	if (e)
		layer = bp_block_sum(layer);
	for (int r = rows - 1 - warp; r >= 0; r -= WARPS) { /* those with much to add up first */
		double S = a.S[((int64_t)b * rows + r) * a.nq + k], x;
		if (r < pairs) {
			int i, j;
			bp_pair_types(&p, r, &i, &j);
			double vi = a.v[(int64_t)i * a.nq + k], vj = a.v[(int64_t)j * a.nq + k], si = a.s[(int64_t)i * a.nq + k],
			       sj = a.s[(int64_t)j * a.nq + k];
			x = 2 * (S + (i == j ? 0.5 * (p.start[i + 1] - p.start[i]) : 0));
			sum[BP_P_VV] += vi * vj * x;
			sum[BP_P_VS] += (vi * sj + vj * si) * x;
			sum[BP_P_SS] += si * sj * x;
		} else {
			int t = r - pairs;
			x = 2 * a.w[k] * (S + (t < T ? own_term(&p, e, t) : layer));
			sum[BP_P_VW] += t < T ? a.v[(int64_t)t * a.nq + k] * x : 0;
			sum[BP_P_SW] += t < T ? a.s[(int64_t)t * a.nq + k] * x : 0;
			sum[BP_P_WW] += t < T ? 0 : a.w[k] * x;
		}
	}
	for (int c = 0; c < BP_PROFILES; c++)
		part[warp][c][lane] = sum[c];
	__syncthreads();
	for (int c = warp; c < BP_PROFILES && point < a.nq; c += WARPS) {
		double total = 0;
		for (int m = 0; m < WARPS; m++)
			total += part[m][c][lane];
		a.P[((int64_t)b * BP_PROFILES + c) * a.nq + k] = total;
	}
}

int
bp_debye_profiles_cuda(struct bp_ctx *cx, const struct bp_debye_profiles *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	if (!cx->dry)
		bp_follow(profiles, dim3((unsigned)((a->nq + 31) / 32), (unsigned)p.b), 32 * WARPS, 0, cx, *a, p);
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "debye_profiles");
}
