/* lib/ops/template_embed.c */
#include <math.h>

#include "ops/rows.h"
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

/* What the two tokens see of each other: distance bin of the CBs, and the sign of R_j^T (CA_i - t_j). All in float32,
 * so that every variant draws the same line. DIFFERS: torch.cdist's matrix form is not imitated, a distance at a
 * boundary may fall on its other side. */
static int
geometry(float sign[3], const struct bp_template_embed *a, const float *bound, int i, int j)
{
	const float *x = a->cb + 3 * (size_t)i, *y = a->cb + 3 * (size_t)j;
	const float *ca = a->ca + 3 * (size_t)i, *t = a->t + 3 * (size_t)j, *R = a->rot + 9 * (size_t)j;
	float d0 = x[0] - y[0], d1 = x[1] - y[1], d2 = x[2] - y[2], dist = sqrtf(d0 * d0 + d1 * d1 + d2 * d2);
	int bin = 0;

#pragma omp simd reduction(+ : bin)
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

/* Pair i, j with the columns of W as rows: one pass over out */
static void
embed_pair(const struct bp_template_embed *a, const float *wt, const float *bound, int i, int j)
{
	const int c = a->c;
	float *restrict out = a->out + ((size_t)i * a->n + j) * c, s[3];

	if (a->visibility[i] == a->visibility[j]) {
		const float *bin = wt + (size_t)geometry(s, a, bound, i, j) * c, *cb = wt + CB * (size_t)c;
		const float *x = wt + UNIT * (size_t)c, *y = x + c, *z = y + c, *frame = z + c;
		const float both_cb = a->mask_cb[i] * a->mask_cb[j], both_frame = a->mask_frame[i] * a->mask_frame[j];
#pragma omp simd
		for (int o = 0; o < c; o++)
			out[o] += bin[o] + both_cb * cb[o] + s[0] * x[o] + s[1] * y[o] + s[2] * z[o]
			    + both_frame * frame[o];
	}
	if (a->type[i] >= 0)
		bp_row_add(out, wt + (size_t)(TYPE_I + a->type[i]) * c, c);
	if (a->type[j] >= 0)
		bp_row_add(out, wt + (size_t)(TYPE_J + a->type[j]) * c, c);
}

int
bp_template_embed_cpu_opt(struct bp_ctx *cx, const struct bp_template_embed *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	float *wt;
	BP_DEV_NEW(wt, (size_t)a->c * a->W->k, cx);
	if (!cx->dry) {
		float bound[NBIN - 1];
		boundaries(bound);
		bp_columns(wt, a->W);
#pragma omp parallel for num_threads(cx->threads) schedule(static)
		for (int i = 0; i < a->n; i++)
			for (int j = 0; j < a->n; j++)
				embed_pair(a, wt, bound, i, j);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
