#include "pairs.cuh"

extern "C" {
#include "ops/debye_weights.h"
}

/* the number of row r at q point k of sample b */
static __device__ inline double
weight(const struct bp_debye_weights *a, const struct bp_pairs *p, int64_t b, int r, int k)
{
	const int pairs = bp_type_pairs(p);
	const double E = a->E[b * a->nq + k], g = a->g[b * a->nq + k], c2 = a->c2[b];

	if (r < pairs) {
		int i, j;
		bp_pair_types(p, r, &i, &j);
		return 2 * E * (a->v[(int64_t)i * a->nq + k] - g * a->s[(int64_t)i * a->nq + k])
		    * (a->v[(int64_t)j * a->nq + k] - g * a->s[(int64_t)j * a->nq + k]);
	}
	const int64_t t = r - pairs;
	return 2 * E * c2 * a->w[k] * (t < p->ntypes ? a->v[t * a->nq + k] - g * a->s[t * a->nq + k] : c2 * a->w[k]);
}

/* a thread a number */
static __global__ void
weights(struct bp_debye_weights a, struct bp_pairs p)
{
	const int rows = bp_pair_rows(&p), across = a.grid.n ? a.grid.n : a.nq;

	BP_EACH(at, (int64_t)p.b * rows * across) {
		const int k = (int)(at % across), r = (int)(at / across % rows);
		const int64_t b = at / across / rows;
		double sum = 0;
		if (a.grid.n == 0) {
			a.G[at] = weight(&a, &p, b, r, k);
			continue;
		}
#pragma unroll 4
		for (int m = a.grid.first[k]; m < a.grid.first[k + 1]; m++)
			sum += a.grid.back[m] * weight(&a, &p, b, r, a.grid.from[m]);
		a.G[at] = sum;
	}
}

int
bp_debye_weights_cuda(struct bp_ctx *cx, const struct bp_debye_weights *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	if (!cx->dry)
		weights<<<BP_GRID((int64_t)p.b * bp_pair_rows(&p) * (a->grid.n ? a->grid.n : a->nq)), 0, bp_stream(cx)>>>(*a, p);
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "debye_weights");
}
