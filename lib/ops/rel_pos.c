/* lib/ops/rel_pos.c */
#include <math.h>

#include "ops/rel_pos.h"
#include "ops/rows.h"

enum { R_MAX = 32, S_MAX = 2, RES0 = 0, TOK0 = 2 * R_MAX + 2, ENT0 = 2 * TOK0, CHAIN0 = ENT0 + 1 };

static int64_t
clip(int64_t d, int64_t max)
{
	return d < -max ? 0 : d > max ? 2 * max : d + max;
}

/* d - period * round(d / period) in float32, half to even, cut to a whole number, as upstream computes it; the cut
 * comes after the clip so that no value is out of an integer's range */
static int64_t
wrap(int64_t d, float period)
{
	float p = period > 0 ? period : 10000;
	float t = (float)d - p * rintf((float)d / p);
	return (int64_t)fminf(fmaxf(t, -R_MAX), R_MAX);
}

static bool
any_cyclic(const struct bp_rel_pos *a)
{
	for (int i = 0; a->cyclic_period && i < a->n; i++)
		if (a->cyclic_period[i] > 0)
			return true;
	return false;
}

/* The columns of W that pair i, j adds up: residue, token, chain, and the entity's, or -1. Upstream broadcasts the
 * period along the last axis, so it is that of j. */
static void
columns(int col[4], const struct bp_rel_pos *a, bool cyclic, int i, int j)
{
	bool chain = a->asym_id[i] == a->asym_id[j], entity = a->entity_id[i] == a->entity_id[j];
	bool residue = chain && a->residue_index[i] == a->residue_index[j];
	int64_t d = (int64_t)a->residue_index[i] - a->residue_index[j];

	if (cyclic)
		d = wrap(d, a->cyclic_period[j]);
	col[0] = RES0 + (chain ? (int)clip(d, R_MAX) : 2 * R_MAX + 1);
	col[1] = TOK0 + (residue ? (int)clip((int64_t)a->token_index[i] - a->token_index[j], R_MAX) : 2 * R_MAX + 1);
	col[2] = CHAIN0 + ((a->fix_sym_check ? !entity : chain) ? 2 * S_MAX + 1
	    : (int)clip((int64_t)a->sym_id[i] - a->sym_id[j], S_MAX));
	col[3] = entity ? ENT0 : -1;
}

int
bp_rel_pos_cpu(struct bp_ctx *cx, const struct bp_rel_pos *a)
{
	if (cx->dry)
		return BP_OK;
	const int c = a->W->n, k = a->W->k;
	const bool cyclic = any_cyclic(a);
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < a->n; j++) {
			float *out = a->out + ((size_t)i * a->n + j) * c;
			int col[4];
			columns(col, a, cyclic, i, j);
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
	enum { CHAINS = 2 * S_MAX + 2 };
	const int c = a->W->n;
	struct bp_mark mark = bp_dev_mark(cx);
	float *wt, *both;
	BP_DEV_NEW(wt, (size_t)c * a->W->k, cx);
	BP_DEV_NEW(both, (size_t)c * 2 * CHAINS, cx);
	if (!cx->dry) {
		const bool cyclic = any_cyclic(a);
		bp_columns(wt, a->W);
		for (int q = 0; q < 2 * CHAINS; q++) {
			memcpy(both + (size_t)q * c, wt + (size_t)(CHAIN0 + q % CHAINS) * c, (size_t)c * sizeof *both);
			if (q >= CHAINS)
				bp_row_add(both + (size_t)q * c, wt + (size_t)ENT0 * c, c);
		}
#pragma omp parallel for num_threads(cx->threads) schedule(static)
		for (int i = 0; i < a->n; i++)
			for (int j = 0; j < a->n; j++) {
				float *restrict out = a->out + ((size_t)i * a->n + j) * c;
				int col[4];
				columns(col, a, cyclic, i, j);
				const float *r = wt + (size_t)col[0] * c, *t = wt + (size_t)col[1] * c;
				const float *b = both + (size_t)(col[2] - CHAIN0 + (col[3] >= 0 ? CHAINS : 0)) * c;
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
