#include "cuda.cuh"

extern "C" {
#include "ops/atom_embed.h"
}

static __global__ void
embed(struct bp_atom_embed a, const float *W, const float *b, int c, int k)
{
	BP_EACH(t, (int64_t)a.atoms * c) {
		int64_t i = t / c, o = t % c;
		const float *w = W + o * k, *names = w + 4 + BP_ATOM_ELEMENTS;
		double sum = b[o];
		for (int d = 0; d < 3; d++)
			sum += (double)w[d] * a.ref_pos[3 * i + d];
		sum += (double)w[3] * a.charge[i];
		if (a.element[i] >= 0)
			sum += w[4 + a.element[i]];
		for (int q = 0; q < 4; q++)
			if (a.chars[4 * i + q] >= 0)
				sum += names[q * BP_ATOM_CHARS + a.chars[4 * i + q]];
		a.out[t] = (float)sum;
	}
}

int
bp_atom_embed_cuda(struct bp_ctx *cx, const struct bp_atom_embed *a)
{
	if (cx->dry || a->atoms == 0)
		return BP_OK;
	embed<<<BP_GRID((int64_t)a->atoms * a->W->n), 0, bp_stream(cx)>>>(*a, a->W->p, a->b->p, a->W->n, a->W->k);
	return bp_launched(cx, "atom_embed");
}
