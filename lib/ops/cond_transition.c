#include "ops/cond_transition.h"

#include "ops/cpu.h"
#include "ops/plain.h"

int
bp_cond_transition_cpu(struct bp_ctx *cx, const struct bp_cond_transition *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int hid = a->hidden;
	float *h;

	BP_DEV_NEW(h, hid, cx);
	for (size_t r = 0; r < (size_t)a->b * a->rows && !cx->dry; r++) {
		const float *x = a->x + r * a->c, *gate = a->gate + r % a->rows * a->c;
		for (int i = 0; i < hid; i++)
			h[i] = (float)(bp_silu(bp_row_dot(a->swish_gate, hid + i, x)) * bp_row_dot(a->swish_gate, i, x)
			    * bp_row_dot(a->a_to_b, i, x));
		for (int c = 0; c < a->c; c++)
			a->out[r * a->c + c] += gate[c] * (float)bp_row_dot(a->b_to_a, c, h);
	}
	bp_dev_release(cx, m);
	return BP_OK;
}

/* h [rows,hidden], a part of it: silu(g) * v * (a_to_b x); s: scratch */
static void
hidden_part(float *h, const struct bp_cond_transition *a, struct bp_part p, float *const W[4], float *s)
{
	int c = a->c, hid = a->hidden;
	const float *x = a->x + (size_t)p.r * c;

	h += (size_t)p.r * hid + p.j;
	bp_gemm(p.m, p.w, c, x, c, 1, W[0] + (size_t)p.j * c, h, hid, false);
	bp_gemm(p.m, p.w, c, x, c, 1, W[1] + (size_t)p.j * c, s, p.w, false);
	for (int i = 0; i < p.m; i++)
		bp_vec_silu_mul(h + (size_t)i * hid, s + (size_t)i * p.w, h + (size_t)i * hid, p.w);
	bp_gemm(p.m, p.w, c, x, c, 1, W[2] + (size_t)p.j * c, s, p.w, false);
	for (int i = 0; i < p.m; i++)
		bp_vec_mul(h + (size_t)i * hid, s + (size_t)i * p.w, p.w);
}

/* both halves of swish_gate [2 hid,c]; its own packed copy can be cut between panels only */
static int
pack_halves(struct bp_ctx *cx, float *W[2], const struct bp_weight *both)
{
	int hid = both->n / 2, c = both->k;

	if (both->h && hid % BP_PANEL == 0) {
		BP_TRY(bp_pack_weight(cx, &W[0], both));
		W[1] = W[0] + bp_packed(hid, c);
		return BP_OK;
	}
	BP_TRY(bp_pack_new(cx, &W[0], both->p, hid, c, (size_t)c));
	return bp_pack_new(cx, &W[1], both->p + (cx->dry ? 0 : (size_t)hid * c), hid, c, (size_t)c);
}

int
bp_cond_transition_cpu_opt(struct bp_ctx *cx, const struct bp_cond_transition *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int c = a->c, hid = a->hidden, rows = a->b * a->rows;
	size_t size = bp_part_size(rows, hid) > bp_part_size(rows, c) ? bp_part_size(rows, hid) : bp_part_size(rows, c);
	float *W[4], *h, *scratch;

	BP_TRY(pack_halves(cx, W, a->swish_gate));
	BP_TRY(bp_pack_weight(cx, &W[2], a->a_to_b));
	BP_TRY(bp_pack_weight(cx, &W[3], a->b_to_a));
	BP_DEV_NEW(h, (size_t)rows * hid, cx);
	BP_SCRATCH_NEW(scratch, size, cx);
	if (!cx->dry) {
		BP_PARALLEL
		for (int t = 0; t < bp_parts(rows, hid); t++)
			hidden_part(h, a, bp_part(rows, hid, t), W, bp_mine(scratch, size));
		BP_PARALLEL
		for (int t = 0; t < bp_parts(rows, c); t++) {
			struct bp_part p = bp_part(rows, c, t);
			float *o = bp_mine(scratch, size);
			bp_gemm(p.m, p.w, hid, h + (size_t)p.r * hid, hid, 1, W[3] + (size_t)p.j * hid, o, p.w, false);
			for (int i = p.r; i < p.r + p.m; i++, o += p.w)
				bp_vec_add_mul(
				    a->out + (size_t)i * c + p.j, o, a->gate + (size_t)(i % a->rows) * c + p.j, p.w);
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
