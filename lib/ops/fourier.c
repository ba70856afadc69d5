/* lib/ops/fourier.c */
#include <math.h>

#include "ops/fourier.h"

int
bp_fourier_cpu(struct bp_ctx *cx, const struct bp_fourier *a)
{
	if (cx->dry)
		return BP_OK;
	for (int r = 0; r < a->rows; r++)
		for (int o = 0; o < a->c; o++) {
			float turn = a->w->p[o] * a->t[r] + a->b->p[o];
			a->out[(size_t)r * a->c + o] = (float)cos((float)(2 * M_PI) * turn);
		}
	return BP_OK;
}

int
bp_fourier_cpu_opt(struct bp_ctx *cx, const struct bp_fourier *a)
{
	if (cx->dry)
		return BP_OK;
#pragma omp parallel for num_threads(cx->threads) schedule(static) if (a->rows > 16)
	for (int r = 0; r < a->rows; r++)
		for (int o = 0; o < a->c; o++)
			a->out[(size_t)r * a->c + o] = cosf((float)(2 * M_PI) * (a->w->p[o] * a->t[r] + a->b->p[o]));
	return BP_OK;
}
