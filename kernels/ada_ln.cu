#include "cuda.cuh"

extern "C" {
#include "ops/ada_ln.h"
}

static __global__ void
modulate(float *x, const float *scale, const float *shift, int64_t total, int64_t sample)
{
	BP_EACH(i, total)
		x[i] = scale[i % sample] * x[i] + shift[i % sample];
}

int
bp_ada_ln_cuda(struct bp_ctx *cx, const struct bp_ada_ln *a)
{
	int64_t sample = (int64_t)a->rows * a->c, total = a->b * sample;

	if (cx->dry || total == 0)
		return BP_OK;
	BP_TRY(bp_norm_rows(cx, a->out, a->a, (int64_t)a->b * a->rows, a->c, NULL, NULL));
	modulate<<<BP_GRID(total), 0, bp_stream(cx)>>>(a->out, a->scale, a->shift, total, sample);
	return bp_launched(cx, "ada_ln");
}
