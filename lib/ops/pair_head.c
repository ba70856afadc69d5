#include "ops/pair_head.h"

#include "ops/plain.h"

int
bp_pair_head_cpu(struct bp_ctx *cx, const struct bp_pair_head *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int n = a->n, c = a->c, bins = a->W->n;
	float *x;

	BP_DEV_NEW(x, c, cx);
	for (size_t i = 0; i < (size_t)n && !cx->dry; i++)
		for (size_t j = 0; j < (size_t)n; j++) {
			const struct bp_weight *W = a->W_other && a->asym_id[i] != a->asym_id[j] ? a->W_other : a->W;
			for (int e = 0; e < c; e++)
				x[e] = a->z[(i * n + j) * c + e] + (a->symmetric ? a->z[(j * n + i) * c + e] : 0);
			for (int k = 0; k < bins; k++)
				a->out[(i * n + j) * bins + k] = (float)(bp_row_dot(W, k, x) + (a->b ? a->b->p[k] : 0));
		}
	bp_dev_release(cx, m);
	return BP_OK;
}
