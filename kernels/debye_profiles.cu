#include "pairs.cuh"

extern "C" {
#include "ops/debye_profiles.h"
}

/* own [b,ntypes+1]: sums of the layer's shares of a type's atoms, the last half their squares: a block each */
static __global__ void
own_terms(double *own, struct bp_pairs p)
{
	const int b = blockIdx.x / (p.ntypes + 1), t = blockIdx.x % (p.ntypes + 1);
	const double *e = p.a + (int64_t)b * p.n;
	double sum = 0;

	for (int i = (t < p.ntypes ? p.start[t] : 0) + threadIdx.x; i < (t < p.ntypes ? p.start[t + 1] : p.n); i += blockDim.x)
		sum += t < p.ntypes ? e[i] : 0.5 * e[i] * e[i];
	sum = bp_block_sum(sum);
	if (threadIdx.x == 0)
		own[blockIdx.x] = sum;
}

/* a block 32 q points of a sample, a warp every eighth row of them */
enum { WARPS = 8 };
static __global__ void
profiles(struct bp_debye_profiles a, struct bp_pairs p, const double *own)
{
	__shared__ double part[WARPS][BP_PROFILES][32];
	const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, k = blockIdx.x * 32 + lane, b = blockIdx.y, T = p.ntypes;
	const int pairs = bp_type_pairs(&p), rows = bp_pair_rows(&p);
	double sum[BP_PROFILES] = { 0, 0, 0, 0, 0, 0 };

	for (int r = warp; r < rows && k < a.nq; r += WARPS) {
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
			x = 2 * a.w[k] * (S + own[b * (T + 1) + t]);
			sum[BP_P_VW] += t < T ? a.v[(int64_t)t * a.nq + k] * x : 0;
			sum[BP_P_SW] += t < T ? a.s[(int64_t)t * a.nq + k] * x : 0;
			sum[BP_P_WW] += t < T ? 0 : a.w[k] * x;
		}
	}
	for (int c = 0; c < BP_PROFILES; c++)
		part[warp][c][lane] = sum[c];
	__syncthreads();
	for (int c = warp; c < BP_PROFILES && k < a.nq; c += WARPS) {
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
	double *own;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	BP_CUDA_NEW(own, (size_t)p.b * ((size_t)p.ntypes + 1), cx);
	if (!cx->dry) {
		if (p.a)
			own_terms<<<p.b * (p.ntypes + 1), 256, 0, bp_stream(cx)>>>(own, p);
		profiles<<<dim3((unsigned)((a->nq + 31) / 32), (unsigned)p.b), 32 * WARPS, 0, bp_stream(cx)>>>(*a, p, own);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "debye_profiles");
}
