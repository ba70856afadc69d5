#include "ops/binned_mean.h"

#include <string.h>

#include "ops/plain.h"

int
bp_binned_mean_cpu(struct bp_ctx *cx, const struct bp_binned_mean *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	float *p;

	BP_DEV_NEW(p, a->bins, cx);
	for (int64_t r = 0; r < a->rows && !cx->dry; r++) {
		memcpy(p, a->logits + r * a->bins, (size_t)a->bins * sizeof *p);
		bp_softmax_row(p, a->bins);
		for (int t = 0; t < a->tables; t++)
			a->out[t * a->rows + r] = (float)bp_dot(p, a->value + (size_t)t * a->bins, a->bins);
	}
	bp_dev_release(cx, m);
	return BP_OK;
}
