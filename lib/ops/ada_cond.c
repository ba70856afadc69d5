#include "ops/ada_cond.h"

#include "ops/cpu.h"
#include "ops/plain.h"

int
bp_ada_cond_cpu(struct bp_ctx *cx, const struct bp_ada_cond *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	size_t plane = (size_t)a->rows * a->c;
	float *y;

	BP_DEV_NEW(y, a->cs, cx);
	for (int k = 0; k < 2 * a->layers && !cx->dry; k++)
		for (int r = 0; r < a->rows; r++) {
			const struct bp_ada_weights *w = &a->w[k];
			const float *s = a->s + (size_t)r * a->cs;
			float *out = a->out + 3 * k * plane + (size_t)r * a->c;
			bp_norm_row(y, s, a->cs, &w->s_norm, NULL);
			for (int c = 0; c < a->c; c++) {
				out[c] = (float)bp_sigmoid(bp_row_dot(&w->s_scale, c, y) + w->s_scale_b.p[c]);
				out[plane + c] = (float)bp_row_dot(&w->s_bias, c, y);
				out[2 * plane + c] = (float)bp_sigmoid(bp_row_dot(&w->gate, c, s) + w->gate_b.p[c]);
			}
		}
	bp_dev_release(cx, m);
	return BP_OK;
}

static int
one_layer(struct bp_ctx *cx, const struct bp_ada_cond *a, int layer)
{
	const struct bp_ada_weights *ws = a->w + 2 * (size_t)layer;
	struct bp_mark mark = bp_dev_mark(cx);
	int c = a->c, cs = a->cs, parts = bp_parts(a->rows, c), T = bp_tile(a->rows);
	size_t plane = (size_t)a->rows * c, in = (size_t)a->rows * cs;
	float *W[6], *y; /* y: [2,rows,cs] */

	for (int k = 0; k < 2; k++) {
		BP_TRY(bp_pack_weight(cx, &W[3 * k], &ws[k].s_scale));
		BP_TRY(bp_pack_weight(cx, &W[3 * k + 1], &ws[k].s_bias));
		BP_TRY(bp_pack_weight(cx, &W[3 * k + 2], &ws[k].gate));
	}
	BP_DEV_NEW(y, 2 * in, cx);
	BP_PARALLEL
	for (int r = 0; r < (cx->dry ? 0 : a->rows); r += T)
		for (int k = 0; k < 2; k++)
			bp_vec_norm(y + k * in + (size_t)r * cs, cs, a->s + (size_t)r * cs, cs, bp_min(a->rows - r, T),
			    cs, ws[k].s_norm.p, NULL);
	BP_PARALLEL
	for (int t = 0; t < (cx->dry ? 0 : 6 * parts); t++) {
		struct bp_part p = bp_part(a->rows, c, t % parts);
		int which = t / parts, kind = which % 3;
		const struct bp_ada_weights *w = &ws[which / 3];
		const float *x = (kind < 2 ? y + which / 3 * in : a->s) + (size_t)p.r * cs,
		            *b = kind ? w->gate_b.p : w->s_scale_b.p;
		float *out = a->out + (6 * (size_t)layer + which) * plane + (size_t)p.r * c + p.j;
		bp_gemm(p.m, p.w, cs, x, cs, 1, W[which] + (size_t)p.j * cs, out, c, false);
		for (int i = 0; i < p.m && kind != 1; i++, out += c) {
			bp_vec_add(out, b + p.j, p.w);
			bp_vec_sigmoid(out, p.w);
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}

int
bp_ada_cond_cpu_opt(struct bp_ctx *cx, const struct bp_ada_cond *a)
{
	for (int l = 0; l < a->layers; l++)
		BP_TRY(one_layer(cx, a, l));
	return BP_OK;
}
