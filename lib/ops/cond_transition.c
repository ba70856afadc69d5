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

int
bp_cond_transition_cpu_opt(struct bp_ctx *cx, const struct bp_cond_transition *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int c = a->c, hid = a->hidden, T = bp_tile(a->rows), tiles = (a->rows + T - 1) / T;
	size_t th = (size_t)T * hid, size = 2 * th + (size_t)T * c;
	float *Wv, *Wg, *Wb, *Wo, *scratch;

	BP_TRY(bp_pack_new(cx, &Wv, a->swish_gate->p, hid, c, c));
	BP_TRY(bp_pack_new(cx, &Wg, a->swish_gate->p + (cx->dry ? 0 : (size_t)hid * c), hid, c, c));
	BP_TRY(bp_pack_weight(cx, &Wb, a->a_to_b));
	BP_TRY(bp_pack_weight(cx, &Wo, a->b_to_a));
	BP_DEV_NEW(scratch, size * cx->threads, cx);
	BP_PARALLEL
	for (int64_t t = 0; t < (cx->dry ? 0 : (int64_t)a->b * tiles); t++) {
		int r = (int)(t % tiles) * T, m = bp_min(a->rows - r, T);
		size_t at = ((size_t)(t / tiles) * a->rows + r) * c;
		float *p = scratch + size * omp_get_thread_num(), *q = p + th, *o = q + th;
		bp_gemm(m, hid, c, a->x + at, c, 1, Wv, p, hid, false);
		bp_gemm(m, hid, c, a->x + at, c, 1, Wg, q, hid, false);
		bp_vec_silu_mul(p, q, p, (size_t)m * hid);
		bp_gemm(m, hid, c, a->x + at, c, 1, Wb, q, hid, false);
		bp_vec_mul(p, q, (size_t)m * hid);
		bp_gemm(m, c, hid, p, hid, 1, Wo, o, c, false);
		bp_vec_add_mul(a->out + at, o, a->gate + (size_t)r * c, (size_t)m * c);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
