/* lib/ops/token_embed.c */
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
