#include "ops/tri_attn.h"

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
				for (int e = h * d; e < (h + 1) * d; e++) { /* this head's q is used up: o takes its place */
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
