#include "cuda.cuh"

extern "C" {
#include "ops/ada_cond.h"
}

static __global__ void
sigmoid_bias(float *x, const float *b, int64_t rows, int n)
{
	BP_EACH(i, rows * n)
		x[i] = bp_dev_sigmoid(x[i] + b[i % n]);
}

/* scale, shift, gate of one AdaLN and its output projection into out [3,rows,c] */
static int
one(struct bp_ctx *cx, const struct bp_ada_cond *a, const struct bp_ada_weights *w, float *norm, float *out)
{
	int64_t n = (int64_t)a->rows * a->c;

	BP_TRY(bp_norm_rows(cx, norm, a->s, a->rows, a->cs, &w->s_norm, NULL));
	BP_TRY(bp_blas_linear(cx, out, norm, a->rows, &w->s_scale, false));
	sigmoid_bias<<<BP_GRID(n), 0, bp_stream(cx)>>>(out, w->s_scale_b.p, a->rows, a->c);
	BP_TRY(bp_blas_linear(cx, out + n, norm, a->rows, &w->s_bias, false));
	BP_TRY(bp_blas_linear(cx, out + 2 * n, a->s, a->rows, &w->gate, false));
	sigmoid_bias<<<BP_GRID(n), 0, bp_stream(cx)>>>(out + 2 * n, w->gate_b.p, a->rows, a->c);
	return bp_launched(cx, "ada_cond");
}

int
bp_ada_cond_cuda(struct bp_ctx *cx, const struct bp_ada_cond *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	float *norm;

	BP_CUDA_NEW(norm, (int64_t)a->rows * a->cs, cx);
	if (!cx->dry && a->rows) {
		BP_TRY(one(cx, a, a->attn, norm, a->out));
		BP_TRY(one(cx, a, a->trans, norm, a->out + 3 * (int64_t)a->rows * a->c));
	}
	bp_dev_release(cx, m);
	return BP_OK;
}
