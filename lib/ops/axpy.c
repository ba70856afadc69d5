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
