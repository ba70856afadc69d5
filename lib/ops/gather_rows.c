/* lib/ops/gather_rows.c */
#include "ops/gather_rows.h"

int
bp_gather_rows_cpu(struct bp_ctx *cx, const struct bp_gather_rows *a)
{
	if (cx->dry)
		return BP_OK;
	for (int b = 0; b < a->b; b++)
		for (int r = 0; r < a->rows; r++)
			for (int o = 0; o < a->c; o++) {
				float *out = a->out + ((size_t)b * a->rows + r) * a->c + o;
				float v = a->index[r] < 0 ? 0 : a->x[((size_t)b * a->from + a->index[r]) * a->c + o];
				*out = a->add ? *out + v : v;
			}
	return BP_OK;
}
