/* lib/ops/rel_pos.c */
#include <math.h>

#include "ops/rel_pos.h"
#include "ops/rel_pos_columns.h"
#include "ops/rows.h"

static bool
any_cyclic(const struct bp_rel_pos *a)
{
	for (int i = 0; a->cyclic_period && i < a->n; i++)
		if (a->cyclic_period[i] > 0)
			return true;
	return false;
}

int
bp_rel_pos_cpu(struct bp_ctx *cx, const struct bp_rel_pos *a)
{
	if (cx->dry)
		return BP_OK;
	const int c = a->W->n, k = a->W->k;
	const bool cyclic = any_cyclic(a);
	for (int i = 0; i < bp_rel_pos_rows(a); i++)
		for (int j = 0; j < a->n; j++) {
			float *out = a->out + ((size_t)i * a->n + j) * c;
			int col[4];
			bp_rel_pos_columns(col, a, cyclic, a->first + i, j);
			for (int o = 0; o < c; o++) {
				const float *w = a->W->p + (size_t)o * k;
				double sum = a->add ? out[o] : 0;
				for (int q = 0; q < 4; q++)
					sum += col[q] >= 0 ? w[col[q]] : 0;
				out[o] = (float)sum;
			}
		}
	return BP_OK;
}

/* One pass over out. Chain and entity have twelve combinations at most: their sums are made first. */
int
bp_rel_pos_cpu_opt(struct bp_ctx *cx, const struct bp_rel_pos *a)
{
	enum { CHAINS = 2 * BP_S_MAX + 2 };
	const int c = a->W->n;
	struct bp_mark mark = bp_dev_mark(cx);
	float *wt, *both;
	BP_DEV_NEW(wt, (size_t)c * a->W->k, cx);
	BP_DEV_NEW(both, (size_t)c * 2 * CHAINS, cx);
	if (!cx->dry) {
		const bool cyclic = any_cyclic(a);
		bp_columns(wt, a->W);
		for (int q = 0; q < 2 * CHAINS; q++) {
			memcpy(both + (size_t)q * c, wt + (size_t)(BP_CHAIN0 + q % CHAINS) * c, (size_t)c * sizeof *both);
			if (q >= CHAINS)
				bp_row_add(both + (size_t)q * c, wt + (size_t)BP_ENT0 * c, c);
		}
#pragma omp parallel for num_threads(cx->threads) schedule(static)
		for (int i = 0; i < bp_rel_pos_rows(a); i++)
			for (int j = 0; j < a->n; j++) {
				float *restrict out = a->out + ((size_t)i * a->n + j) * c;
				int col[4];
				bp_rel_pos_columns(col, a, cyclic, a->first + i, j);
				const float *r = wt + (size_t)col[0] * c, *t = wt + (size_t)col[1] * c;
				const float *b = both + (size_t)(col[2] - BP_CHAIN0 + (col[3] >= 0 ? CHAINS : 0)) * c;
				if (!a->add)
					memset(out, 0, (size_t)c * sizeof *out); /* stays in the cache */
#pragma omp simd
				for (int o = 0; o < c; o++)
					out[o] += r[o] + t[o] + b[o];
			}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
