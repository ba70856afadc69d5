/* lib/ops/pair_force.c */
#include "ops/pair_force.h"

#include <math.h>
#include <string.h>

#include "ops/cpu.h"

static double
look_up(const struct bp_pair_force *a, const double *F, int row, double t)
{
	int k = t < a->bins - 2 ? (int)t : a->bins - 2;
	const double *f = F + (size_t)row * a->bins + k;

	return f[0] + (fmin(t, a->bins - 1) - k) * (f[1] - f[0]);
}

int
bp_pair_force_cpu(struct bp_ctx *cx, const struct bp_pair_force *a)
{
	const struct bp_pairs *p = &a->p;

	if (cx->dry)
		return BP_OK;
	memset(a->out, 0, 3 * (size_t)p->b * p->n * sizeof *a->out);
	for (int b = 0; b < p->b; b++) {
		const double *x = p->x + 3 * (size_t)b * p->n, *e = p->a ? p->a + (size_t)b * p->n : NULL;
		const double *F = a->F + (size_t)b * bp_pair_rows(p) * a->bins;
		double *out = a->out + 3 * (size_t)b * p->n;
		for (int i = 0; i < p->n; i++) {
			int s = bp_type_of(p, i);
			for (int j = i + 1; j < p->n; j++) {
				int t = bp_type_of(p, j);
				double d[3]
				    = { x[3 * i] - x[3 * j], x[3 * i + 1] - x[3 * j + 1], x[3 * i + 2] - x[3 * j + 2] };
				double r = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]), u = r / a->h;
				double force = look_up(a, F, bp_pair_row(p, s, t), u);
				if (e)
					force += e[j] * look_up(a, F, bp_layer_row(p, s), u)
					    + e[i] * look_up(a, F, bp_layer_row(p, t), u)
					    + e[i] * e[j] * look_up(a, F, bp_layer_row(p, p->ntypes), u);
				for (int k = 0; k < 3 && r > 0; k++) {
					out[3 * i + k] += force * d[k] / r;
					out[3 * j + k] -= force * d[k] / r;
				}
			}
		}
	}
	return BP_OK;
}

/* ---- optimized: a job is a pair of types. Its four tables (weights 1, a_j, a_i, a_i a_j) lie side by side, so that a
 * pair of atoms reads eight floats, four at its bin and four at the next. ---- */

typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float v4 __attribute__((vector_size(16)));
enum { BLOCK = 256, WIDE = 16 }; /* pairs are made by WIDE: BP_PAIRS_PAD and the padding of parts allow for it */

struct job {
	const float *x, *y, *z, *a; /* [n] of the sample                              */
	const v8 *w;                /* [n] 1 a 1 a 1 a 1 a, or NULL: no layer         */
	int i0, i1, j0, j1, bins;   /* i0 = j0: pairs of one type                     */
	float inv_h;
	const float *table; /* [bins,4], or [bins] without layer              */
	float *gi, *gj;     /* [3][padded(i1-i0)], [3][padded(j1-j0)] +=, the same for a type with itself */
};

static inline v4
low_plus_high(v8 v)
{
	return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
}

/* sums of the four lanes of each of four vectors */
static inline v4
sums(v4 a, v4 b, v4 c, v4 d)
{
	v4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
	v4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);

	return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

static int
padded(int n)
{
	return n + WIDE;
}

static float
total(const float v[WIDE])
{
	float sum = 0;

	for (int m = 0; m < WIDE; m++)
		sum += v[m];
	return sum;
}

BP_CLONES static void
forces(struct job *q)
{
	const float last = (float)(q->bins - 2), inv_h = q->inv_h;
	const int ni = padded(q->i1 - q->i0), nj = padded(q->j1 - q->j0);
	_Alignas(64) float dx[BLOCK], dy[BLOCK], dz[BLOCK], f[BLOCK], inv[BLOCK], force[BLOCK];
	int bin[BLOCK];

	for (int i = q->i0; i < q->i1; i++) {
		const float x = q->x[i], y = q->y[i], z = q->z[i], ai = q->a[i];
		const v8 here = { 1, 1, ai, ai, 0, 0, 0, 0 }, slope = { -1, -1, -ai, -ai, 1, 1, ai, ai };
		float gx[WIDE] = { 0 }, gy[WIDE] = { 0 }, gz[WIDE] = { 0 };
		for (int j = q->i0 == q->j0 ? i + 1 : q->j0; j < q->j1; j += BLOCK) {
			const int n = q->j1 - j < BLOCK ? q->j1 - j : BLOCK;
			float *ox = q->gj + (j - q->j0), *oy = ox + nj, *oz = oy + nj;
			for (int m0 = 0; m0 < n; m0 += WIDE)
#pragma omp simd
				for (int m = m0; m < m0 + WIDE; m++) {
					dx[m] = x - q->x[j + m], dy[m] = y - q->y[j + m], dz[m] = z - q->z[j + m];
					float r = sqrtf(dx[m] * dx[m] + dy[m] * dy[m] + dz[m] * dz[m]), t = r * inv_h;
					inv[m] = r > 0 ? 1 / r : 0;
					t = t < last ? t : last;
					bin[m] = (int)t;
					f[m] = t - (float)bin[m];
				}
			if (q->w) {
				for (int m = 0; m < n; m += 4) {
					v4 s[4];
#pragma GCC unroll 4
					for (int k = 0; k < 4; k++)
						s[k] = low_plus_high(*(const v8 *)(q->table + 4 * bin[m + k])
						    * (here + f[m + k] * slope) * q->w[j + m + k]);
					*(v4 *)(force + m) = sums(s[0], s[1], s[2], s[3]);
				}
			} else {
				for (int m = 0; m < n; m++)
					force[m] = q->table[bin[m]] + f[m] * (q->table[bin[m] + 1] - q->table[bin[m]]);
			}
			for (int m = n; m % WIDE; m++)
				force[m] = 0; /* what lies past the last gets nothing */
			for (int m0 = 0; m0 < n; m0 += WIDE)
#pragma omp simd
				for (int m = m0; m < m0 + WIDE; m++) {
					float g = force[m] * inv[m];
					gx[m - m0] += g * dx[m], gy[m - m0] += g * dy[m], gz[m - m0] += g * dz[m];
					ox[m] -= g * dx[m], oy[m] -= g * dy[m], oz[m] -= g * dz[m];
				}
		}
		q->gi[i - q->i0] += total(gx), q->gi[i - q->i0 + ni] += total(gy), q->gi[i - q->i0 + 2 * ni] += total(gz);
	}
}

/* the four tables of the types s (of atoms i) and t (of atoms j) side by side, over the largest |F| */
static void
interleave(float *table, const struct bp_pair_force *a, const double *F, int s, int t, double scale)
{
	const struct bp_pairs *p = &a->p;
	const size_t n = (size_t)a->bins;
	const int row[4] = { s < t ? bp_pair_row(p, s, t) : bp_pair_row(p, t, s), bp_layer_row(p, s), bp_layer_row(p, t), bp_layer_row(p, p->ntypes) };
	const int tables = p->a ? 4 : 1;

	for (int c = 0; c < tables; c++)
		for (size_t k = 0; k < n; k++)
			table[tables * k + (size_t)c] = (float)(F[(size_t)row[c] * n + k] * scale);
}

static double
largest(const double *F, size_t n)
{
	double most = 0;

	for (size_t i = 0; i < n; i++)
		most = fmax(most, fabs(F[i]));
	return most;
}

/* what job (s, t) found for the types s and t: part [3,padded(ns)], then [3,padded(nt)] unless s = t */
static void
add_part(double *out, const struct bp_pairs *p, const float *part, int s, int t, double scale)
{
	for (int side = 0; side < (s == t ? 1 : 2); side++) {
		int type = side ? t : s, n = p->start[type + 1] - p->start[type];
		for (int k = 0; k < 3; k++, part += padded(n))
			for (int i = 0; i < n; i++)
				out[3 * (p->start[type] + i) + k] += scale * part[i];
	}
}

/* job r of the sample with the tables F: its part. The longer range of atoms goes to the inner loop. */
static void
of_types(struct job *q, float *table, const struct bp_pair_force *a, int r, float *part, const double *F, double scale)
{
	const int32_t *start = a->p.start;
	int s, t, i, j;

	bp_pair_types(&a->p, r, &s, &t);
	i = start[s + 1] - start[s] > start[t + 1] - start[t] ? t : s, j = i == s ? t : s;
	q->i0 = start[i], q->i1 = start[i + 1], q->j0 = start[j], q->j1 = start[j + 1];
	q->gi = i == s ? part : part + 3 * padded(start[s + 1] - start[s]);
	q->gj = j == s ? part : part + 3 * padded(start[s + 1] - start[s]);
	interleave(table, a, F, i, j, scale);
	q->table = table;
	forces(q);
}

int
bp_pair_force_cpu_opt(struct bp_ctx *cx, const struct bp_pair_force *a)
{
	const struct bp_pairs *p = &a->p;
	const int rows = bp_pair_rows(p), jobs = bp_type_pairs(p), bins = a->bins;
	const size_t table = 4 * (size_t)bins + 64, parts = 3 * ((size_t)p->n * (p->ntypes + 1) + (size_t)WIDE * p->ntypes * p->ntypes);
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs_f32 f;
	float *scratch, *part;
	size_t *at;
	double *scale;
	v8 *w;

	BP_TRY(bp_pairs_f32(cx, &f, p));
	BP_DEV_NEW(scratch, table * (size_t)cx->threads, cx);
	BP_DEV_NEW(part, parts * (size_t)p->b, cx);
	BP_DEV_NEW(at, jobs, cx);
	BP_DEV_NEW(scale, p->b, cx);
	BP_DEV_NEW(w, p->a ? (size_t)p->b * f.ld : 1, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	memset(part, 0, parts * (size_t)p->b * sizeof *part);
	memset(a->out, 0, 3 * (size_t)p->b * p->n * sizeof *a->out);
	for (size_t i = 0; p->a && i < (size_t)p->b * f.ld; i++)
		w[i] = (v8) { 1, f.a[i], 1, f.a[i], 1, f.a[i], 1, f.a[i] };
	for (int b = 0; b < p->b; b++)
		scale[b] = largest(a->F + (size_t)b * rows * bins, (size_t)rows * bins);
	size_t used = 0;
	for (int r = 0, s, t; r < jobs; r++) {
		bp_pair_types(p, r, &s, &t);
		at[r] = used;
		used += 3 * (size_t)padded(p->start[s + 1] - p->start[s])
		    + (s == t ? 0 : 3 * (size_t)padded(p->start[t + 1] - p->start[t]));
	}
	BP_PARALLEL
	for (int q = 0; q < p->b * jobs; q++) {
		size_t here = (size_t)(q / jobs) * f.ld;
		struct job job = { f.x + here, f.y + here, f.z + here, f.a + here, p->a ? w + here : NULL, .bins = bins,
			.inv_h = (float)(1 / a->h) };
		if (scale[q / jobs] > 0)
			of_types(&job, scratch + table * (size_t)omp_get_thread_num(), a, q % jobs,
			    part + parts * (size_t)(q / jobs) + at[q % jobs], a->F + (size_t)(q / jobs) * rows * bins,
			    1 / scale[q / jobs]);
	}
	for (int b = 0; b < p->b; b++)
		for (int r = 0, s, t; r < jobs; r++) {
			bp_pair_types(p, r, &s, &t);
			add_part(a->out + 3 * (size_t)b * p->n, p, part + parts * (size_t)b + at[r], s, t, scale[b]);
		}
	bp_dev_release(cx, mark);
	return BP_OK;
}
