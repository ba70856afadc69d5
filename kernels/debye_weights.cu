#include "follow.cuh"
#include "pairs.cuh"

extern "C" {
#include "ops/debye_weights.h"
}

/* a thread a number */
static __global__ void
weights(struct bp_debye_weights a, struct bp_pairs p)
{
	bp_after();
	const int pairs = bp_type_pairs(&p), rows = bp_pair_rows(&p);

	BP_EACH(at, (int64_t)p.b * rows * a.nq) {
		const int k = (int)(at % a.nq), r = (int)(at / a.nq % rows);
		const int64_t nq = a.nq, b = at / a.nq / rows;
		const double *E = a.E + b * 3 * nq + k, *v = a.v + k, *s = a.s + k;
		if (r < pairs) {
			int i, j;
			bp_pair_types(&p, r, &i, &j);
			const double vi = v[i * nq], si = s[i * nq], vj = v[j * nq], sj = s[j * nq];
			a.G[at] = 2 * (E[0] * vi * vj - E[nq] * (vi * sj + si * vj) + E[2 * nq] * si * sj);
		} else {
			const int64_t t = r - pairs;
			const double w = 2 * a.c2[b] * a.w[k];
			a.G[at] = w * (t < p.ntypes ? E[0] * v[t * nq] - E[nq] * s[t * nq] : a.c2[b] * a.w[k] * E[0]);
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
		bp_follow(weights, BP_GRID((int64_t)p.b * bp_pair_rows(&p) * a->nq), 0, cx, *a, p);
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "debye_weights");
}
