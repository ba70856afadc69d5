#include "ops/ada_cond.h"

#include "ops/plain.h"

int
bp_ada_cond_cpu(struct bp_ctx *cx, const struct bp_ada_cond *a)
{
	const struct bp_ada_weights *ws[2] = { a->attn, a->trans };
	struct bp_mark m = bp_dev_mark(cx);
	size_t plane = (size_t)a->rows * a->c;
	float *y;

	BP_DEV_NEW(y, a->cs, cx);
	for (int k = 0; k < 2 && !cx->dry; k++)
		for (int r = 0; r < a->rows; r++) {
			const struct bp_ada_weights *w = ws[k];
			const float *s = a->s + (size_t)r * a->cs;
			float *out = a->out + 3 * k * plane + (size_t)r * a->c;
			bp_norm_row(y, s, a->cs, &w->s_norm, NULL);
			for (int c = 0; c < a->c; c++) {
				out[c] = (float)bp_sigmoid(bp_row_dot(&w->s_scale, c, y) + w->s_scale_b.p[c]);
				out[plane + c] = (float)bp_row_dot(&w->s_bias, c, y);
				out[2 * plane + c] = (float)bp_sigmoid(bp_row_dot(&w->gate, c, s) + w->gate_b.p[c]);
			}
		}
	bp_dev_release(cx, m);
	return BP_OK;
}
