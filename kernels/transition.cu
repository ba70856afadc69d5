#include "cuda.cuh"

extern "C" {
#include "ops/transition.h"
}

/* h = silu(h) * g */
static __global__ void
swiglu(float *h, const float *g, int64_t n)
{
	BP_EACH(i, n)
		h[i] = bp_dev_silu(h[i]) * g[i];
}

int
bp_transition_cuda(struct bp_ctx *cx, const struct bp_transition *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t wide = a->rows * a->hidden;
	float *y, *h, *g;

	BP_CUDA_NEW(y, a->rows * a->c, cx);
	BP_CUDA_NEW(h, wide, cx);
	BP_CUDA_NEW(g, wide, cx);
	if (!cx->dry && a->rows) {
		BP_TRY(bp_norm_rows(cx, y, a->x, a->rows, a->c, a->nw, a->nb));
		BP_TRY(bp_blas_linear(cx, h, y, a->rows, a->fc1, false));
		BP_TRY(bp_blas_linear(cx, g, y, a->rows, a->fc2, false));
		swiglu<<<BP_GRID(wide), 0, bp_stream(cx)>>>(h, g, wide);
		BP_TRY(bp_blas_linear(cx, a->out, h, a->rows, a->fc3, a->add));
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "transition");
}
