#include "cuda.cuh"

extern "C" {
#include "ops/msa_embed.h"
}

static __global__ void
embed(struct bp_msa_embed a, const float *W, int c, int k)
{
	BP_EACH(t, (int64_t)a.s * a.n * c) {
		int64_t r = t / c, o = t % c;
		const float *w = W + o * k;
		double sum = (double)a.add[r % a.n * c + o] + w[a.msa[r]] + (double)w[a.nclass] * a.has_deletion[r] + (double)w[a.nclass + 1] * a.deletion_value[r];
		if (k == a.nclass + 3)
			sum += (double)w[a.nclass + 2] * a.paired[r];
		a.out[t] = (float)sum;
	}
}

int
bp_msa_embed_cuda(struct bp_ctx *cx, const struct bp_msa_embed *a)
{
	int64_t n = (int64_t)a->s * a->n * a->W->n;

	if (cx->dry || n == 0)
		return BP_OK;
	embed<<<BP_GRID(n), 0, bp_stream(cx)>>>(*a, a->W->p, a->W->n, a->W->k);
	return bp_launched(cx, "msa_embed");
}
