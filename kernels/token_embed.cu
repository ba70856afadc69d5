#include "cuda.cuh"

extern "C" {
#include "ops/token_embed.h"
}

static __global__ void
embed(struct bp_token_embed a, const float *W, int k, int c)
{
	BP_EACH(t, (int64_t)a.rows * c) {
		int index = a.index[t / c];
		int64_t o = t % c;
		if (index >= 0)
			a.out[t] += a.embedding ? W[(int64_t)index * c + o] : W[o * k + index];
	}
}

int
bp_token_embed_cuda(struct bp_ctx *cx, const struct bp_token_embed *a)
{
	int c = a->embedding ? a->W->k : a->W->n;

	if (cx->dry || a->rows == 0)
		return BP_OK;
	embed<<<BP_GRID((int64_t)a->rows * c), 0, bp_stream(cx)>>>(*a, a->W->p, a->W->k, c);
	return bp_launched(cx, "token_embed");
}
