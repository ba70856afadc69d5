/* lib/ops/pair_prod_linear.c */
#include "ops/pair_prod_linear.h"

int
bp_pair_prod_linear_cpu(struct bp_ctx *cx, const struct bp_pair_prod_linear *a)
{
	if (cx->dry)
		return BP_OK;
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < a->n; j++) {
			const float *ai = a->a + (size_t)i * a->c, *bj = a->b + (size_t)j * a->c;
			float *out = a->out + ((size_t)i * a->n + j) * a->c;
			for (int o = 0; o < a->c; o++) {
				const float *w = a->W->p + (size_t)o * a->c;
				double sum = out[o];
				for (int k = 0; k < a->c; k++)
					sum += (double)w[k] * ai[k] * bj[k];
				out[o] = (float)sum;
			}
		}
	return BP_OK;
}
