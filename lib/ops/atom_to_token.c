/* lib/ops/atom_to_token.c */
#include "ops/atom_to_token.h"
#include "ops/rows.h"

int
bp_atom_to_token_cpu(struct bp_ctx *cx, const struct bp_atom_to_token *a)
{
	if (cx->dry)
		return BP_OK;
	for (int b = 0; b < a->b; b++)
		for (int t = 0; t < a->n; t++)
			for (int o = 0; o < a->c; o++) {
				const float *x = a->x + ((size_t)b * a->atoms + a->first[t]) * a->c + o;
				float *out = a->out + ((size_t)b * a->n + t) * a->c + o;
				double sum = 0;
				for (int k = 0; k < a->count[t]; k++)
					sum += x[(size_t)k * a->c];
				*out = (float)((a->add ? *out : 0) + sum / (a->count[t] + 1e-6));
			}
	return BP_OK;
}

int
bp_atom_to_token_cpu_opt(struct bp_ctx *cx, const struct bp_atom_to_token *a)
{
	const int c = a->c;
	struct bp_mark mark = bp_dev_mark(cx);
	float *sums;
	BP_DEV_NEW(sums, (size_t)a->n * c, cx);
	if (!cx->dry) {
#pragma omp parallel for num_threads(cx->threads) schedule(static) if ((int64_t)a->b * a->atoms * c > 100000)
		for (int t = 0; t < a->n; t++)
			for (int b = 0; b < a->b; b++) {
				const float *x = a->x + ((size_t)b * a->atoms + a->first[t]) * c;
				float *sum = sums + (size_t)t * c, *out = a->out + ((size_t)b * a->n + t) * c;
				memset(sum, 0, (size_t)c * sizeof *sum);
				for (int k = 0; k < a->count[t]; k++)
					bp_row_add(sum, x + (size_t)k * c, c);
				if (!a->add)
					memset(out, 0, (size_t)c * sizeof *out);
				bp_row_axpy(out, (float)(1 / (a->count[t] + 1e-6)), sum, c);
			}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
