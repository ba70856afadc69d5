#include "cuda.cuh"

extern "C" {
#include "ops/tri_attn.h"
}

#include "pair_mask.cuh"

/* out[i,j,:] (+)= x[j,i,:] */
static __global__ void
transpose(float *out, const float *x, int n, int c, bool add)
{
	BP_EACH(t, (int64_t)n * n * c) {
		int64_t r = t / c, i = r / n, j = r % n;
		float v = x[(j * n + i) * c + t % c];
		out[t] = add ? out[t] + v : v;
	}
}

/* p[i,j,k] of one head: scaled, with bias[j,k] and the mask of the pair i, k of the problem (k, i of x when ending) */
static __global__ void
bias_and_mask(float *p, const float *bias, struct bp_tri_attn a, float scale)
{
	int64_t n = a.n, nn = n * n;

	BP_EACH(t, nn * n) {
		int i = (int)(t / nn), k = (int)(t % n);
		float mask = a.ending ? bp_dev_pair_mask(a.pair_mask, a.mask, a.n, k, i) : bp_dev_pair_mask(a.pair_mask, a.mask, a.n, i, k);
		p[t] = p[t] * scale + 1e9f * (mask - 1) + bias[t % nn];
	}
}

static __global__ void
gate_rows(float *o, const float *g, int64_t n)
{
	BP_EACH(i, n)
		o[i] *= bp_dev_sigmoid(g[i]);
}

/* scores, softmax and weighted values of head h; o takes the place of q */
static int
one_head(struct bp_ctx *cx, const struct bp_tri_attn *a, int h, float *q, const float *k, const float *v, float *p, const float *bias)
{
	int n = a->n, hd = a->w->q.n, d = hd / a->w->bias.n;
	int64_t nn = (int64_t)n * n;
	struct bp_blas s = {}, w = {};

	s.m = s.n = s.ldc = n;
	s.k = d;
	s.lda = s.ldb = hd;
	s.tb = true;
	s.alpha = 1;
	s.batch = n;
	s.sa = s.sb = (int64_t)n * hd;
	s.sc = nn;
	s.A = q + h * d;
	s.B = k + h * d;
	s.C = p;
	BP_TRY(bp_blas(cx, s));
	bias_and_mask<<<BP_GRID(nn * n), 0, bp_stream(cx)>>>(p, bias + h * nn, *a, 1 / sqrtf((float)d));
	BP_TRY(bp_softmax_rows(cx, p, nn, n));
	w.m = w.k = w.lda = n;
	w.n = d;
	w.ldb = w.ldc = hd;
	w.alpha = 1;
	w.batch = n;
	w.sa = nn;
	w.sb = w.sc = (int64_t)n * hd;
	w.A = p;
	w.B = v + h * d;
	w.C = q + h * d;
	return bp_blas(cx, w);
}

int
bp_tri_attn_cuda(struct bp_ctx *cx, const struct bp_tri_attn *a)
{
	const struct bp_tri_attn_weights *w = a->w;
	struct bp_mark m = bp_dev_mark(cx);
	int n = a->n, heads = w->bias.n, hd = w->q.n;
	int64_t nn = (int64_t)n * n;
	float *y, *q, *k, *v, *g, *bias, *p, *t = NULL;

	BP_CUDA_NEW(y, nn * a->c, cx);
	BP_CUDA_NEW(q, nn * hd, cx);
	BP_CUDA_NEW(k, nn * hd, cx);
	BP_CUDA_NEW(v, nn * hd, cx);
	BP_CUDA_NEW(g, nn * hd, cx);
	BP_CUDA_NEW(bias, nn * heads, cx);
	BP_CUDA_NEW(p, nn * n, cx);
	if (a->ending)
		BP_CUDA_NEW(t, nn * a->c, cx);
	if (!cx->dry) {
		struct bp_blas b = {};
		if (a->ending)
			transpose<<<BP_GRID(nn * a->c), 0, bp_stream(cx)>>>(t, a->x, n, a->c, false);
		BP_TRY(bp_norm_rows(cx, y, a->ending ? t : a->x, nn, a->c, &w->norm, &w->norm_b));
		BP_TRY(bp_blas_linear(cx, q, y, nn, &w->q, false));
		BP_TRY(bp_blas_linear(cx, k, y, nn, &w->k, false));
		BP_TRY(bp_blas_linear(cx, v, y, nn, &w->v, false));
		BP_TRY(bp_blas_linear(cx, g, y, nn, &w->g, false));
		b.m = heads; /* bias[h,r] = W y^T */
		b.n = b.ldc = (int)nn;
		b.k = b.lda = b.ldb = a->c;
		b.tb = true;
		b.alpha = 1;
		b.A = w->bias.p;
		b.B = y;
		b.C = bias;
		BP_TRY(bp_blas(cx, b));
		for (int h = 0; h < heads; h++)
			BP_TRY(one_head(cx, a, h, q, k, v, p, bias));
		gate_rows<<<BP_GRID(nn * hd), 0, bp_stream(cx)>>>(q, g, nn * hd);
		if (a->ending) {
			BP_TRY(bp_blas_linear(cx, t, q, nn, &w->o, false));
			transpose<<<BP_GRID(nn * a->c), 0, bp_stream(cx)>>>(a->out, t, n, a->c, a->add);
		} else {
			BP_TRY(bp_blas_linear(cx, a->out, q, nn, &w->o, a->add));
		}
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "tri_attn");
}
