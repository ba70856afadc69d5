/* lib/ops/axpy.c */
#include "ops/axpy.h"

int
bp_axpy_cpu(struct bp_ctx *cx, const struct bp_axpy *a)
{
	if (cx->dry)
		return BP_OK;
	for (int64_t i = 0; i < a->count; i++)
		a->y[i] = (float)(a->y[i] + (double)a->alpha * a->x[i]);
	return BP_OK;
}

int
bp_axpy_cpu_opt(struct bp_ctx *cx, const struct bp_axpy *a)
{
	const float alpha = a->alpha, *x = a->x;
	float *y = a->y;
	if (cx->dry)
		return BP_OK;
#pragma omp parallel for simd num_threads(cx->threads) schedule(static) if (a->count > 100000)
	for (int64_t i = 0; i < a->count; i++)
		y[i] += alpha * x[i];
	return BP_OK;
}
