#include "cuda.cuh"

extern "C" {
#include "ops/bond_embed.h"
}

static __global__ void
embed(struct bp_bond_embed a, const float *W, const float *E)
{
	BP_EACH(t, (int64_t)a.n * a.n * a.c) {
		int64_t r = t / a.c, c = t % a.c;
		double sum = (double)a.out[t] + (double)a.token_bonds[r] * W[c];
		if (E)
			sum += E[(int64_t)a.type_bonds[r] * a.c + c];
		a.out[t] = (float)sum;
	}
}

int
bp_bond_embed_cuda(struct bp_ctx *cx, const struct bp_bond_embed *a)
{
	if (cx->dry)
		return BP_OK;
	embed<<<BP_GRID((int64_t)a->n * a->n * a->c), 0, bp_stream(cx)>>>(*a, a->W->p, bp_wp(a->E));
	return bp_launched(cx, "bond_embed");
}
