/* lib/ops/contact_embed.c */
#include <math.h>

#include "ops/contact_embed.h"

enum { SPECIAL = 2, ENCODED = 3 }; /* classes with vectors of their own; classes that go through the encoder */

/* channel o of enc [onehot3(klass - 2); t; cos(2 pi (fw t + fb))] + enc_b */
static double
encode(const struct bp_contact_embed *a, int klass, float threshold, int o)
{
	const float *w = a->enc->p + (size_t)o * a->enc->k;
	float t = (threshold - 4) / 16;
	double sum = a->enc_b->p[o];

	if (klass >= SPECIAL)
		sum += w[klass - SPECIAL];
	sum += (double)w[ENCODED] * t;
	for (int k = 0; k < a->c; k++)
		sum += w[ENCODED + 1 + k] * cos((float)(2 * M_PI) * (a->fw->p[k] * t + a->fb->p[k]));
	return sum;
}

int
bp_contact_embed_cpu(struct bp_ctx *cx, const struct bp_contact_embed *a)
{
	if (cx->dry)
		return BP_OK;
	for (size_t r = 0; r < (size_t)a->n * a->n; r++)
		for (int o = 0; o < a->c; o++) {
			double add = a->klass[r] == 0 ? a->unspecified->p[o]
			    : a->klass[r] == 1 ? a->unselected->p[o]
			    : encode(a, a->klass[r], a->threshold[r], o);
			a->out[r * a->c + o] = (float)(a->out[r * a->c + o] + add);
		}
	return BP_OK;
}
