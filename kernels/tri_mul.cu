#include "cuda.cuh"

extern "C" {
#include "ops/tri_mul.h"
}

#include "pair_mask.cuh"

/* ab[c,i,j] (2c channels first) = p * sigmoid(g) * mask, from [i,j,2c] */
static __global__ void
gate_and_turn(float *ab, const float *p, const float *g, struct bp_tri_mul a)
{
	int64_t nn = (int64_t)a.n * a.n;

	BP_EACH(i, nn * 2 * a.c) {
		int64_t r = i / (2 * a.c), ch = i % (2 * a.c);
		ab[ch * nn + r] = p[i] * bp_dev_sigmoid(g[i]) * bp_dev_pair_mask(a.pair_mask, a.mask, a.n, (int)(r / a.n), (int)(r % a.n));
	}
}

/* [c,r] -> [r,c] */
static __global__ void
turn_back(float *out, const float *x, int64_t rows, int c)
{
	BP_EACH(i, rows * c)
		out[i] = x[(i % c) * rows + i / c];
}

/* out (+)= y * sigmoid(g) */
static __global__ void
gate_out(float *out, const float *y, const float *g, int64_t n, bool add)
{
	BP_EACH(i, n) {
		float v = y[i] * bp_dev_sigmoid(g[i]);
		out[i] = add ? out[i] + v : v;
	}
}

int
bp_tri_mul_cuda(struct bp_ctx *cx, const struct bp_tri_mul *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t nn = (int64_t)a->n * a->n, all = nn * a->c;
	float *y, *p, *g, *ab;
	struct bp_blas s = {};

	BP_CUDA_NEW(y, all, cx);
	BP_CUDA_NEW(p, 2 * all, cx);
	BP_CUDA_NEW(g, 2 * all, cx);
	BP_CUDA_NEW(ab, 2 * all, cx);
	if (!cx->dry) {
		BP_TRY(bp_norm_rows(cx, y, a->x, nn, a->c, &a->w->norm_in, &a->w->norm_in_b));
		BP_TRY(bp_blas_linear(cx, p, y, nn, &a->w->p_in, false));
		BP_TRY(bp_blas_linear(cx, g, y, nn, &a->w->g_in, false));
		gate_and_turn<<<BP_GRID(2 * all), 0, bp_stream(cx)>>>(ab, p, g, *a);
		s.m = s.n = s.k = s.lda = s.ldb = s.ldc = a->n; /* per channel: outgoing A B^T, incoming A^T B */
		s.ta = a->incoming;
		s.tb = !a->incoming;
		s.alpha = 1;
		s.batch = a->c;
		s.sa = s.sb = s.sc = nn;
		s.A = ab;
		s.B = ab + all;
		s.C = p;
		BP_TRY(bp_blas(cx, s));
		turn_back<<<BP_GRID(all), 0, bp_stream(cx)>>>(g, p, nn, a->c);
		BP_TRY(bp_norm_rows(cx, g, g, nn, a->c, &a->w->norm_out, &a->w->norm_out_b));
		BP_TRY(bp_blas_linear(cx, p, g, nn, &a->w->p_out, false));
		BP_TRY(bp_blas_linear(cx, g, y, nn, &a->w->g_out, false));
		gate_out<<<BP_GRID(all), 0, bp_stream(cx)>>>(a->out, p, g, all, a->add);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "tri_mul");
}
