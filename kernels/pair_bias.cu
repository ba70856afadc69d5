#include "cuda.cuh"

extern "C" {
#include "ops/pair_bias.h"
}

int
bp_pair_bias_cuda(struct bp_ctx *cx, const struct bp_pair_bias *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	float *y;

	BP_CUDA_NEW(y, a->rows * a->c, cx);
	for (int l = 0; l < a->layers && !cx->dry && a->rows; l++) {
		struct bp_blas g = {};
		bp_assert(a->rows < (int64_t)1 << 31);
		BP_TRY(bp_norm_rows(cx, y, a->x, a->rows, a->c, &a->w[l].nw, &a->w[l].nb));
		g.m = a->heads; /* out[h,r] = W y^T */
		g.n = g.ldc = (int)a->rows;
		g.k = g.lda = g.ldb = a->c;
		g.tb = true;
		g.alpha = 1;
		g.A = a->w[l].W.p;
		g.B = y;
		g.C = a->out + (int64_t)l * a->heads * a->rows;
		BP_TRY(bp_blas(cx, g));
	}
	bp_dev_release(cx, m);
	return BP_OK;
}
