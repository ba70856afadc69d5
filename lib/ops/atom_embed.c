/* lib/ops/atom_embed.c */
#include "ops/atom_embed.h"
#include "ops/rows.h"

enum { CHARGE = 3, ELEMENT = 4, CHARS = ELEMENT + BP_ATOM_ELEMENTS };

int
bp_atom_embed_cpu(struct bp_ctx *cx, const struct bp_atom_embed *a)
{
	if (cx->dry)
		return BP_OK;
	const int c = a->W->n;
	for (int i = 0; i < a->atoms; i++)
		for (int o = 0; o < c; o++) {
			const float *w = a->W->p + (size_t)o * a->W->k;
			double sum = a->b->p[o];
			for (int d = 0; d < 3; d++)
				sum += (double)w[d] * a->ref_pos[3 * (size_t)i + d];
			sum += (double)w[CHARGE] * a->charge[i];
			sum += a->element[i] >= 0 ? w[ELEMENT + a->element[i]] : 0;
			for (int q = 0; q < 4; q++) {
				int ch = a->chars[4 * (size_t)i + q];
				sum += ch >= 0 ? w[CHARS + q * BP_ATOM_CHARS + ch] : 0;
			}
			a->out[(size_t)i * c + o] = (float)sum;
		}
	return BP_OK;
}

int
bp_atom_embed_cpu_opt(struct bp_ctx *cx, const struct bp_atom_embed *a)
{
	const int c = a->W->n;
	struct bp_mark mark = bp_dev_mark(cx);
	float *wt;
	BP_DEV_NEW(wt, (size_t)c * a->W->k, cx);
	if (!cx->dry) {
		bp_columns(wt, a->W);
#pragma omp parallel for num_threads(cx->threads) schedule(static)
		for (int i = 0; i < a->atoms; i++) {
			float *out = a->out + (size_t)i * c;
			memcpy(out, a->b->p, (size_t)c * sizeof *out);
			for (int d = 0; d < 3; d++)
				bp_row_axpy(out, a->ref_pos[3 * (size_t)i + d], wt + (size_t)d * c, c);
			bp_row_axpy(out, a->charge[i], wt + (size_t)CHARGE * c, c);
			if (a->element[i] >= 0)
				bp_row_add(out, wt + (size_t)(ELEMENT + a->element[i]) * c, c);
			for (int q = 0; q < 4; q++) {
				int ch = a->chars[4 * (size_t)i + q];
				if (ch >= 0)
					bp_row_add(out, wt + (size_t)(CHARS + q * BP_ATOM_CHARS + ch) * c, c);
			}
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
