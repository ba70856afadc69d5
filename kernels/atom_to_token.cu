#include "cuda.cuh"

extern "C" {
#include "ops/atom_to_token.h"
}

static __global__ void
mean(struct bp_atom_to_token a)
{
	int64_t sample = (int64_t)a.n * a.c;

	BP_EACH(t, a.b * sample) {
		int64_t b = t / sample, i = t % sample / a.c, c = t % a.c;
		double sum = 0;
		for (int k = 0; k < a.count[i]; k++)
			sum += a.x[(b * a.atoms + a.first[i] + k) * a.c + c];
		sum /= a.count[i] + 1e-6;
		a.out[t] = (float)(a.add ? a.out[t] + sum : sum);
	}
}

int
bp_atom_to_token_cuda(struct bp_ctx *cx, const struct bp_atom_to_token *a)
{
	int64_t n = (int64_t)a->b * a->n * a->c;

	if (cx->dry || n == 0)
		return BP_OK;
	mean<<<BP_GRID(n), 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "atom_to_token");
}
