/* lib/ops/contact_embed.c */
#include <math.h>

#include "ops/contact_embed.h"
#include "ops/rows.h"

enum { SPECIAL = 2, ENCODED = 3 }; /* classes with vectors of their own; classes that go through the encoder */

/* f [c+4] = [onehot3(klass - 2); t; cos(2 pi (fw t + fb))], the products rounded to float32 as in ops/fourier.h */
static void
features(double *f, const struct bp_contact_embed *a, int klass, float threshold)
{
	const float t = (threshold - 4) / 16;

	for (int k = 0; k < ENCODED; k++)
		f[k] = klass - SPECIAL == k;
	f[ENCODED] = t;
	for (int k = 0; k < a->c; k++)
		f[ENCODED + 1 + k] = cos((float)(2 * M_PI) * (a->fw->p[k] * t + a->fb->p[k]));
}

/* channel o of enc f + enc_b */
static double
encode(const struct bp_contact_embed *a, const double *f, int o)
{
	double sum = a->enc_b->p[o];

	for (int k = 0; k < a->enc->k; k++)
		sum += a->enc->p[(size_t)o * a->enc->k + k] * f[k];
	return sum;
}

int
bp_contact_embed_cpu(struct bp_ctx *cx, const struct bp_contact_embed *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	double *f;
	BP_DEV_NEW(f, a->c + ENCODED + 1, cx);
	for (size_t r = 0; !cx->dry && r < (size_t)a->n * a->n; r++) {
		int klass = a->klass[r];
		if (klass != 0 && klass != 1)
			features(f, a, klass, a->threshold[r]);
		for (int o = 0; o < a->c; o++) {
			double add = klass == 0 ? a->unspecified->p[o]
			    : klass == 1 ? a->unselected->p[o]
			    : encode(a, f, o);
			a->out[r * a->c + o] = (float)(a->out[r * a->c + o] + add);
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* Row i of the pairs. Most are of classes 0 and 1; the others mostly repeat the class and threshold before. */
static void
embed_row(const struct bp_contact_embed *a, int i, double *f, float *encoded)
{
	const int c = a->c;
	int32_t klass = 0; /* what `encoded` holds; 0: nothing */
	float threshold = 0;

	for (size_t r = (size_t)i * a->n; r < ((size_t)i + 1) * a->n; r++) {
		int32_t k = a->klass[r];
		if (k != 0 && k != 1 && (k != klass || a->threshold[r] != threshold)) {
			klass = k, threshold = a->threshold[r];
			features(f, a, klass, threshold);
			for (int o = 0; o < c; o++)
				encoded[o] = (float)encode(a, f, o);
		}
		bp_row_add(a->out + r * c, k == 0 ? a->unspecified->p : k == 1 ? a->unselected->p : encoded, c);
	}
}

int
bp_contact_embed_cpu_opt(struct bp_ctx *cx, const struct bp_contact_embed *a)
{
	const size_t nf = (size_t)a->c + ENCODED + 1;
	struct bp_mark mark = bp_dev_mark(cx);
	double *f;
	float *encoded;
	BP_DEV_NEW(f, nf * a->n, cx);
	BP_DEV_NEW(encoded, (size_t)a->c * a->n, cx);
	if (!cx->dry) {
#pragma omp parallel for num_threads(cx->threads) schedule(static)
		for (int i = 0; i < a->n; i++)
			embed_row(a, i, f + nf * i, encoded + (size_t)a->c * i);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
