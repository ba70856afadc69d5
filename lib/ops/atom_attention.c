#include "ops/atom_attention.h"

#include <string.h>

#include "ops/attn.h"
#include "ops/cpu.h"
#include "ops/plain.h"

enum { Q = BP_WINDOW_Q, K = BP_WINDOW_K };

int
bp_atom_attention_cpu(struct bp_ctx *cx, const struct bp_atom_attention *t)
{
	const struct bp_attn_weights *w = t->w;
	struct bp_mark m = bp_dev_mark(cx);
	int c = t->c, d = c / t->heads, members = bp_members(t->members), windows = t->atoms / Q;
	float *k, *v, *q, *o, p[K]; /* [atoms,c] twice, [c] twice */

	BP_DEV_NEW(k, (size_t)t->atoms * c, cx);
	BP_DEV_NEW(v, (size_t)t->atoms * c, cx);
	BP_DEV_NEW(q, c, cx);
	BP_DEV_NEW(o, c, cx);
	for (int b = 0; b < t->b && !cx->dry; b++) {
		const float *x = t->x + (size_t)b * t->atoms * c;
		size_t g = b % members, first_row = g * t->atoms; /* target, its first row */
		for (int i = 0; i < t->atoms; i++)
			for (int e = 0; e < c; e++) {
				k[(size_t)i * c + e] = (float)bp_row_dot(&w->k, e, x + (size_t)i * c);
				v[(size_t)i * c + e] = (float)bp_row_dot(&w->v, e, x + (size_t)i * c);
			}
		for (int i = 0; i < t->atoms; i++) {
			int first = i / Q * Q - (K - Q) / 2; /* the atom of key 0 */
			float *out = t->out + ((size_t)b * t->atoms + i) * c;
			for (int e = 0; e < c; e++)
				q[e] = (float)(bp_row_dot(&w->q, e, x + (size_t)i * c) + w->q_b.p[e]);
			for (int h = 0; h < t->heads; h++) {
				const float *bias = t->bias + ((((size_t)h * members + g) * windows + i / Q) * Q + i % Q) * K;
				for (int j = 0; j < K; j++) {
					int atom = first + j;
					bool in = atom >= 0 && atom < t->atoms;
					p[j] = in
					    ? (float)(bp_dot(q + h * d, k + (size_t)atom * c + h * d, d) / sqrt(d))
					    : 0;
					p[j] += bias[j];
					p[j] += (1 - (in ? t->mask[first_row + atom] : 0)) * -1e6f;
				}
				bp_softmax_row(p, K);
				for (int e = h * d; e < (h + 1) * d; e++) {
					double s = 0;
					for (int j = 0; j < K; j++)
						if (first + j >= 0 && first + j < t->atoms)
							s += (double)p[j] * v[(size_t)(first + j) * c + e];
					o[e] = (float)(s * bp_sigmoid(bp_row_dot(&w->g, e, x + (size_t)i * c)));
				}
			}
			for (int e = 0; e < c; e++)
				out[e] += (float)bp_row_dot(&w->o, e, o) * (t->gate ? t->gate[(first_row + i) * c + e] : 1);
		}
	}
	bp_dev_release(cx, m);
	return BP_OK;
}

/* rows first..first+127 of x [atoms, at distance ld], d columns, zeros outside; without a copy where all are inside */
static const float *
keys(float *copy, const float *x, size_t *ld, int first, int atoms, int d)
{
	if (first >= 0 && first + K <= atoms)
		return x + (size_t)first * *ld;
	for (int j = 0; j < K; j++)
		if (first + j >= 0 && first + j < atoms)
			memcpy(copy + j * d, x + (size_t)(first + j) * *ld, (size_t)d * sizeof *copy);
		else
			memset(copy + j * d, 0, (size_t)d * sizeof *copy);
	*ld = (size_t)d;
	return copy;
}

/* o [32,c] of window w of one sample of target g; s: scratch */
static void
window(float *o, const float *qkvg, const struct bp_atom_attention *t, int g, int w, float *s)
{
	int c = t->c, d = c / t->heads, windows = t->atoms / Q, members = bp_members(t->members), first = w * Q - (K - Q) / 2;
	const float *atom_mask = t->mask + (size_t)g * t->atoms;
	float *copy = s + Q * K, *packed = copy + (size_t)K * d, mask[K];
	const float *k, *v;
	size_t ld;

	for (int j = 0; j < K; j++)
		mask[j] = (1 - (first + j >= 0 && first + j < t->atoms ? atom_mask[first + j] : 0)) * -1e6f;
	for (int h = 0; h < t->heads; h++) {
		ld = (size_t)4 * c;
		k = keys(copy, qkvg + c + h * d, &ld, first, t->atoms, d);
		bp_pack(packed, K, d, k, ld, 1);
		bp_gemm(Q, K, d, qkvg + (size_t)w * Q * 4 * c + h * d, 4 * c, 1, packed, s, K, false);
		for (int i = 0; i < Q; i++)
			bp_vec_softmax(s + i * K, K, K, 1 / sqrtf((float)d),
			    t->bias + ((((size_t)h * members + g) * windows + w) * Q + i) * K, mask);
		ld = (size_t)4 * c;
		v = keys(copy, qkvg + 2 * c + h * d, &ld, first, t->atoms, d);
		bp_pack(packed, d, K, v, 1, ld);
		bp_gemm(Q, d, K, s, K, 1, packed, o + h * d, c, false);
	}
}

int
bp_atom_attention_cpu_opt(struct bp_ctx *cx, const struct bp_atom_attention *t)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int c = t->c, d = c / t->heads, windows = t->atoms / Q, all = cx->dry ? 0 : t->b * windows;
	size_t size = (size_t)2 * Q * c + (size_t)Q * K + (size_t)K * d + bp_packed(K, d) + bp_packed(d, K);
	struct bp_attn_packed p;
	float *qkvg, *scratch; /* [b,atoms,4c] */

	BP_TRY(bp_attn_pack(cx, &p, t->w));
	BP_DEV_NEW(qkvg, (size_t)t->b * t->atoms * c * 4, cx);
	BP_SCRATCH_NEW(scratch, size, cx);
	BP_PARALLEL
	for (int i = 0; i < all; i++) {
		float *row = qkvg + (size_t)i * Q * 4 * c;
		for (int e = 0; e < 4; e++)
			bp_gemm(Q, c, c, t->x + (size_t)i * Q * c, c, 1, p.qkvg[e], row + e * c, 4 * c, false);
		for (int e = 0; e < Q; e++)
			bp_vec_add(row + (size_t)e * 4 * c, t->w->q_b.p, c);
	}
	BP_PARALLEL
	for (int i = 0; i < all; i++) {
		int w = i % windows, g = i / windows % bp_members(t->members);
		float *o = bp_mine(scratch, size), *s = o + (size_t)Q * c, *out = t->out + (size_t)i * Q * c;
		window(o, qkvg + (size_t)(i / windows) * t->atoms * 4 * c, t, g, w, s + (size_t)Q * c);
		for (int e = 0; e < Q; e++)
			bp_vec_gate(
			    o + (size_t)e * c, o + (size_t)e * c, qkvg + ((size_t)i * Q + e) * 4 * c + 3 * c, c);
		bp_gemm(Q, c, c, o, c, 1, p.o, t->gate ? s : out, c, !t->gate);
		if (t->gate)
			bp_vec_add_mul(out, s, t->gate + ((size_t)g * windows + w) * Q * c, (size_t)Q * c);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
