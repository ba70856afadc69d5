#include "ops/tri_attn.h"

#include "ops/cpu.h"
#include "ops/plain.h"

/* q (scaled), k, v and the gate of one row y; [hd] each */
static void
project_row(float *q, float *k, float *v, float *g, const struct bp_tri_attn_weights *w, int d, const float *y)
{
	for (int o = 0; o < w->q.n; o++) {
		q[o] = (float)(bp_row_dot(&w->q, o, y) / sqrt(d));
		k[o] = (float)bp_row_dot(&w->k, o, y);
		v[o] = (float)bp_row_dot(&w->v, o, y);
		g[o] = (float)bp_sigmoid(bp_row_dot(&w->g, o, y));
	}
}

int
bp_tri_attn_cpu(struct bp_ctx *cx, const struct bp_tri_attn *t)
{
	const struct bp_tri_attn_weights *w = t->w;
	struct bp_mark m = bp_dev_mark(cx);
	int n = t->n, c = t->c, heads = w->bias.n, hd = w->q.n, d = hd / heads;
	size_t nn = (size_t)n * n;
	float *y, *bias, *q, *k, *v, *g, *p; /* [c], [heads,n,n], [n,n,hd] four times, [n] */

	if (t->members > 1)
		return bp_tri_attn_each(cx, t, bp_tri_attn_cpu);
	BP_DEV_NEW(y, c, cx);
	BP_DEV_NEW(bias, nn * heads, cx);
	BP_DEV_NEW(q, nn * hd, cx);
	BP_DEV_NEW(k, nn * hd, cx);
	BP_DEV_NEW(v, nn * hd, cx);
	BP_DEV_NEW(g, nn * hd, cx);
	BP_DEV_NEW(p, n, cx);
	/* ending: row i, column j of the problem is x[j,i] */
	for (size_t i = 0; i < (size_t)n && !cx->dry; i++)
		for (size_t j = 0; j < (size_t)n; j++) {
			size_t r = i * n + j;
			bp_norm_row(y, t->x + (t->ending ? j * n + i : r) * c, c, &w->norm, &w->norm_b);
			for (int h = 0; h < heads; h++)
				bias[h * nn + r] = (float)bp_row_dot(&w->bias, h, y);
			project_row(q + r * hd, k + r * hd, v + r * hd, g + r * hd, w, d, y);
		}
	for (int i = 0; i < n && !cx->dry; i++)
		for (int j = 0; j < n; j++) {
			float *o = q + ((size_t)i * n + j) * hd, *gr = g + ((size_t)i * n + j) * hd;
			float *out = t->out + (t->ending ? (size_t)j * n + i : (size_t)i * n + j) * c;
			for (int h = 0; h < heads; h++) {
				for (int l = 0; l < n; l++) {
					float mask = t->ending ? bp_pair_mask(t->pair_mask, t->mask, n, l, i)
					                       : bp_pair_mask(t->pair_mask, t->mask, n, i, l);
					p[l] = (float)bp_dot(o + h * d, k + ((size_t)i * n + l) * hd + h * d, d);
					p[l] += 1e9f * (mask - 1);
					p[l] += bias[h * nn + (size_t)j * n + l];
				}
				bp_softmax_row(p, n);
				for (int e = h * d; e < (h + 1) * d;
				     e++) { /* this head's q is used up: o takes its place */
					double s = 0;
					for (int l = 0; l < n; l++)
						s += (double)p[l] * v[((size_t)i * n + l) * hd + e];
					o[e] = (float)s * gr[e];
				}
			}
			for (int e = 0; e < c; e++)
				out[e] = (float)bp_row_dot(&w->o, e, o) + (t->add ? out[e] : 0);
		}
	bp_dev_release(cx, m);
	return BP_OK;
}

/* y [n,c] = LN of row i of the problem */
static void
norm_line(float *y, const struct bp_tri_attn *t, int i)
{
	size_t n = (size_t)t->n, c = (size_t)t->c;

	bp_vec_norm(y, c, t->x + (t->ending ? i * c : i * n * c), t->ending ? n * c : c, t->n, t->c, t->w->norm.p,
	    t->w->norm_b.p);
}

struct plan {
	int d, hd, ld;                         /* head width, all heads, n in whole panels         */
	const float *bias;                     /* [heads][n][ld]                                   */
	const float *W[3], *Wg, *Wo;           /* q, k, v; packed                       */
	float *y, *qkv, *o, *k, *v, *s, *mask; /* this thread's: [n,c] [n,3hd] [n,hd] packed, packed, [84][ld] [n] */
};

/* o [n,hd] of head h: softmax(q k^T / sqrt(d) + mask + bias) v */
static void
head(const struct bp_tri_attn *t, const struct plan *p, int h, const float *mask)
{
	int n = t->n, d = p->d, hd = p->hd, ld = p->ld;

	bp_pack(p->k, n, d, p->qkv + hd + h * d, 3 * hd, 1);
	bp_pack(p->v, d, n, p->qkv + 2 * hd + h * d, 1, 3 * hd);
	for (int j = 0; j < n; j += BP_ROW_TILE) {
		int m = bp_min(n - j, BP_ROW_TILE);
		bp_gemm(m, ld, d, p->qkv + (size_t)j * 3 * hd + h * d, 3 * hd, 1, p->k, p->s, ld, false);
		for (int i = 0; i < m; i++)
			bp_vec_softmax(p->s + (size_t)i * ld, n, ld, 1 / sqrtf((float)d), mask,
			    p->bias + ((size_t)h * n + j + i) * ld);
		bp_gemm(m, d, n, p->s, ld, 1, p->v, p->o + (size_t)j * hd + h * d, hd, false);
	}
}

/* out of line i: a row of x, or a column */
static void
line(const struct bp_tri_attn *t, const struct plan *p, int i)
{
	int n = t->n, c = t->c, hd = p->hd;
	const float *mask = t->mask || t->pair_mask ? p->mask : NULL;

	norm_line(p->y, t, i);
	for (int k = 0; k < n && mask; k++)
		p->mask[k] = 1e9f * (bp_pair_mask(t->pair_mask, t->mask, n, t->ending ? k : i, t->ending ? i : k) - 1);
	for (int e = 0; e < 3; e++)
		bp_gemm(n, hd, c, p->y, c, 1, p->W[e], p->qkv + e * hd, 3 * hd, false);
	for (int h = 0; h < hd / p->d; h++)
		head(t, p, h, mask);
	bp_gemm(n, hd, c, p->y, c, 1, p->Wg, p->qkv, hd, false);
	bp_vec_gate(p->o, p->o, p->qkv, (size_t)n * hd);
	bp_gemm(n, c, hd, p->o, hd, 1, p->Wo, t->out + (t->ending ? (size_t)i * c : (size_t)i * n * c),
	    t->ending ? (size_t)n * c : (size_t)c, t->add);
}

/* bias [heads][n][ld], a line at a time */
static void
bias_line(float *bias, const struct bp_tri_attn *t, int ld, int i, float *y, float *packed)
{
	norm_line(y, t, i);
	bp_pack(packed, t->n, t->c, y, t->c, 1);
	bp_gemm(
	    t->w->bias.n, t->n, t->c, t->w->bias.p, t->c, 1, packed, bias + (size_t)i * ld, (size_t)t->n * ld, false);
}

int
bp_tri_attn_cpu_opt(struct bp_ctx *cx, const struct bp_tri_attn *t)
{
	const struct bp_tri_attn_weights *w = t->w;
	struct bp_mark mark = bp_dev_mark(cx);
	int n = t->n, c = t->c, heads = w->bias.n, hd = w->q.n, d = hd / heads, ld = bp_pad(n);
	size_t size[] = { (size_t)n * c, (size_t)n * 3 * hd, (size_t)n * hd, bp_packed(n, d > c ? d : c),
		bp_packed(d, n), (size_t)BP_ROW_TILE * ld, (size_t)n };
	size_t total = 0;
	float *bias, *W[3], *Wg, *Wo, *scratch;

	if (t->members > 1)
		return bp_tri_attn_each(cx, t, bp_tri_attn_cpu_opt);
	for (int i = 0; i < 7; i++)
		total += size[i] = bp_line(size[i]);
	BP_DEV_NEW(bias, (size_t)heads * n * ld, cx);
	BP_TRY(bp_pack_weight(cx, &W[0], &w->q));
	BP_TRY(bp_pack_weight(cx, &W[1], &w->k));
	BP_TRY(bp_pack_weight(cx, &W[2], &w->v));
	BP_TRY(bp_pack_weight(cx, &Wg, &w->g));
	BP_TRY(bp_pack_weight(cx, &Wo, &w->o));
	BP_SCRATCH_NEW(scratch, total, cx);
#pragma omp parallel num_threads(cx->threads) if (!cx->dry)
	{
		struct plan p
		    = { .d = d, .hd = hd, .ld = ld, .bias = bias, .W = { W[0], W[1], W[2] }, .Wg = Wg, .Wo = Wo };
		p.y = bp_mine(scratch, total);
		p.qkv = p.y + size[0];
		p.o = p.qkv + size[1];
		p.k = p.o + size[2];
		p.v = p.k + size[3];
		p.s = p.v + size[4];
		p.mask = p.s + size[5];
#pragma omp for schedule(dynamic)
		for (int i = 0; i < (cx->dry ? 0 : n); i++)
			bias_line(bias, t, ld, i, p.y, p.k);
#pragma omp for schedule(dynamic)
		for (int i = 0; i < (cx->dry ? 0 : n); i++)
			line(t, &p, i);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
