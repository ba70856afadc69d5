#include "cuda.cuh"

extern "C" {
#include "ops/pair_head.h"
}

/* y[t] = z_ij + z_ji of the pairs ij from `from` on */
static __global__ void
symmetrise(float *y, const float *z, int64_t from, int64_t pairs, int n, int c)
{
	BP_EACH(t, pairs * c) {
		int64_t r = from + t / c, i = r / n, j = r % n;
		y[t] = z[r * c + t % c] + z[(j * n + i) * c + t % c];
	}
}

/* out = the logits of this pair's kind, + b; both begin at pair `from` */
static __global__ void
choose(float *out, const float *other, const int32_t *asym_id, const float *b, int64_t from, int64_t pairs, int n, int bins)
{
	BP_EACH(t, pairs * bins) {
		int64_t r = from + t / bins;
		float v = other && asym_id[r / n] != asym_id[r % n] ? other[t] : out[t];
		out[t] = v + (b ? b[t % bins] : 0);
	}
}

int
bp_pair_head_cuda(struct bp_ctx *cx, const struct bp_pair_head *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t nn = (int64_t)a->n * a->n, block = nn < BP_ROWS_FOR_BLAS ? nn : BP_ROWS_FOR_BLAS;
	int bins = a->W->n;
	float *y = NULL, *other = NULL;

	if (a->symmetric)
		BP_CUDA_NEW(y, block * a->c, cx);
	if (a->W_other)
		BP_CUDA_NEW(other, block * bins, cx);
	for (int64_t r = 0; r < nn && !cx->dry; r += block) {
		int64_t pairs = nn - r < block ? nn - r : block;
		const float *x = y ? y : a->z + r * a->c;
		float *out = a->out + r * bins;
		if (y)
			symmetrise<<<BP_GRID(pairs * a->c), 0, bp_stream(cx)>>>(y, a->z, r, pairs, a->n, a->c);
		BP_TRY(bp_blas_linear(cx, out, x, pairs, a->W, false));
		if (other)
			BP_TRY(bp_blas_linear(cx, other, x, pairs, a->W_other, false));
		choose<<<BP_GRID(pairs * bins), 0, bp_stream(cx)>>>(out, other, a->asym_id, bp_wp(a->b), r, pairs, a->n, bins);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_head");
}
