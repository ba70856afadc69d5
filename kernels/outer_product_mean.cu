#include "cuda.cuh"

extern "C" {
#include "ops/outer_product_mean.h"
}

/* a[s,i,:] *= mask[s,i] */
static __global__ void
mask_rows(float *a, const float *mask, int64_t rows, int c)
{
	BP_EACH(i, rows * c)
		a[i] *= mask[i / c];
}

/* y[i,j,c*hidden+d] = outer[i*hidden+c, j*hidden+d] / max(sum_s mask_si mask_sj, 1) */
static __global__ void
order_and_divide(float *y, const float *outer, const float *mask, int s, int n, int hidden)
{
	int64_t wide = (int64_t)hidden * hidden;

	BP_EACH(t, (int64_t)n * n * wide) {
		int64_t r = t / wide, i = r / n, j = r % n, c = t % wide / hidden, d = t % hidden;
		double count = s;
		if (mask) {
			count = 0;
			for (int k = 0; k < s; k++)
				count += (double)mask[(int64_t)k * n + i] * mask[(int64_t)k * n + j];
		}
		y[t] = (float)(outer[(i * hidden + c) * n * hidden + j * hidden + d] / fmax(count, 1.0));
	}
}

static __global__ void
add_bias(float *z, const float *b, int64_t rows, int c)
{
	BP_EACH(i, rows * c)
		z[i] += b[i % c];
}

int
bp_outer_product_mean_cuda(struct bp_ctx *cx, const struct bp_outer_product_mean *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t rows = (int64_t)a->s * a->n, nn = (int64_t)a->n * a->n, wide = nn * a->hidden * a->hidden;
	float *y, *p, *q, *outer, *ordered;
	struct bp_blas g = {};

	BP_CUDA_NEW(y, rows * a->c, cx);
	BP_CUDA_NEW(p, rows * a->hidden, cx);
	BP_CUDA_NEW(q, rows * a->hidden, cx);
	BP_CUDA_NEW(outer, wide, cx);
	BP_CUDA_NEW(ordered, wide, cx);
	if (!cx->dry) {
		BP_TRY(bp_norm_rows(cx, y, a->m, rows, a->c, a->nw, a->nb));
		BP_TRY(bp_blas_linear(cx, p, y, rows, a->a, false));
		BP_TRY(bp_blas_linear(cx, q, y, rows, a->b, false));
		if (a->mask) {
			mask_rows<<<BP_GRID(rows * a->hidden), 0, bp_stream(cx)>>>(p, a->mask, rows, a->hidden);
			mask_rows<<<BP_GRID(rows * a->hidden), 0, bp_stream(cx)>>>(q, a->mask, rows, a->hidden);
		}
		g.m = g.n = g.lda = g.ldb = g.ldc = a->n * a->hidden;
		g.k = a->s;
		g.ta = true;
		g.alpha = 1;
		g.A = p;
		g.B = q;
		g.C = outer;
		BP_TRY(bp_blas(cx, g));
		order_and_divide<<<BP_GRID(wide), 0, bp_stream(cx)>>>(ordered, outer, a->mask, a->s, a->n, a->hidden);
		BP_TRY(bp_blas_linear(cx, a->z, ordered, nn, a->o, true));
		add_bias<<<BP_GRID(nn * a->cz), 0, bp_stream(cx)>>>(a->z, a->o_b->p, nn, a->cz);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "outer_product_mean");
}
