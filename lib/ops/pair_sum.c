/* lib/ops/pair_sum.c */
#include "ops/pair_sum.h"

int
bp_pair_sum_cpu(struct bp_ctx *cx, const struct bp_pair_sum *a)
{
	if (cx->dry)
		return BP_OK;
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < a->n; j++)
			for (int o = 0; o < a->c; o++) {
				float *out = a->out + ((size_t)i * a->n + j) * a->c + o;
				double sum = a->add ? *out : 0;
				*out = (float)(sum + a->a[(size_t)i * a->c + o] + a->b[(size_t)j * a->c + o]);
			}
	return BP_OK;
}
