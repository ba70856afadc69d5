#include "cuda.cuh"

extern "C" {
#include "ops/linear.h"
}

static __global__ void
concat(float *out, const float *x, const float *y, int64_t rows, int k, int k2)
{
	BP_EACH(i, rows * (k + k2)) {
		int64_t r = i / (k + k2), c = i % (k + k2);
		out[i] = c < k ? x[r * k + c] : y[r * k2 + c - k];
	}
}

static __global__ void
relu(float *out, const float *x, int64_t n)
{
	BP_EACH(i, n)
		out[i] = fmaxf(x[i], 0);
}

/* out (+)= act(y + b) */
static __global__ void
finish(float *out, const float *y, const float *b, int64_t rows, int n, enum bp_act act, bool add)
{
	BP_EACH(i, rows * n) {
		float v = y[i] + (b ? b[i % n] : 0);
		v = act == BP_ACT_RELU ? fmaxf(v, 0) : act == BP_ACT_SIGMOID ? bp_dev_sigmoid(v) : v;
		out[i] = add ? out[i] + v : v;
	}
}

int
bp_linear_cuda(struct bp_ctx *cx, const struct bp_linear *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int k = a->k + a->k2, n = a->W->n;
	bool plain = !a->b && a->act == BP_ACT_NONE;
	const float *x = a->x;
	float *t = NULL, *y = a->out;

	if (a->norm || a->in_relu || a->k2)
		BP_CUDA_NEW(t, a->rows * k, cx);
	if (!plain)
		BP_CUDA_NEW(y, a->rows * n, cx);
	if (!cx->dry && a->rows) {
		if (a->k2) {
			concat<<<BP_GRID(a->rows * k), 0, bp_stream(cx)>>>(t, x, a->x2, a->rows, a->k, a->k2);
			x = t;
		}
		if (a->norm) {
			BP_TRY(bp_norm_rows(cx, t, x, a->rows, k, a->nw, a->nb));
			x = t;
		}
		if (a->in_relu) {
			relu<<<BP_GRID(a->rows * k), 0, bp_stream(cx)>>>(t, x, a->rows * k);
			x = t;
		}
		BP_TRY(bp_blas_linear(cx, y, x, a->rows, a->W, plain && a->add));
		if (!plain)
			finish<<<BP_GRID(a->rows * n), 0, bp_stream(cx)>>>(a->out, y, bp_wp(a->b), a->rows, n, a->act, a->add);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "linear");
}
