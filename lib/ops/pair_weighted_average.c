#include "ops/pair_weighted_average.h"

#include "ops/plain.h"

/* w[h,i,j] = softmax_j(proj_z(LN z_ij) + 1e6 (mask_i mask_j - 1)) */
static void
weights(float *w, float *y, const struct bp_pair_weighted_average *t)
{
	int n = t->n;

	for (int i = 0; i < n; i++) {
		for (int j = 0; j < n; j++) {
			bp_norm_row(y, t->z + ((size_t)i * n + j) * t->cz, t->cz, t->nzw, t->nzb);
			for (int h = 0; h < t->heads; h++)
				w[((size_t)h * n + i) * n + j] = (float)bp_row_dot(t->pz, h, y)
				    + (1 - bp_pair_mask(NULL, t->mask, n, i, j)) * -1e6f;
		}
		for (int h = 0; h < t->heads; h++)
			bp_softmax_row(w + ((size_t)h * n + i) * n, n);
	}
}

int
bp_pair_weighted_average_cpu(struct bp_ctx *cx, const struct bp_pair_weighted_average *t)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int n = t->n, c = t->c, hd = t->heads * t->d;
	float *y, *w, *v, *g, *o; /* [max(c,cz)], [heads,n,n], [n,hd] twice, [hd] */

	BP_DEV_NEW(y, c > t->cz ? c : t->cz, cx);
	BP_DEV_NEW(w, (size_t)t->heads * n * n, cx);
	BP_DEV_NEW(v, (size_t)n * hd, cx);
	BP_DEV_NEW(g, (size_t)n * hd, cx);
	BP_DEV_NEW(o, hd, cx);
	if (!cx->dry)
		weights(w, y, t);
	for (int s = 0; s < t->s && !cx->dry; s++) {
		float *m = t->m + (size_t)s * n * c;
		for (int j = 0; j < n; j++) {
			bp_norm_row(y, m + (size_t)j * c, c, t->nmw, t->nmb);
			for (int e = 0; e < hd; e++) {
				v[j * hd + e] = (float)bp_row_dot(t->pm, e, y);
				g[j * hd + e] = (float)bp_sigmoid(bp_row_dot(t->pg, e, y));
			}
		}
		for (int i = 0; i < n; i++) {
			for (int e = 0; e < hd; e++) {
				double sum = 0;
				for (int j = 0; j < n; j++)
					sum += (double)w[((size_t)(e / t->d) * n + i) * n + j] * v[j * hd + e];
				o[e] = (float)sum * g[i * hd + e];
			}
			for (int e = 0; e < c; e++)
				m[(size_t)i * c + e] += (float)bp_row_dot(t->po, e, o);
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
