#include "cuda.cuh"

extern "C" {
#include "ops/contact_embed.h"
}

struct encoder {
	const float *enc, *enc_b, *fw, *fb, *unspecified, *unselected;
	int k;
};

static __global__ void
embed(struct bp_contact_embed a, struct encoder e)
{
	BP_EACH(i, (int64_t)a.n * a.n * a.c) {
		int64_t r = i / a.c, o = i % a.c;
		int klass = a.klass[r];
		const float *w = e.enc + o * e.k;
		float t = (a.threshold[r] - 4) / 16;
		double sum = a.out[i];
		if (klass == 0 || klass == 1) {
			sum += klass ? e.unselected[o] : e.unspecified[o];
		} else {
			sum += e.enc_b[o] + (klass >= 2 ? w[klass - 2] : 0) + (double)w[3] * t;
			for (int k = 0; k < a.c; k++) /* the rounding of each step as in torch: no fused multiply-add */
				sum += w[4 + k] * cos((double)(6.283185307179586f * __fadd_rn(__fmul_rn(e.fw[k], t), e.fb[k])));
		}
		a.out[i] = (float)sum;
	}
}

int
bp_contact_embed_cuda(struct bp_ctx *cx, const struct bp_contact_embed *a)
{
	struct encoder e = { a->enc->p, a->enc_b->p, a->fw->p, a->fb->p, a->unspecified->p, a->unselected->p, a->enc->k };

	if (cx->dry)
		return BP_OK;
	embed<<<BP_GRID((int64_t)a->n * a->n * a->c), 0, bp_stream(cx)>>>(*a, e);
	return bp_launched(cx, "contact_embed");
}
