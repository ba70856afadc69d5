#include "ops/pair_bias.h"

#include "ops/plain.h"

int
bp_pair_bias_cpu(struct bp_ctx *cx, const struct bp_pair_bias *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	float *y;

	BP_DEV_NEW(y, a->c, cx);
	for (int l = 0; l < a->layers && !cx->dry; l++)
		for (int64_t r = 0; r < a->rows; r++) {
			bp_norm_row(y, a->x + r * a->c, a->c, &a->w[l].nw, &a->w[l].nb);
			for (int h = 0; h < a->heads; h++)
				a->out[(int64_t)(l * a->heads + h) * a->rows + r] = (float)bp_row_dot(&a->w[l].W, h, y);
		}
	bp_dev_release(cx, m);
	return BP_OK;
}
