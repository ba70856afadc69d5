#include "cuda.cuh"

extern "C" {
#include "ops/template_embed.h"
}

extern "C" {
#include "ops/template_geometry.h"
}

/* one thread a pair and channel; the geometry is found again for each channel */
static __global__ void
embed(struct bp_template_embed a, const float *W, int k)
{
	float bound[BP_TMPL_BINS - 1], sign[3];

	bp_template_boundaries(bound);
	BP_EACH(t, (int64_t)a.n * a.n * a.c) {
		int64_t r = t / a.c;
		int i = (int)(r / a.n), j = (int)(r % a.n), bin = bp_template_geometry(sign, &a, bound, i, j);
		const float *w = W + t % a.c * k;
		double sum = a.out[t];
		if (a.visibility[i] == a.visibility[j]) {
			sum += w[bin] + (double)w[BP_TMPL_CB] * a.mask_cb[i] * a.mask_cb[j];
			for (int s = 0; s < 3; s++)
				sum += (double)w[BP_TMPL_UNIT + s] * sign[s];
			sum += (double)w[BP_TMPL_FRAME] * a.mask_frame[i] * a.mask_frame[j];
		}
		sum += a.type[i] >= 0 ? w[BP_TMPL_TYPE_I + a.type[i]] : 0;
		sum += a.type[j] >= 0 ? w[BP_TMPL_TYPE_J + a.type[j]] : 0;
		a.out[t] = (float)sum;
	}
}

int
bp_template_embed_cuda(struct bp_ctx *cx, const struct bp_template_embed *a)
{
	if (cx->dry)
		return BP_OK;
	embed<<<BP_GRID((int64_t)a->n * a->n * a->c), 0, bp_stream(cx)>>>(*a, a->W->p, a->W->k);
	return bp_launched(cx, "template_embed");
}
