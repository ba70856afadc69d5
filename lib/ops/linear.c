#include "ops/linear.h"

#include <string.h>

#include "ops/plain.h"

static double
act(enum bp_act kind, double x)
{
	switch (kind) {
	case BP_ACT_RELU:
		return x < 0 ? 0 : x; /* keeps NaN */
	case BP_ACT_SIGMOID:
		return bp_sigmoid(x);
	case BP_ACT_NONE:
		break;
	}
	return x;
}

int
bp_linear_cpu(struct bp_ctx *cx, const struct bp_linear *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int k = a->k + a->k2, n = a->W->n;
	float *x;

	bp_assert(a->W->k == k);
	BP_DEV_NEW(x, k, cx);
	for (int64_t r = 0; r < a->rows && !cx->dry; r++) {
		float *out = a->out + r * n;
		memcpy(x, a->x + r * a->k, (size_t)a->k * sizeof *x);
		if (a->k2)
			memcpy(x + a->k, a->x2 + r * a->k2, (size_t)a->k2 * sizeof *x);
		if (a->norm)
			bp_norm_row(x, x, k, a->nw, a->nb);
		for (int i = 0; i < k && a->in_relu; i++)
			x[i] = x[i] < 0 ? 0 : x[i];
		for (int o = 0; o < n; o++) {
			float y = (float)act(a->act, bp_row_dot(a->W, o, x) + (a->b ? a->b->p[o] : 0));
			out[o] = a->add ? out[o] + y : y;
		}
	}
	bp_dev_release(cx, m);
	return BP_OK;
}
