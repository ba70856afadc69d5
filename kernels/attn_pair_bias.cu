#include "flash.cuh"

extern "C" {
#include "ops/attn_pair_bias.h"
}

/* scores[b,i,j] of head h: scaled, with bias [members,n,n] and mask */
static __global__ void
bias_and_mask(float *p, const float *bias, const float *mask, int b, int n, int members, float scale)
{
	BP_EACH(i, (int64_t)b * n * n)
		p[i] = p[i] * scale + bias[i % ((int64_t)members * n * n)] + (mask ? (1 - mask[i / n / n % members * n + i % n]) * -1e6f : 0);
}

int
bp_attn_pair_bias_cuda(struct bp_ctx *cx, const struct bp_attn_pair_bias *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t rows = (int64_t)a->b * a->n, all = rows * a->c, nn = (int64_t)a->n * a->n;
	int d = a->c / a->heads, members = bp_members(a->members);
	float *q, *k, *v, *g, *o, *p;
	struct bp_blas s = {}, w = {};

	BP_CUDA_NEW(q, all, cx);
	BP_CUDA_NEW(k, all, cx);
	BP_CUDA_NEW(v, all, cx);
	BP_CUDA_NEW(g, all, cx);
	BP_CUDA_NEW(o, all, cx);
	BP_CUDA_NEW(p, a->b * nn, cx);
	if (!cx->dry && all) {
		BP_TRY(bp_blas_linear(cx, q, a->x, rows, &a->w->q, false));
		bp_add_bias<<<BP_GRID(all), 0, bp_stream(cx)>>>(q, a->w->q_b.p, rows, a->c);
		BP_TRY(bp_blas_linear(cx, k, a->x, rows, &a->w->k, false));
		BP_TRY(bp_blas_linear(cx, v, a->x, rows, &a->w->v, false));
		BP_TRY(bp_blas_linear(cx, g, a->x, rows, &a->w->g, false));
		s.m = s.n = s.ldc = a->n;
		s.k = d;
		s.lda = s.ldb = a->c;
		s.tb = true;
		s.alpha = 1;
		s.batch = a->b;
		s.like = s.m;
		s.batch_like = a->b / members;
		s.sa = s.sb = (int64_t)a->n * a->c;
		s.sc = nn;
		s.C = p;
		w.m = w.k = w.lda = a->n;
		w.n = d;
		w.ldb = w.ldc = a->c;
		w.alpha = 1;
		w.batch = a->b;
		w.like = w.m;
		w.batch_like = s.batch_like;
		w.sa = nn;
		w.sb = w.sc = (int64_t)a->n * a->c;
		w.A = p;
		for (int h = 0; h < a->heads; h++) {
			s.A = q + h * d;
			s.B = k + h * d;
			BP_TRY(bp_blas(cx, s));
			bias_and_mask<<<BP_GRID(a->b * nn), 0, bp_stream(cx)>>>(p, a->bias + h * members * nn, a->mask, a->b, a->n, members,
			    1 / sqrtf((float)d));
			BP_TRY(bp_softmax_rows(cx, p, rows, a->n));
			w.B = v + h * d;
			w.C = o + h * d;
			BP_TRY(bp_blas(cx, w));
		}
		bp_gate_rows<<<BP_GRID(all), 0, bp_stream(cx)>>>(o, g, all);
		BP_TRY(bp_blas_linear(cx, q, o, rows, &a->w->o, false));
		bp_gated_add<<<BP_GRID(all), 0, bp_stream(cx)>>>(a->out, q, a->gate, all, (int64_t)members * a->n * a->c);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "attn_pair_bias");
}

static int
fast(struct bp_ctx *cx, const struct bp_attn_pair_bias *a)
{
	return bp_flash_attention<false>(cx, a, a->n, "attn_pair_bias");
}

int
bp_attn_pair_bias_cuda_opt(struct bp_ctx *cx, const struct bp_attn_pair_bias *a)
{
	return bp_in_tf32(cx, fast, a);
}
