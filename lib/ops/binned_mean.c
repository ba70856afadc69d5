#include "ops/binned_mean.h"

#include <string.h>

#include "ops/cpu.h"
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

int
bp_binned_mean_cpu_opt(struct bp_ctx *cx, const struct bp_binned_mean *a)
{
	enum { T = 3 * BP_PANEL };
	struct bp_mark mark = bp_dev_mark(cx);
	int bins = a->bins;
	size_t size = (size_t)2 * T * bins;
	float *scratch;

	BP_SCRATCH_NEW(scratch, size, cx);
	BP_PARALLEL
	for (int64_t r = 0; r < (cx->dry ? 0 : a->rows); r += T) {
		float *p = bp_mine(scratch, size), *packed = p + (size_t)T * bins;
		int m = bp_min(a->rows - r, T);
		memcpy(p, a->logits + r * bins, (size_t)m * bins * sizeof *p);
		for (int i = 0; i < m; i++)
			bp_vec_softmax(p + (size_t)i * bins, bins, bins, 1, NULL, NULL);
		bp_pack(packed, m, bins, p, bins, 1);
		bp_gemm(a->tables, m, bins, a->value, bins, 1, packed, a->out + r, (size_t)a->rows, false);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
