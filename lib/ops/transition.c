#include "ops/transition.h"

#include "ops/cpu.h"
#include "ops/plain.h"

int
bp_transition_cpu(struct bp_ctx *cx, const struct bp_transition *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	float *y, *h;

	BP_DEV_NEW(y, a->c, cx);
	BP_DEV_NEW(h, a->hidden, cx);
	for (int64_t r = 0; r < a->rows && !cx->dry; r++) {
		float *out = a->out + r * a->c;
		bp_norm_row(y, a->x + r * a->c, a->c, a->nw, a->nb);
		for (int i = 0; i < a->hidden; i++)
			h[i] = (float)(bp_silu(bp_row_dot(a->fc1, i, y)) * bp_row_dot(a->fc2, i, y));
		for (int c = 0; c < a->c; c++)
			out[c] = (float)bp_row_dot(a->fc3, c, h) + (a->add ? out[c] : 0);
	}
	bp_dev_release(cx, m);
	return BP_OK;
}

int
bp_transition_cpu_opt(struct bp_ctx *cx, const struct bp_transition *a)
{
	enum { H = 256 }; /* hidden channels at once: they stay in L2 */
	struct bp_mark mark = bp_dev_mark(cx);
	int c = a->c, T = bp_tile(a->rows);
	size_t size = (size_t)T * c + (size_t)T * H * 2;
	float *W1, *W2, *W3, *scratch;

	BP_TRY(bp_pack_weight(cx, &W1, a->fc1));
	BP_TRY(bp_pack_weight(cx, &W2, a->fc2));
	BP_DEV_NEW(W3, bp_packed(c, a->hidden), cx); /* a pack for each H columns */
	BP_SCRATCH_NEW(scratch, size, cx);
	for (int h = 0; h < a->hidden && !cx->dry; h += H)
		bp_pack(W3 + bp_packed(c, h), c, bp_min(a->hidden - h, H), a->fc3->p + h, a->hidden, 1);
	BP_PARALLEL
	for (int64_t r = 0; r < (cx->dry ? 0 : a->rows); r += T) {
		float *y = bp_mine(scratch, size), *p = y + (size_t)T * c, *q = p + (size_t)T * H;
		int m = bp_min(a->rows - r, T);
		bp_vec_norm(y, c, a->x + (size_t)r * c, c, m, c, a->nw->p, a->nb->p);
		for (int h = 0; h < a->hidden; h += H) {
			int w = bp_min(a->hidden - h, H);
			bp_gemm(m, w, c, y, c, 1, W1 + (size_t)h * c, p, w, false);
			bp_gemm(m, w, c, y, c, 1, W2 + (size_t)h * c, q, w, false);
			bp_vec_silu_mul(p, p, q, (size_t)m * w);
			bp_gemm(m, c, w, p, w, 1, W3 + bp_packed(c, h), a->out + (size_t)r * c, c, a->add || h);
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
