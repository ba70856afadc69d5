/* lib/ops/template_embed.c */
#include <math.h>

#include "ops/rows.h"
#include "ops/template_embed.h"
#include "ops/template_geometry.h"

int
bp_template_embed_cpu(struct bp_ctx *cx, const struct bp_template_embed *a)
{
	if (cx->dry)
		return BP_OK;
	float bound[BP_TMPL_BINS - 1], sign[3];
	bp_template_boundaries(bound);
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < a->n; j++) {
			float *out = a->out + ((size_t)i * a->n + j) * a->c;
			bool visible = a->visibility[i] == a->visibility[j];
			int bin = bp_template_geometry(sign, a, bound, i, j), ti = a->type[i], tj = a->type[j];
			for (int o = 0; o < a->c; o++) {
				const float *w = a->W->p + (size_t)o * a->W->k;
				double sum = out[o];
				if (visible) {
					sum += w[bin] + (double)w[BP_TMPL_CB] * a->mask_cb[i] * a->mask_cb[j];
					for (int s = 0; s < 3; s++)
						sum += (double)w[BP_TMPL_UNIT + s] * sign[s];
					sum += (double)w[BP_TMPL_FRAME] * a->mask_frame[i] * a->mask_frame[j];
				}
				sum += ti >= 0 ? w[BP_TMPL_TYPE_I + ti] : 0;
				sum += tj >= 0 ? w[BP_TMPL_TYPE_J + tj] : 0;
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
		const float *bin = wt + (size_t)bp_template_geometry(s, a, bound, i, j) * c, *cb = wt + BP_TMPL_CB * (size_t)c;
		const float *x = wt + BP_TMPL_UNIT * (size_t)c, *y = x + c, *z = y + c, *frame = z + c;
		const float both_cb = a->mask_cb[i] * a->mask_cb[j], both_frame = a->mask_frame[i] * a->mask_frame[j];
#pragma omp simd
		for (int o = 0; o < c; o++)
			out[o] += bin[o] + both_cb * cb[o] + s[0] * x[o] + s[1] * y[o] + s[2] * z[o]
			    + both_frame * frame[o];
	}
	if (a->type[i] >= 0)
		bp_row_add(out, wt + (size_t)(BP_TMPL_TYPE_I + a->type[i]) * c, c);
	if (a->type[j] >= 0)
		bp_row_add(out, wt + (size_t)(BP_TMPL_TYPE_J + a->type[j]) * c, c);
}

int
bp_template_embed_cpu_opt(struct bp_ctx *cx, const struct bp_template_embed *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	float *wt;
	BP_DEV_NEW(wt, (size_t)a->c * a->W->k, cx);
	if (!cx->dry) {
		float bound[BP_TMPL_BINS - 1];
		bp_template_boundaries(bound);
		bp_columns(wt, a->W);
#pragma omp parallel for num_threads(cx->threads) schedule(static)
		for (int i = 0; i < a->n; i++)
			for (int j = 0; j < a->n; j++)
				embed_pair(a, wt, bound, i, j);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
