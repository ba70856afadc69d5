#include "ops/cond_transition.h"

#include "ops/plain.h"

int
bp_cond_transition_cpu(struct bp_ctx *cx, const struct bp_cond_transition *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int hid = a->hidden;
	float *h;

	BP_DEV_NEW(h, hid, cx);
	for (size_t r = 0; r < (size_t)a->b * a->rows && !cx->dry; r++) {
		const float *x = a->x + r * a->c, *gate = a->gate + r % a->rows * a->c;
		for (int i = 0; i < hid; i++)
			h[i] = (float)(bp_silu(bp_row_dot(a->swish_gate, hid + i, x)) * bp_row_dot(a->swish_gate, i, x)
			    * bp_row_dot(a->a_to_b, i, x));
		for (int c = 0; c < a->c; c++)
			a->out[r * a->c + c] += gate[c] * (float)bp_row_dot(a->b_to_a, c, h);
	}
	bp_dev_release(cx, m);
	return BP_OK;
}
