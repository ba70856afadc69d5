#include "waves.cuh"

extern "C" {
#include "ops/wave_sum.h"
}

/* a block a row: the mean of the products over all directions, less each atom's with itself, which is no pair */
static __global__ void
products(double *S, struct bp_waves w, struct bp_pairs p, const double *e, int nq)
{
	const int r = blockIdx.x, types = p.ntypes + 1;
	double sum = 0, own = 0;
	int s, t;

	if (r < bp_type_pairs(&p))
		bp_pair_types(&p, r, &s, &t);
	else
		s = r - bp_type_pairs(&p), t = p.ntypes;
	for (int d = threadIdx.x; d < w.n; d += blockDim.x) {
		double2 a = w.A[(int64_t)d * types + s], b = w.A[(int64_t)d * types + t];
		sum += w.u[d].w * (a.x * b.x + a.y * b.y);
	}
	for (int i = (s < p.ntypes ? p.start[s] : 0) + threadIdx.x; i < (s < p.ntypes ? p.start[s + 1] : p.n); i += blockDim.x)
		own += t < p.ntypes ? s == t : s < p.ntypes ? e[i] : e[i] * e[i];
	sum = bp_block_sum(sum);
	own = bp_block_sum(own);
	if (threadIdx.x == 0)
		S[(int64_t)r * nq] = (s == t ? 0.5 : 1) * (sum - own);
}

int
bp_wave_sum_cuda(struct bp_ctx *cx, const struct bp_wave_sum *a)
{
	const int rows = bp_pair_rows(&a->p);
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_waves w;
	struct bp_pairs p;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	BP_TRY(bp_waves_new(cx, &w, p.ntypes, a->q_max, a->diameter));
	for (int b = 0; b < p.b && !cx->dry; b++) {
		const double *x = p.x + 3 * (int64_t)b * p.n, *e = p.a ? p.a + (int64_t)b * p.n : NULL;
		for (int k = 0; k < a->nq; k++) {
			bp_amplitudes<<<w.n, 128, 0, bp_stream(cx)>>>(w, p, x, e, a->q, k);
			products<<<rows, 128, 0, bp_stream(cx)>>>(a->S + (int64_t)b * rows * a->nq + k, w, p, e, a->nq);
		}
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "wave_sum");
}
