#include "cuda.cuh"

extern "C" {
#include "ops/members.h"
#include "ops/pair_bias.h"
}

#include "rows.cuh"

int
bp_pair_bias_cuda(struct bp_ctx *cx, const struct bp_pair_bias *a)
{
	const int members = bp_members(cx->members); /* target by target, as each alone */
	const int64_t one = a->rows / members;
	struct bp_mark m = bp_dev_mark(cx);
	float *y;

	BP_CUDA_NEW(y, a->rows * a->c, cx);
	for (int l = 0; l < a->layers && !cx->dry && a->rows; l++) {
		struct bp_blas g = {};
		bp_assert(bp_pair_bias_stride(a) < (int64_t)1 << 31);
		BP_TRY(bp_norm_rows(cx, y, a->x, a->rows, a->c, &a->w[l].nw, &a->w[l].nb));
		g.m = a->heads; /* out[h,r] = W y^T */
		g.n = (int)one;
		g.ldc = (int)bp_pair_bias_stride(a);
		g.k = g.lda = g.ldb = a->c;
		g.tb = true;
		g.alpha = 1;
		g.A = a->w[l].W.p;
		g.B = y;
		g.C = a->out + (int64_t)l * a->heads * bp_pair_bias_stride(a);
		for (int i = 0; i < members; i++, g.B += one * a->c, g.C += one)
			BP_TRY(bp_blas(cx, g));
	}
	bp_dev_release(cx, m);
	return BP_OK;
}

/* bf16: each layer reads the rows once, and only its few outputs are written */
int
bp_pair_bias_cuda_opt(struct bp_ctx *cx, const struct bp_pair_bias *a)
{
	if (cx->precision != BP_BF16_MM)
		return bp_as_original(cx, bp_pair_bias_cuda, a);
	if (a->c > 128)
		return BP_FAIL(cx->err, BP_EUNSUP, "take --op pair_bias=original", "pair_bias in bf16 is for up to 128 channels, not %d", a->c);
	for (int l = 0; l < a->layers && !cx->dry && a->rows; l++) {
		struct bp_row_heads p = {};
		p.x = a->x;
		p.nw = a->w[l].nw.p;
		p.nb = a->w[l].nb.p;
		p.W = a->w[l].W.p;
		p.out = a->out + (int64_t)l * a->heads * bp_pair_bias_stride(a);
		p.rows = a->rows;
		p.stride = bp_pair_bias_stride(a);
		p.c = a->c;
		p.heads = a->heads;
		BP_TRY(bp_row_heads(cx, "pair_bias", p));
	}
	return BP_OK;
}
