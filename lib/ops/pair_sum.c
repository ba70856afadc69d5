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

int
bp_pair_sum_cpu_opt(struct bp_ctx *cx, const struct bp_pair_sum *a)
{
	const int c = a->c;
	if (cx->dry)
		return BP_OK;
#pragma omp parallel for num_threads(cx->threads) schedule(static)
	for (int i = 0; i < a->n; i++) {
		const float *x = a->a + (size_t)i * c;
		for (int j = 0; j < a->n; j++) {
			const float *y = a->b + (size_t)j * c;
			float *restrict out = a->out + ((size_t)i * a->n + j) * c;
			if (a->add) {
#pragma omp simd
				for (int o = 0; o < c; o++)
					out[o] += x[o] + y[o];
			} else {
#pragma omp simd
				for (int o = 0; o < c; o++)
					out[o] = x[o] + y[o];
			}
		}
	}
	return BP_OK;
}
