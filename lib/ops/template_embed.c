/* lib/ops/template_embed.c */
#include <math.h>

#include "ops/template_embed.h"

enum { NBIN = 38, NTYPE = 33, CB = NBIN, UNIT = CB + 1, FRAME = UNIT + 3, TYPE_I = FRAME + 1, TYPE_J = TYPE_I + NTYPE };

/* torch.linspace(3.25, 50.75, 37), float32: from either end, as torch counts */
static void
boundaries(float b[NBIN - 1])
{
	const float lo = 3.25f, hi = 50.75f, step = (hi - lo) / (NBIN - 2);
	for (int k = 0; k < NBIN - 1; k++)
		b[k] = k < (NBIN - 1) / 2 ? lo + step * k : hi - step * (NBIN - 2 - k);
}

/* What the two tokens see of each other: distance bin of the CBs, and the sign of R_j^T (CA_i - t_j). All in float32, so that every
 * variant draws the same line. DIFFERS: torch.cdist's matrix form is not imitated, a distance at a boundary may fall on its other side. */
static int
geometry(float sign[3], const struct bp_template_embed *a, const float *bound, int i, int j)
{
	const float *x = a->cb + 3 * (size_t)i, *y = a->cb + 3 * (size_t)j;
	const float *ca = a->ca + 3 * (size_t)i, *t = a->t + 3 * (size_t)j, *R = a->rot + 9 * (size_t)j;
	float d0 = x[0] - y[0], d1 = x[1] - y[1], d2 = x[2] - y[2], dist = sqrtf(d0 * d0 + d1 * d1 + d2 * d2);
	int bin = 0;

	for (int k = 0; k < NBIN - 1; k++)
		bin += dist > bound[k];
	d0 = ca[0] - t[0], d1 = ca[1] - t[1], d2 = ca[2] - t[2];
	for (int s = 0; s < 3; s++) {
		float v = R[s] * d0 + R[3 + s] * d1 + R[6 + s] * d2;
		sign[s] = (float)((v > 0) - (v < 0));
	}
	return bin;
}

int
bp_template_embed_cpu(struct bp_ctx *cx, const struct bp_template_embed *a)
{
	if (cx->dry)
		return BP_OK;
	float bound[NBIN - 1], sign[3];
	boundaries(bound);
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < a->n; j++) {
			float *out = a->out + ((size_t)i * a->n + j) * a->c;
			bool visible = a->visibility[i] == a->visibility[j];
			int bin = geometry(sign, a, bound, i, j), ti = a->type[i], tj = a->type[j];
			for (int o = 0; o < a->c; o++) {
				const float *w = a->W->p + (size_t)o * a->W->k;
				double sum = out[o];
				if (visible) {
					sum += w[bin] + (double)w[CB] * a->mask_cb[i] * a->mask_cb[j];
					for (int s = 0; s < 3; s++)
						sum += (double)w[UNIT + s] * sign[s];
					sum += (double)w[FRAME] * a->mask_frame[i] * a->mask_frame[j];
				}
				sum += ti >= 0 ? w[TYPE_I + ti] : 0;
				sum += tj >= 0 ? w[TYPE_J + tj] : 0;
				out[o] = (float)sum;
			}
		}
	return BP_OK;
}
