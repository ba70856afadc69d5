#include "ops/tri_mul.h"

#include <string.h>

#include "ops/cpu.h"
#include "ops/plain.h"

int
bp_tri_mul_cpu(struct bp_ctx *cx, const struct bp_tri_mul *t)
{
	const struct bp_tri_mul_weights *w = t->w;
	struct bp_mark m = bp_dev_mark(cx);
	int n = t->n, c = t->c;
	float *y, *ab, *sum; /* [n,n,c], [n,n,2c] a before b, [c] */

	if (t->members > 1)
		return bp_tri_mul_each(cx, t, bp_tri_mul_cpu);
	BP_DEV_NEW(y, (size_t)n * n * c, cx);
	BP_DEV_NEW(ab, (size_t)n * n * 2 * c, cx);
	BP_DEV_NEW(sum, c, cx);
	for (int i = 0; i < n && !cx->dry; i++)
		for (int j = 0; j < n; j++) {
			size_t r = (size_t)i * n + j;
			float mask = bp_pair_mask(t->pair_mask, t->mask, n, i, j);
			bp_norm_row(y + r * c, t->x + r * c, c, &w->norm_in, &w->norm_in_b);
			for (int o = 0; o < 2 * c; o++)
				ab[r * 2 * c + o] = (float)(bp_row_dot(&w->p_in, o, y + r * c)
				    * bp_sigmoid(bp_row_dot(&w->g_in, o, y + r * c)) * mask);
		}
	for (int i = 0; i < n && !cx->dry; i++)
		for (int j = 0; j < n; j++) {
			float *out = t->out + ((size_t)i * n + j) * c, *yr = y + ((size_t)i * n + j) * c;
			for (int d = 0; d < c; d++) {
				double s = 0;
				for (int k = 0; k < n; k++) {
					size_t ra = t->incoming ? (size_t)k * n + i : (size_t)i * n + k;
					size_t rb = t->incoming ? (size_t)k * n + j : (size_t)j * n + k;
					s += (double)ab[ra * 2 * c + d] * ab[rb * 2 * c + c + d];
				}
				sum[d] = (float)s;
			}
			bp_norm_row(sum, sum, c, &w->norm_out, &w->norm_out_b);
			for (int o = 0; o < c; o++)
				out[o]
				    = (float)(bp_row_dot(&w->p_out, o, sum) * bp_sigmoid(bp_row_dot(&w->g_out, o, yr)))
				    + (t->add ? out[o] : 0);
		}
	bp_dev_release(cx, m);
	return BP_OK;
}

enum { T = 3 * BP_PANEL }; /* pairs a tile */

/* planes a and b, [count][ld] each, of channels from first on and of pairs r..r+m: the transposed product W y^T writes channel by channel; s: scratch */
static void
project_pairs(float *a, float *b, size_t ld, const struct bp_tri_mul *t, int first, int count, size_t r, int m, float *s)
{
	const struct bp_tri_mul_weights *w = t->w;
	int n = t->n, c = t->c;
	float *y = s, *packed = y + (size_t)T * c, *p = packed + (size_t)T * c, *g = p + (size_t)T * c, mask[T];

	bp_vec_norm(y, c, t->x + r * c, c, m, c, w->norm_in.p, w->norm_in_b.p);
	bp_pack(packed, m, c, y, c, 1);
	for (int i = 0; i < m; i++)
		mask[i] = bp_pair_mask(t->pair_mask, t->mask, n, (int)((r + i) / n), (int)((r + i) % n));
	for (int half = 0; half < 2; half++) {
		float *plane = half ? b : a;
		size_t from = ((size_t)half * c + first) * c;
		bp_gemm(count, m, c, w->p_in.p + from, c, 1, packed, p, T, false);
		bp_gemm(count, m, c, w->g_in.p + from, c, 1, packed, g, T, false);
		for (int e = 0; e < count; e++) {
			bp_vec_gate(plane + e * ld + r, p + (size_t)e * T, g + (size_t)e * T, m);
			if (t->mask || t->pair_mask)
				bp_vec_mul(plane + e * ld + r, mask, m);
		}
	}
}

/* out of pairs r..r+m from the planes sum [c][ld] */
static void
finish_pairs(const struct bp_tri_mul *t, const float *sum, size_t ld, const float *Wp, const float *Wg, size_t r, int m,
    float *s)
{
	const struct bp_tri_mul_weights *w = t->w;
	int c = t->c;
	float *y = s, *p = y + (size_t)T * c, *g = p + (size_t)T * c, *v = g + (size_t)T * c, *out = t->out + r * c;

	for (int e = 0; e < c; e++)
		memcpy(v + (size_t)e * T, sum + e * ld + r, m * sizeof *v);
	bp_vec_norm_columns(v, T, m, c, w->norm_out.p, w->norm_out_b.p);
	bp_vec_norm(y, c, t->x + r * c, c, m, c, w->norm_in.p, w->norm_in_b.p);
	bp_gemm(m, c, c, v, 1, T, Wp, p, c, false);
	bp_gemm(m, c, c, y, c, 1, Wg, g, c, false);
	if (t->add) {
		bp_vec_gate(p, p, g, (size_t)m * c);
		bp_vec_add(out, p, (size_t)m * c);
	} else
		bp_vec_gate(out, p, g, (size_t)m * c);
}

/* b = per channel the sum over k, which takes the place of b once it is packed */
static void
multiply_planes(struct bp_ctx *cx, const struct bp_tri_mul *t, const float *a, float *b, size_t ld, int count, float *scratch, size_t size)
{
	int n = t->n;
	size_t row = t->incoming ? 1 : n, col = t->incoming ? n : 1;

	BP_PARALLEL
	for (int e = 0; e < count; e++) {
		float *packed = bp_mine(scratch, size);
		bp_pack(packed, n, n, b + e * ld, row, col);
		bp_gemm(n, n, n, a + e * ld, row, col, packed, b + e * ld, n, false);
	}
}

/* Scratch: b or the sums of all channels, and a of all or, with cx->chunk, of that share of them, whose norm is then taken again for each
 * share. */
int
bp_tri_mul_cpu_opt(struct bp_ctx *cx, const struct bp_tri_mul *t)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int n = t->n, c = t->c;
	size_t nn = (size_t)n * n, ld = nn / 16 * 16 + 48; /* no power of two: planes would share cache sets */
	size_t size = (size_t)T * c * 4 > bp_packed(n, n) ? (size_t)T * c * 4 : bp_packed(n, n);
	int share = (int)(((int64_t)c * bp_rows_at_once(cx, n) - 1) / n + 1);
	float *a, *b, *Wp, *Wg, *scratch;

	if (t->members > 1)
		return bp_tri_mul_each(cx, t, bp_tri_mul_cpu_opt);
	BP_DEV_NEW(a, ld * share, cx);
	BP_DEV_NEW(b, ld * c, cx);
	BP_TRY(bp_pack_weight(cx, &Wp, &t->w->p_out));
	BP_TRY(bp_pack_weight(cx, &Wg, &t->w->g_out));
	BP_SCRATCH_NEW(scratch, size, cx);
	if (!cx->dry) {
		for (int e = 0, count; e < c; e += count) {
			count = c - e < share ? c - e : share;
			BP_PARALLEL
			for (size_t r = 0; r < nn; r += T)
				project_pairs(a, b + e * ld, ld, t, e, count, r, bp_min(nn - r, T), bp_mine(scratch, size));
			multiply_planes(cx, t, a, b + e * ld, ld, count, scratch, size);
		}
		BP_PARALLEL
		for (size_t r = 0; r < nn; r += T)
			finish_pairs(t, b, ld, Wp, Wg, r, bp_min(nn - r, T), bp_mine(scratch, size));
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
