/* lib/ops/affine.c */
#include "ops/affine.h"

int
bp_affine_cpu(struct bp_ctx *cx, const struct bp_affine *a)
{
	if (cx->dry)
		return BP_OK;
	for (int64_t i = 0; i < a->count; i++)
		a->out[i] = (float)((double)a->alpha * a->x[i] + (a->y ? (double)a->beta * a->y[i] : 0));
	return BP_OK;
}

int
bp_affine_cpu_opt(struct bp_ctx *cx, const struct bp_affine *a)
{
	const float alpha = a->alpha, beta = a->beta, *x = a->x, *y = a->y;
	float *out = a->out;
	if (cx->dry)
		return BP_OK;
	if (y) {
#pragma omp parallel for simd num_threads(cx->threads) schedule(static) if (a->count > 100000)
		for (int64_t i = 0; i < a->count; i++)
			out[i] = alpha * x[i] + beta * y[i];
	} else {
#pragma omp parallel for simd num_threads(cx->threads) schedule(static) if (a->count > 100000)
		for (int64_t i = 0; i < a->count; i++)
			out[i] = alpha * x[i];
	}
	return BP_OK;
}
