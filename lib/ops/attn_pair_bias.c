#include "ops/attn_pair_bias.h"

#include "ops/attn.h"
#include "ops/cpu.h"
#include "ops/plain.h"

int
bp_attn_pair_bias_cpu(struct bp_ctx *cx, const struct bp_attn_pair_bias *t)
{
	const struct bp_attn_weights *w = t->w;
	struct bp_mark m = bp_dev_mark(cx);
	int n = t->n, c = t->c, d = c / t->heads, members = bp_members(t->members);
	float *q, *k, *v, *p, *o; /* [n,c] three times, [n], [c] */

	BP_DEV_NEW(q, (size_t)n * c, cx);
	BP_DEV_NEW(k, (size_t)n * c, cx);
	BP_DEV_NEW(v, (size_t)n * c, cx);
	BP_DEV_NEW(p, n, cx);
	BP_DEV_NEW(o, c, cx);
	for (int b = 0; b < t->b && !cx->dry; b++) {
		const float *x = t->x + (size_t)b * n * c;
		size_t g = b % members, first = g * n; /* target, its first row */
		for (int i = 0; i < n; i++)
			for (int e = 0; e < c; e++) {
				q[i * c + e] = (float)(bp_row_dot(&w->q, e, x + (size_t)i * c) + w->q_b.p[e]);
				k[i * c + e] = (float)bp_row_dot(&w->k, e, x + (size_t)i * c);
				v[i * c + e] = (float)bp_row_dot(&w->v, e, x + (size_t)i * c);
			}
		for (int i = 0; i < n; i++) {
			float *out = t->out + ((size_t)b * n + i) * c;
			for (int h = 0; h < t->heads; h++) {
				for (int j = 0; j < n; j++) {
					p[j] = (float)(bp_dot(q + i * c + h * d, k + j * c + h * d, d) / sqrt(d))
					    + t->bias[(((size_t)h * members + g) * n + i) * n + j];
					p[j] += t->mask ? (1 - t->mask[first + j]) * -1e6f : 0;
				}
				bp_softmax_row(p, n);
				for (int e = h * d; e < (h + 1) * d; e++) {
					double s = 0;
					for (int j = 0; j < n; j++)
						s += (double)p[j] * v[j * c + e];
					o[e] = (float)(s * bp_sigmoid(bp_row_dot(&w->g, e, x + (size_t)i * c)));
				}
			}
			for (int e = 0; e < c; e++)
				out[e] += (float)bp_row_dot(&w->o, e, o) * (t->gate ? t->gate[(first + i) * c + e] : 1);
		}
	}
	bp_dev_release(cx, m);
	return BP_OK;
}

int
bp_attn_pack(struct bp_ctx *cx, struct bp_attn_packed *p, const struct bp_attn_weights *w)
{
	BP_TRY(bp_pack_weight(cx, &p->qkvg[0], &w->q));
	BP_TRY(bp_pack_weight(cx, &p->qkvg[1], &w->k));
	BP_TRY(bp_pack_weight(cx, &p->qkvg[2], &w->v));
	BP_TRY(bp_pack_weight(cx, &p->qkvg[3], &w->g));
	return bp_pack_weight(cx, &p->o, &w->o);
}

/* o [n,c], gated, of queries j..j+m of one sequence and head, whose bias [n,n] and mask [n] these are; s: scratch, o and qkvg: of the head */
static void
attend(float *o, const float *qkvg, const struct bp_attn_pair_bias *t, const float *bias, const float *mask, int j, int m, float *s)
{
	int n = t->n, c = t->c, d = c / t->heads, ld = bp_pad(n);
	float *k = s + (size_t)BP_ROW_TILE * ld, *v = k + bp_packed(n, d);

	bp_pack(k, n, d, qkvg + c, 4 * c, 1);
	bp_pack(v, d, n, qkvg + 2 * c, 1, 4 * c);
	bp_gemm(m, ld, d, qkvg + (size_t)j * 4 * c, 4 * c, 1, k, s, ld, false);
	for (int i = 0; i < m; i++)
		bp_vec_softmax(s + (size_t)i * ld, n, ld, 1 / sqrtf((float)d), bias + (size_t)(j + i) * n, mask);
	o += (size_t)j * c;
	bp_gemm(m, d, n, s, ld, 1, v, o, c, false);
	for (int i = 0; i < m; i++)
		bp_vec_gate(o + (size_t)i * c, o + (size_t)i * c, qkvg + (size_t)(j + i) * 4 * c + 3 * c, d);
}

/* a part of out += gate * proj_o o; s: scratch */
static void
project_out(const struct bp_attn_pair_bias *t, const float *o, const float *Wo, struct bp_part p, float *s)
{
	int c = t->c;

	if (!t->gate) {
		bp_gemm(p.m, p.w, c, o + (size_t)p.r * c, c, 1, Wo + (size_t)p.j * c, t->out + (size_t)p.r * c + p.j, c,
		    true);
		return;
	}
	bp_gemm(p.m, p.w, c, o + (size_t)p.r * c, c, 1, Wo + (size_t)p.j * c, s, p.w, false);
	for (int i = p.r; i < p.r + p.m; i++, s += p.w)
		bp_vec_add_mul(t->out + (size_t)i * c + p.j, s, t->gate + (size_t)(i % (bp_members(t->members) * t->n)) * c + p.j, p.w);
}

int
bp_attn_pair_bias_cpu_opt(struct bp_ctx *cx, const struct bp_attn_pair_bias *t)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int n = t->n, c = t->c, members = bp_members(t->members), rows = t->b * n, parts = bp_parts(rows, c),
	    blocks = (n + BP_ROW_TILE - 1) / BP_ROW_TILE;
	size_t nc = (size_t)n * c,
	       size = (size_t)BP_ROW_TILE * bp_pad(n) + bp_packed(n, c / t->heads) + bp_packed(c / t->heads, n);
	struct bp_attn_packed p;
	float *qkvg, *o, *mask, *scratch; /* [b,n,4c] [b,n,c] [members,n] */

	size = size > bp_part_size(rows, c) ? size : bp_part_size(rows, c);
	BP_TRY(bp_attn_pack(cx, &p, t->w));
	BP_DEV_NEW(qkvg, t->b * nc * 4, cx);
	BP_DEV_NEW(o, t->b * nc, cx);
	BP_DEV_NEW(mask, members * n, cx);
	BP_SCRATCH_NEW(scratch, size, cx);
	for (int j = 0; j < members * n && t->mask && !cx->dry; j++)
		mask[j] = (1 - t->mask[j]) * -1e6f;
	BP_PARALLEL
	for (int i = 0; i < (cx->dry ? 0 : 4 * parts); i++) {
		struct bp_part a = bp_part(rows, c, i % parts);
		float *out = qkvg + (size_t)a.r * 4 * c + i / parts * c + a.j;
		bp_gemm(
		    a.m, a.w, c, t->x + (size_t)a.r * c, c, 1, p.qkvg[i / parts] + (size_t)a.j * c, out, 4 * c, false);
		for (int r = 0; r < a.m && i < parts; r++)
			bp_vec_add(out + (size_t)r * 4 * c, t->w->q_b.p + a.j, a.w);
	}
	BP_PARALLEL
	for (int i = 0; i < (cx->dry ? 0 : t->b * t->heads * blocks); i++) {
		int j = i % blocks * BP_ROW_TILE, h = i / blocks % t->heads, e = i / blocks / t->heads, g = e % members, d = c / t->heads;
		attend(o + e * nc + h * d, qkvg + e * nc * 4 + h * d, t, t->bias + ((size_t)h * members + g) * n * n, t->mask ? mask + g * n : NULL, j,
		    bp_min(n - j, BP_ROW_TILE), bp_mine(scratch, size));
	}
	BP_PARALLEL
	for (int i = 0; i < (cx->dry ? 0 : parts); i++)
		project_out(t, o, p.o, bp_part(rows, c, i), bp_mine(scratch, size));
	bp_dev_release(cx, mark);
	return BP_OK;
}
