#include "cuda.cuh"

extern "C" {
#include "ops/pair_weighted_average.h"
}

static __global__ void
mask_scores(float *w, const float *mask, int heads, int n)
{
	BP_EACH(t, (int64_t)heads * n * n) {
		int i = (int)(t / n % n), j = (int)(t % n);
		w[t] += (1 - mask[i] * mask[j]) * -1e6f;
	}
}

static __global__ void
gate_rows(float *o, const float *g, int64_t n)
{
	BP_EACH(i, n)
		o[i] *= bp_dev_sigmoid(g[i]);
}

int
bp_pair_weighted_average_cuda(struct bp_ctx *cx, const struct bp_pair_weighted_average *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int hd = a->heads * a->d;
	int64_t rows = (int64_t)a->s * a->n, nn = (int64_t)a->n * a->n;
	float *y, *zy, *v, *g, *o, *w;
	struct bp_blas b = {}, p = {};

	BP_CUDA_NEW(y, rows * a->c, cx);
	BP_CUDA_NEW(zy, nn * a->cz, cx);
	BP_CUDA_NEW(v, rows * hd, cx);
	BP_CUDA_NEW(g, rows * hd, cx);
	BP_CUDA_NEW(o, rows * hd, cx);
	BP_CUDA_NEW(w, nn * a->heads, cx);
	if (!cx->dry) {
		BP_TRY(bp_norm_rows(cx, y, a->m, rows, a->c, a->nmw, a->nmb));
		BP_TRY(bp_norm_rows(cx, zy, a->z, nn, a->cz, a->nzw, a->nzb));
		BP_TRY(bp_blas_linear(cx, v, y, rows, a->pm, false));
		BP_TRY(bp_blas_linear(cx, g, y, rows, a->pg, false));
		b.m = a->heads; /* w[h,r] = pz zy^T */
		b.n = b.ldc = (int)nn;
		b.k = b.lda = b.ldb = a->cz;
		b.tb = true;
		b.alpha = 1;
		b.A = a->pz->p;
		b.B = zy;
		b.C = w;
		BP_TRY(bp_blas(cx, b));
		if (a->mask)
			mask_scores<<<BP_GRID(nn * a->heads), 0, bp_stream(cx)>>>(w, a->mask, a->heads, a->n);
		BP_TRY(bp_softmax_rows(cx, w, (int64_t)a->heads * a->n, a->n));
		p.m = p.k = p.lda = a->n; /* per row s of the MSA: o_h = w_h v_h */
		p.n = a->d;
		p.ldb = p.ldc = hd;
		p.alpha = 1;
		p.batch = a->s;
		p.sb = p.sc = (int64_t)a->n * hd;
		for (int h = 0; h < a->heads; h++) {
			p.A = w + h * nn;
			p.B = v + h * a->d;
			p.C = o + h * a->d;
			BP_TRY(bp_blas(cx, p));
		}
		gate_rows<<<BP_GRID(rows * hd), 0, bp_stream(cx)>>>(o, g, rows * hd);
		BP_TRY(bp_blas_linear(cx, a->m, o, rows, a->po, true));
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_weighted_average");
}
