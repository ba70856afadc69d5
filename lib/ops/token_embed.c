/* lib/ops/token_embed.c */
#include "ops/rows.h"
#include "ops/token_embed.h"

int
bp_token_embed_cpu(struct bp_ctx *cx, const struct bp_token_embed *a)
{
	if (cx->dry)
		return BP_OK;
	const int c = a->embedding ? a->W->k : a->W->n;
	for (int r = 0; r < a->rows; r++)
		for (int o = 0; a->index[r] >= 0 && o < c; o++)
			a->out[(size_t)r * c + o] += a->embedding ? a->W->p[(size_t)a->index[r] * c + o]
			    : a->W->p[(size_t)o * a->W->k + a->index[r]];
	return BP_OK;
}

int
bp_token_embed_cpu_opt(struct bp_ctx *cx, const struct bp_token_embed *a)
{
	const int c = a->embedding ? a->W->k : a->W->n;
	struct bp_mark mark = bp_dev_mark(cx);
	float *wt = NULL;
	if (!a->embedding)
		BP_DEV_NEW(wt, (size_t)c * a->W->k, cx);
	if (!cx->dry) {
		const float *w = a->embedding ? a->W->p : wt;
		if (!a->embedding)
			bp_columns(wt, a->W);
#pragma omp parallel for num_threads(cx->threads) schedule(static)
		for (int r = 0; r < a->rows; r++)
			if (a->index[r] >= 0)
				bp_row_add(a->out + (size_t)r * c, w + (size_t)a->index[r] * c, c);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
