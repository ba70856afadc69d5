/* lib/ops/msa_embed.c */
#include "ops/msa_embed.h"
#include "ops/rows.h"

int
bp_msa_embed_cpu(struct bp_ctx *cx, const struct bp_msa_embed *a)
{
	if (cx->dry)
		return BP_OK;
	const int c = a->W->n, k = a->W->k;
	for (int s = 0; s < a->s; s++)
		for (int i = 0; i < a->n; i++) {
			size_t r = (size_t)s * a->n + i;
			for (int o = 0; o < c; o++) {
				const float *w = a->W->p + (size_t)o * k;
				double sum = w[a->msa[r]];
				sum += (double)w[a->nclass] * a->has_deletion[r];
				sum += (double)w[a->nclass + 1] * a->deletion_value[r];
				if (k == a->nclass + 3)
					sum += (double)w[a->nclass + 2] * a->paired[r];
				a->out[r * c + o] = (float)(sum + a->add[(size_t)i * c + o]);
			}
		}
	return BP_OK;
}

int
bp_msa_embed_cpu_opt(struct bp_ctx *cx, const struct bp_msa_embed *a)
{
	const int c = a->W->n;
	struct bp_mark mark = bp_dev_mark(cx);
	float *wt;
	BP_DEV_NEW(wt, (size_t)c * a->W->k, cx);
	if (!cx->dry) {
		const float *hd = wt + (size_t)a->nclass * c, *dv = hd + c, *pd = dv + c;
		const bool paired = a->W->k == a->nclass + 3;
		bp_columns(wt, a->W);
#pragma omp parallel for collapse(2) num_threads(cx->threads) schedule(static)
		for (int s = 0; s < a->s; s++)
			for (int i = 0; i < a->n; i++) {
				size_t r = (size_t)s * a->n + i;
				const float *w = wt + (size_t)a->msa[r] * c, *add = a->add + (size_t)i * c;
				const float h = a->has_deletion[r], d = a->deletion_value[r];
				float *out = a->out + r * c;
#pragma omp simd
				for (int o = 0; o < c; o++)
					out[o] = add[o] + w[o] + h * hd[o] + d * dv[o];
				if (paired)
					bp_row_axpy(out, a->paired[r], pd, c);
			}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
