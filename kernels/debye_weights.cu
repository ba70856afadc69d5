#include "pairs.cuh"

extern "C" {
#include "ops/debye_weights.h"
}

/* a thread a number */
static __global__ void
weights(struct bp_debye_weights a, struct bp_pairs p)
{
	const int pairs = bp_type_pairs(&p), rows = bp_pair_rows(&p);

	BP_EACH(at, (int64_t)p.b * rows * a.nq) {
		const int k = (int)(at % a.nq), r = (int)(at / a.nq % rows);
		const int64_t b = at / a.nq / rows;
		const double E = a.E[b * a.nq + k], g = a.g[b * a.nq + k], c2 = a.c2[b];
		if (r < pairs) {
			int i, j;
			bp_pair_types(&p, r, &i, &j);
			a.G[at] = 2 * E * (a.v[(int64_t)i * a.nq + k] - g * a.s[(int64_t)i * a.nq + k])
			    * (a.v[(int64_t)j * a.nq + k] - g * a.s[(int64_t)j * a.nq + k]);
		} else {
			int64_t t = r - pairs;
			a.G[at] = 2 * E * c2 * a.w[k] * (t < p.ntypes ? a.v[t * a.nq + k] - g * a.s[t * a.nq + k] : c2 * a.w[k]);
		}
	}
}

int
bp_debye_weights_cuda(struct bp_ctx *cx, const struct bp_debye_weights *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	if (!cx->dry)
		weights<<<BP_GRID((int64_t)p.b * bp_pair_rows(&p) * a->nq), 0, bp_stream(cx)>>>(*a, p);
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "debye_weights");
}
