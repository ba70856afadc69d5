#include "cuda.cuh"

extern "C" {
#include "ops/pair_prod_linear.h"
}

/* y = a_i * b_j of the pairs ij from `from` on */
static __global__ void
products(float *y, struct bp_pair_prod_linear a, int64_t from, int64_t pairs)
{
	BP_EACH(t, pairs * a.c) {
		int64_t r = from + t / a.c, c = t % a.c;
		y[t] = a.a[r / a.n * a.c + c] * a.b[r % a.n * a.c + c];
	}
}

int
bp_pair_prod_linear_cuda(struct bp_ctx *cx, const struct bp_pair_prod_linear *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t nn = (int64_t)a->n * a->n, block = nn < BP_ROWS_FOR_BLAS ? nn : BP_ROWS_FOR_BLAS;
	float *y;

	BP_CUDA_NEW(y, block * a->c, cx);
	for (int64_t r = 0; r < nn && !cx->dry; r += block) {
		int64_t pairs = nn - r < block ? nn - r : block;
		products<<<BP_GRID(pairs * a->c), 0, bp_stream(cx)>>>(y, *a, r, pairs);
		BP_TRY(bp_blas_linear(cx, a->out + r * a->c, y, pairs, a->W, true));
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_prod_linear");
}
