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
