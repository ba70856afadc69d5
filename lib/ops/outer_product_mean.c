#include "ops/outer_product_mean.h"

#include <string.h>

#include "ops/cpu.h"
#include "ops/plain.h"

int
bp_outer_product_mean_cpu(struct bp_ctx *cx, const struct bp_outer_product_mean *t)
{
	struct bp_mark m = bp_dev_mark(cx);
	int n = t->n, c = t->c, hid = t->hidden;
	float *y, *a, *b, *prod; /* [c], [s,n,hidden] twice, [hidden,hidden] */

	BP_DEV_NEW(y, c, cx);
	BP_DEV_NEW(a, (size_t)t->s * n * hid, cx);
	BP_DEV_NEW(b, (size_t)t->s * n * hid, cx);
	BP_DEV_NEW(prod, hid * hid, cx);
	for (size_t r = 0; r < (size_t)t->s * n && !cx->dry; r++) {
		float mask = t->mask ? t->mask[r] : 1;
		bp_norm_row(y, t->m + r * c, c, t->nw, t->nb);
		for (int h = 0; h < hid; h++) {
			a[r * hid + h] = (float)bp_row_dot(t->a, h, y) * mask;
			b[r * hid + h] = (float)bp_row_dot(t->b, h, y) * mask;
		}
	}
	for (int i = 0; i < n && !cx->dry; i++)
		for (int j = 0; j < n; j++) {
			double count = 0;
			for (size_t s = 0; s < (size_t)t->s; s++)
				count += t->mask ? t->mask[s * n + i] * t->mask[s * n + j] : 1;
			for (int h = 0; h < hid; h++)
				for (int e = 0; e < hid; e++) {
					double sum = 0;
					for (size_t s = 0; s < (size_t)t->s; s++)
						sum += (double)a[(s * n + i) * hid + h] * b[(s * n + j) * hid + e];
					prod[h * hid + e] = (float)(sum / fmax(count, 1));
				}
			for (int o = 0; o < t->cz; o++)
				t->z[((size_t)i * n + j) * t->cz + o]
				    += (float)(bp_row_dot(t->o, o, prod) + t->o_b->p[o]);
		}
	bp_dev_release(cx, m);
	return BP_OK;
}

enum { J = 24 }; /* columns j at once: their products [24,hidden,hidden] stay in L2 */

/* a, b [m,hidden] of the m rows r.. of the MSA */
static void
project_rows(float *a, float *b, const struct bp_outer_product_mean *t, const float *Wa, const float *Wb, size_t r,
    int m, float *y)
{
	int c = t->c, hid = t->hidden;

	bp_vec_norm(y, c, t->m + r * c, c, m, c, t->nw->p, t->nb->p);
	bp_gemm(m, hid, c, y, c, 1, Wa, a + r * hid, hid, false);
	bp_gemm(m, hid, c, y, c, 1, Wb, b + r * hid, hid, false);
	for (size_t i = r; i < r + m && t->mask; i++)
		for (int h = 0; h < hid; h++) {
			a[i * hid + h] *= t->mask[i];
			b[i * hid + h] *= t->mask[i];
		}
}

/* count [n] = max(sum_s mask_si mask_sj, 1) */
static void
count_rows(float *count, const struct bp_outer_product_mean *t, int i)
{
	int n = t->n;

	for (int j = 0; j < n; j++)
		count[j] = t->mask ? 0 : (float)t->s;
	for (size_t s = 0; s < (size_t)t->s && t->mask; s++)
#pragma omp simd
		for (int j = 0; j < n; j++)
			count[j] += t->mask[s * n + i] * t->mask[s * n + j];
	for (int j = 0; j < n; j++)
		count[j] = count[j] > 1 ? count[j] : 1;
}

/* row i of z; b: packed, one pack a column j; s: scratch */
static void
row(const struct bp_outer_product_mean *t, const float *a, const float *b, const float *Wo, int i, float *s)
{
	int n = t->n, hid = t->hidden, cz = t->cz, hh = hid * hid;
	float *ai = s, *prod = ai + (size_t)t->s * hid, *out = prod + (size_t)J * hh, *count = out + (size_t)J * cz;

	for (size_t r = 0; r < (size_t)t->s; r++)
		memcpy(ai + r * hid, a + (r * n + i) * hid, (size_t)hid * sizeof *ai);
	count_rows(count, t, i);
	for (int j = 0; j < n; j += J) {
		int m = bp_min(n - j, J);
		for (int e = 0; e < m; e++)
			bp_gemm(hid, hid, t->s, ai, 1, hid, b + bp_packed(hid, t->s) * (j + e), prod + (size_t)e * hh,
			    hid, false);
		bp_gemm(m, cz, hh, prod, hh, 1, Wo, out, cz, false);
		for (int e = 0; e < m; e++) {
			float *z = t->z + ((size_t)i * n + j + e) * cz, scale = 1 / count[j + e];
#pragma omp simd
			for (int o = 0; o < cz; o++)
				z[o] += out[(size_t)e * cz + o] * scale + t->o_b->p[o];
		}
	}
}

int
bp_outer_product_mean_cpu_opt(struct bp_ctx *cx, const struct bp_outer_product_mean *t)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int n = t->n, c = t->c, hid = t->hidden;
	size_t sn = (size_t)t->s * n, size = (size_t)t->s * hid + (size_t)J * hid * hid + (size_t)J * t->cz + n;
	float *a, *b, *packed, *Wa, *Wb, *Wo, *scratch;

	size = size > (size_t)BP_ROW_TILE * c ? size : (size_t)BP_ROW_TILE * c;
	BP_TRY(bp_pack_weight(cx, &Wa, t->a));
	BP_TRY(bp_pack_weight(cx, &Wb, t->b));
	BP_TRY(bp_pack_weight(cx, &Wo, t->o));
	BP_DEV_NEW(a, sn * hid, cx);
	BP_DEV_NEW(b, sn * hid, cx);
	BP_DEV_NEW(packed, bp_packed(hid, t->s) * n, cx);
	BP_SCRATCH_NEW(scratch, size, cx);
	if (!cx->dry) {
		BP_PARALLEL
		for (size_t r = 0; r < sn; r += BP_ROW_TILE)
			project_rows(a, b, t, Wa, Wb, r, bp_min(sn - r, BP_ROW_TILE), bp_mine(scratch, size));
		BP_PARALLEL
		for (int j = 0; j < n; j++)
			bp_pack(packed + bp_packed(hid, t->s) * j, hid, t->s, b + (size_t)j * hid, 1, (size_t)n * hid);
		BP_PARALLEL
		for (int i = 0; i < n; i++)
			row(t, a, packed, Wo, i, bp_mine(scratch, size));
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
