/* lib/ops/atom_to_token.c */
#include "ops/atom_to_token.h"

int
bp_atom_to_token_cpu(struct bp_ctx *cx, const struct bp_atom_to_token *a)
{
	if (cx->dry)
		return BP_OK;
	for (int b = 0; b < a->b; b++)
		for (int t = 0; t < a->n; t++)
			for (int o = 0; o < a->c; o++) {
				const float *x = a->x + ((size_t)b * a->atoms + a->first[t]) * a->c + o;
				float *out = a->out + ((size_t)b * a->n + t) * a->c + o;
				double sum = 0;
				for (int k = 0; k < a->count[t]; k++)
					sum += x[(size_t)k * a->c];
				*out = (float)((a->add ? *out : 0) + sum / (a->count[t] + 1e-6));
			}
	return BP_OK;
}
