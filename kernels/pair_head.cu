#include "cuda.cuh"

extern "C" {
#include "ops/pair_head.h"
}

/* y = z_ij + z_ji */
static __global__ void
symmetrise(float *y, const float *z, int n, int c)
{
	BP_EACH(t, (int64_t)n * n * c) {
		int64_t r = t / c, i = r / n, j = r % n;
		y[t] = z[t] + z[(j * n + i) * c + t % c];
	}
}

/* out = the logits of this pair's kind, + b */
static __global__ void
choose(float *out, const float *other, const int32_t *asym_id, const float *b, int n, int bins)
{
	BP_EACH(t, (int64_t)n * n * bins) {
		int64_t r = t / bins;
		float v = other && asym_id[r / n] != asym_id[r % n] ? other[t] : out[t];
		out[t] = v + (b ? b[t % bins] : 0);
	}
}

int
bp_pair_head_cuda(struct bp_ctx *cx, const struct bp_pair_head *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t nn = (int64_t)a->n * a->n;
	int bins = a->W->n;
	float *y = NULL, *other = NULL;

	if (a->symmetric)
		BP_CUDA_NEW(y, nn * a->c, cx);
	if (a->W_other)
		BP_CUDA_NEW(other, nn * bins, cx);
	if (!cx->dry) {
		if (a->symmetric)
			symmetrise<<<BP_GRID(nn * a->c), 0, bp_stream(cx)>>>(y, a->z, a->n, a->c);
		BP_TRY(bp_blas_linear(cx, a->out, y ? y : a->z, nn, a->W, false));
		if (other)
			BP_TRY(bp_blas_linear(cx, other, y ? y : a->z, nn, a->W_other, false));
		choose<<<BP_GRID(nn * bins), 0, bp_stream(cx)>>>(a->out, other, a->asym_id, bp_wp(a->b), a->n, bins);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_head");
}
