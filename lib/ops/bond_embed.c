/* lib/ops/bond_embed.c */
#include "ops/bond_embed.h"
#include "ops/rows.h"

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

int
bp_bond_embed_cpu_opt(struct bp_ctx *cx, const struct bp_bond_embed *a)
{
	const int c = a->c;
	if (cx->dry)
		return BP_OK;
#pragma omp parallel for num_threads(cx->threads) schedule(static)
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < a->n; j++) {
			size_t r = (size_t)i * a->n + j;
			if (a->token_bonds[r] != 0) /* few tokens are bonded */
				bp_row_axpy(a->out + r * c, a->token_bonds[r], a->W->p, c);
			if (a->E)
				bp_row_add(a->out + r * c, a->E->p + (size_t)a->type_bonds[r] * c, c);
		}
	return BP_OK;
}
