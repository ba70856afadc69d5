#include "ops/transition.h"

#include "ops/plain.h"

int
bp_transition_cpu(struct bp_ctx *cx, const struct bp_transition *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	float *y, *h;

	BP_DEV_NEW(y, a->c, cx);
	BP_DEV_NEW(h, a->hidden, cx);
	for (int64_t r = 0; r < a->rows && !cx->dry; r++) {
		float *out = a->out + r * a->c;
		bp_norm_row(y, a->x + r * a->c, a->c, a->nw, a->nb);
		for (int i = 0; i < a->hidden; i++)
			h[i] = (float)(bp_silu(bp_row_dot(a->fc1, i, y)) * bp_row_dot(a->fc2, i, y));
		for (int c = 0; c < a->c; c++)
			out[c] = (float)bp_row_dot(a->fc3, c, h) + (a->add ? out[c] : 0);
	}
	bp_dev_release(cx, m);
	return BP_OK;
}
