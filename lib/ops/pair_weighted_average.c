#include "ops/pair_weighted_average.h"

#include "ops/cpu.h"
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

/* w[h,i,:] of row i, rows at distance ld; y, packed, mask: scratch */
static void
weights_row(float *w, const struct bp_pair_weighted_average *t, int ld, int i, float *y, float *packed, float *mask)
{
	int n = t->n, cz = t->cz;

	bp_vec_norm(y, cz, t->z + (size_t)i * n * cz, cz, n, cz, t->nzw->p, t->nzb->p);
	bp_pack(packed, n, cz, y, cz, 1);
	bp_gemm(t->heads, n, cz, t->pz->p, cz, 1, packed, w + (size_t)i * ld, (size_t)n * ld, false);
	for (int j = 0; j < n && t->mask; j++)
		mask[j] = (1 - t->mask[i] * t->mask[j]) * -1e6f;
	for (int h = 0; h < t->heads; h++)
		bp_vec_softmax(w + ((size_t)h * n + i) * ld, n, ld, 1, t->mask ? mask : NULL, NULL);
}

/* m [n,c] of one row of the MSA; s: scratch */
static void
average(float *m, const struct bp_pair_weighted_average *t, const float *w, int ld, float *const W[3], float *s)
{
	int n = t->n, c = t->c, d = t->d, hd = t->heads * d;
	float *y = s, *v = y + (size_t)n * c, *g = v + (size_t)n * hd, *o = g + (size_t)n * hd,
	      *packed = o + (size_t)n * hd;

	bp_vec_norm(y, c, m, c, n, c, t->nmw->p, t->nmb->p);
	bp_gemm(n, hd, c, y, c, 1, W[0], v, hd, false);
	bp_gemm(n, hd, c, y, c, 1, W[1], g, hd, false);
	for (int h = 0; h < t->heads; h++) {
		bp_pack(packed, d, n, v + h * d, 1, hd);
		bp_gemm(n, d, n, w + (size_t)h * n * ld, ld, 1, packed, o + h * d, hd, false);
	}
	bp_vec_gate(o, o, g, (size_t)n * hd);
	bp_gemm(n, c, hd, o, hd, 1, W[2], m, c, true);
}

int
bp_pair_weighted_average_cpu_opt(struct bp_ctx *cx, const struct bp_pair_weighted_average *t)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int n = t->n, cz = t->cz, hd = t->heads * t->d, ld = bp_pad(n);
	size_t row = (size_t)n * cz + bp_packed(n, cz) + n, avg = (size_t)n * (t->c + 3 * hd) + bp_packed(t->d, n);
	size_t size = row > avg ? row : avg;
	float *w, *W[3], *scratch;

	BP_DEV_NEW(w, (size_t)t->heads * n * ld, cx);
	BP_TRY(bp_pack_weight(cx, &W[0], t->pm));
	BP_TRY(bp_pack_weight(cx, &W[1], t->pg));
	BP_TRY(bp_pack_weight(cx, &W[2], t->po));
	BP_SCRATCH_NEW(scratch, size, cx);
	if (!cx->dry) {
		BP_PARALLEL
		for (int i = 0; i < n; i++) {
			float *y = bp_mine(scratch, size), *packed = y + (size_t)n * cz;
			weights_row(w, t, ld, i, y, packed, packed + bp_packed(n, cz));
		}
		BP_PARALLEL
		for (int s = 0; s < t->s; s++)
			average(t->m + (size_t)s * n * t->c, t, w, ld, W, bp_mine(scratch, size));
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
