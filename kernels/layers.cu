/* kernels/layers.cu: linear layers that many CUDA rows share, by the context's matrix products. */
#include "cuda.cuh"

int
bp_blas_linear(struct bp_ctx *cx, float *out, const float *x, int64_t rows, const struct bp_weight *W, bool add)
{
	const int64_t most = (int64_t)1 << 30; /* cuBLAS counts in int */

	for (int64_t at = 0; at < rows; at += most) {
		struct bp_blas g = {};
		g.m = (int)(rows - at < most ? rows - at : most);
		g.like = bp_rows_alike(cx, g.m);
		g.n = g.ldc = W->n;
		g.k = g.lda = g.ldb = W->k;
		g.tb = true;
		g.alpha = 1;
		g.beta = add;
		g.A = x + at * W->k;
		g.B = W->p;
		g.C = out + at * W->n;
		BP_TRY(bp_blas(cx, g));
	}
	return BP_OK;
}

int
bp_blas_stack(struct bp_ctx *cx, float *out, const float *x, int64_t rows, const struct bp_weight *const *W, int count)
{
	int total = 0, k = W[0]->k, at = 0;

	bp_assert(rows < (int64_t)1 << 31);
	for (int i = 0; i < count; i++)
		total += W[i]->n;
	for (int i = 0, n; i < count; i += n) {
		struct bp_blas g = {};
		g.m = (int)rows;
		g.like = bp_rows_alike(cx, rows);
		g.n = W[i]->n;
		for (n = 1; i + n < count && W[i + n]->p == W[i]->p + (int64_t)g.n * k; n++)
			g.n += W[i + n]->n;
		g.k = g.lda = g.ldb = k;
		g.ldc = total;
		g.tb = true;
		g.alpha = 1;
		g.A = x;
		g.B = W[i]->p;
		g.C = out + at;
		BP_TRY(bp_blas(cx, g));
		at += g.n;
	}
	return BP_OK;
}
