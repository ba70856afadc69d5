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

static int
sums(struct bp_ctx *cx, const struct bp_wave_sum *a, struct bp_waves *w, const struct bp_pairs *p)
{
	const int rows = bp_pair_rows(p);

	for (int k = 0; k < a->nq; k++) {
		BP_TRY(bp_waves_at(cx, w, k, a->diameter));
		for (int b = 0; b < p->b; b++) {
			const double *x = p->x + 3 * (int64_t)b * p->n, *e = p->a ? p->a + (int64_t)b * p->n : NULL;
			bp_amplitudes<<<w->n, 128, 0, bp_stream(cx)>>>(*w, *p, x, e, a->q, k);
			products<<<rows, 128, 0, bp_stream(cx)>>>(a->S + (int64_t)b * rows * a->nq + k, *w, *p, e, a->nq);
		}
	}
	return bp_launched(cx, "wave_sum");
}

int
bp_wave_sum_cuda(struct bp_ctx *cx, const struct bp_wave_sum *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_waves w;
	struct bp_pairs p;
	int st;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	if ((st = bp_waves_open(cx, &w, p.ntypes, a->q, a->nq, a->q_max, a->diameter)) == BP_OK && !cx->dry)
		st = sums(cx, a, &w, &p);
	bp_waves_close(&w);
	bp_dev_release(cx, mark);
	return st;
}
