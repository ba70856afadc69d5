/* lib/ops/atom_embed.c */
#include "ops/atom_embed.h"

enum { CHARGE = 3, ELEMENT = 4, CHARS = ELEMENT + BP_ATOM_ELEMENTS };

int
bp_atom_embed_cpu(struct bp_ctx *cx, const struct bp_atom_embed *a)
{
	if (cx->dry)
		return BP_OK;
	const int c = a->W->n;
	for (int i = 0; i < a->atoms; i++)
		for (int o = 0; o < c; o++) {
			const float *w = a->W->p + (size_t)o * a->W->k;
			double sum = a->b->p[o];
			for (int d = 0; d < 3; d++)
				sum += (double)w[d] * a->ref_pos[3 * (size_t)i + d];
			sum += (double)w[CHARGE] * a->charge[i];
			sum += a->element[i] >= 0 ? w[ELEMENT + a->element[i]] : 0;
			for (int q = 0; q < 4; q++) {
				int ch = a->chars[4 * (size_t)i + q];
				sum += ch >= 0 ? w[CHARS + q * BP_ATOM_CHARS + ch] : 0;
			}
			a->out[(size_t)i * c + o] = (float)sum;
		}
	return BP_OK;
}
