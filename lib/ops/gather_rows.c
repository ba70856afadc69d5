/* lib/ops/gather_rows.c */
#include "ops/gather_rows.h"
#include "ops/rows.h"

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

int
bp_gather_rows_cpu_opt(struct bp_ctx *cx, const struct bp_gather_rows *a)
{
	const int c = a->c;
	if (cx->dry)
		return BP_OK;
#pragma omp parallel for collapse(2) num_threads(cx->threads) schedule(static) if ((int64_t)a->b * a->rows * c > 100000)
	for (int b = 0; b < a->b; b++)
		for (int r = 0; r < a->rows; r++) {
			float *out = a->out + ((size_t)b * a->rows + r) * c;
			const float *x = a->x + ((size_t)b * a->from + (a->index[r] < 0 ? 0 : a->index[r])) * c;
			if (a->index[r] < 0)
				memset(out, 0, a->add ? 0 : (size_t)c * sizeof *out);
			else if (a->add)
				bp_row_add(out, x, c);
			else
				memcpy(out, x, (size_t)c * sizeof *out);
		}
	return BP_OK;
}
