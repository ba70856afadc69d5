#include "cuda.cuh"

extern "C" {
#include "ops/pair_prod_linear.h"
}

static __global__ void
products(float *y, struct bp_pair_prod_linear a)
{
	BP_EACH(t, (int64_t)a.n * a.n * a.c) {
		int64_t r = t / a.c, c = t % a.c;
		y[t] = a.a[r / a.n * a.c + c] * a.b[r % a.n * a.c + c];
	}
}

int
bp_pair_prod_linear_cuda(struct bp_ctx *cx, const struct bp_pair_prod_linear *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t nn = (int64_t)a->n * a->n;
	float *y;

	BP_CUDA_NEW(y, nn * a->c, cx);
	if (!cx->dry) {
		products<<<BP_GRID(nn * a->c), 0, bp_stream(cx)>>>(y, *a);
		BP_TRY(bp_blas_linear(cx, a->out, y, nn, a->W, true));
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_prod_linear");
}
