/* lib/ops/msa_embed.c */
#include "ops/msa_embed.h"

int
bp_msa_embed_cpu(struct bp_ctx *cx, const struct bp_msa_embed *a)
{
	if (cx->dry)
		return BP_OK;
	const int c = a->W->n, k = a->W->k;
	for (int s = 0; s < a->s; s++)
		for (int i = 0; i < a->n; i++) {
			size_t r = (size_t)s * a->n + i;
			for (int o = 0; o < c; o++) {
				const float *w = a->W->p + (size_t)o * k;
				double sum = w[a->msa[r]];
				sum += (double)w[a->nclass] * a->has_deletion[r];
				sum += (double)w[a->nclass + 1] * a->deletion_value[r];
				if (k == a->nclass + 3)
					sum += (double)w[a->nclass + 2] * a->paired[r];
				a->out[r * c + o] = (float)(sum + a->add[(size_t)i * c + o]);
			}
		}
	return BP_OK;
}
