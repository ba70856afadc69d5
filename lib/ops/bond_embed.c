/* lib/ops/bond_embed.c */
#include "ops/bond_embed.h"

int
bp_bond_embed_cpu(struct bp_ctx *cx, const struct bp_bond_embed *a)
{
	if (cx->dry)
		return BP_OK;
	for (size_t r = 0; r < (size_t)a->n * a->n; r++)
		for (int o = 0; o < a->c; o++) {
			double sum = a->out[r * a->c + o] + (double)a->token_bonds[r] * a->W->p[o];
			if (a->E)
				sum += a->E->p[(size_t)a->type_bonds[r] * a->c + o];
			a->out[r * a->c + o] = (float)sum;
		}
	return BP_OK;
}
