#include "ops/ada_cond.h"

#include "ops/cpu.h"
#include "ops/plain.h"

int
bp_ada_cond_cpu(struct bp_ctx *cx, const struct bp_ada_cond *a)
{
	const struct bp_ada_weights *ws[2] = { a->attn, a->trans };
	struct bp_mark m = bp_dev_mark(cx);
	size_t plane = (size_t)a->rows * a->c;
	float *y;

	BP_DEV_NEW(y, a->cs, cx);
	for (int k = 0; k < 2 && !cx->dry; k++)
		for (int r = 0; r < a->rows; r++) {
			const struct bp_ada_weights *w = ws[k];
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

int
bp_ada_cond_cpu_opt(struct bp_ctx *cx, const struct bp_ada_cond *a)
{
	const struct bp_ada_weights *ws[2] = { a->attn, a->trans };
	struct bp_mark mark = bp_dev_mark(cx);
	int c = a->c, cs = a->cs, T = bp_tile(a->rows), tiles = (a->rows + T - 1) / T;
	size_t plane = (size_t)a->rows * c, size = (size_t)T * cs;
	float *W[6], *scratch;

	for (int k = 0; k < 2; k++) {
		BP_TRY(bp_pack_weight(cx, &W[3 * k], &ws[k]->s_scale));
		BP_TRY(bp_pack_weight(cx, &W[3 * k + 1], &ws[k]->s_bias));
		BP_TRY(bp_pack_weight(cx, &W[3 * k + 2], &ws[k]->gate));
	}
	BP_DEV_NEW(scratch, size * cx->threads, cx);
	BP_PARALLEL
	for (int t = 0; t < (cx->dry ? 0 : 6 * tiles); t++) {
		int part = t / tiles, kind = part % 3, r = t % tiles * T, m = bp_min(a->rows - r, T);
		const struct bp_ada_weights *w = ws[part / 3];
		float *y = scratch + size * omp_get_thread_num(), *out = a->out + part * plane + (size_t)r * c;
		const float *s = a->s + (size_t)r * cs;
		if (kind < 2)
			bp_vec_norm(y, cs, s, cs, m, cs, w->s_norm.p, NULL);
		bp_gemm(m, c, cs, kind < 2 ? y : s, cs, 1, W[part], out, c, false);
		for (int i = 0; i < m && kind != 1; i++)
			bp_vec_add(out + (size_t)i * c, kind ? w->gate_b.p : w->s_scale_b.p, c);
		if (kind != 1)
			bp_vec_sigmoid(out, (size_t)m * c);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
