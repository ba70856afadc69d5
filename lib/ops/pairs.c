/* lib/ops/pairs.c */
#include "ops/pairs.h"

int
bp_pairs_f32(struct bp_ctx *cx, struct bp_pairs_f32 *f, const struct bp_pairs *p)
{
	size_t ld = f->ld = (size_t)p->n + BP_PAIRS_PAD, all = ld * (size_t)p->b;

	BP_DEV_NEW(f->x, 4 * all, cx);
	f->y = f->x + all, f->z = f->y + all, f->a = f->z + all;
	if (cx->dry)
		return BP_OK;
	for (int b = 0; b < p->b; b++) {
		const double *x = p->x + 3 * (size_t)b * p->n;
		double mean[3] = { 0 };
		for (int i = 0; i < p->n; i++)
			for (int d = 0; d < 3; d++)
				mean[d] += x[3 * i + d] / p->n;
		for (size_t i = 0; i < ld; i++) {
			bool in = i < (size_t)p->n;
			f->x[b * ld + i] = in ? (float)(x[3 * i] - mean[0]) : 0;
			f->y[b * ld + i] = in ? (float)(x[3 * i + 1] - mean[1]) : 0;
			f->z[b * ld + i] = in ? (float)(x[3 * i + 2] - mean[2]) : 0;
			f->a[b * ld + i] = in && p->a ? (float)p->a[(size_t)b * p->n + i] : 0;
		}
	}
	return BP_OK;
}
