/* lib/ops/pair_histogram.c */
#include "ops/pair_histogram.h"

#include <math.h>
#include <string.h>

#include "ops/cpu.h"

static int
too_far(struct bp_ctx *cx, const struct bp_pair_histogram *a)
{
	for (int b = 0; b < a->p.b; b++)
		if (!(a->far[b] < (a->bins - 2) * a->h))
			return BP_FAIL(cx->err, BP_ENUM, NULL, "atoms %g A apart, beyond the %d bins of a histogram",
			    a->far[b], a->bins);
	return BP_OK;
}

/* weight w at t = r / h */
static void
share(double *row, double t, int bins, double w)
{
	int k = t < bins - 2 ? (int)t : bins - 2; /* beyond: reported by too_far */

	row[k] += w * (k + 1 - t);
	row[k + 1] += w * (t - k);
}

int
bp_pair_histogram_cpu(struct bp_ctx *cx, const struct bp_pair_histogram *a)
{
	const struct bp_pairs *p = &a->p;
	const int rows = bp_pair_rows(p);

	if (cx->dry)
		return BP_OK;
	for (int b = 0; b < p->b; b++) {
		const double *x = p->x + 3 * (size_t)b * p->n, *e = p->a ? p->a + (size_t)b * p->n : NULL;
		double *H = a->H + (size_t)b * rows * a->bins;
		memset(H, 0, (size_t)rows * a->bins * sizeof *H);
		a->far[b] = 0;
		for (int i = 0; i < p->n; i++) {
			int s = bp_type_of(p, i);
			for (int j = i + 1; j < p->n; j++) {
				int t = bp_type_of(p, j);
				double r = bp_pair_distance(x, i, j);
				a->far[b] = fmax(a->far[b], r);
				share(H + (size_t)bp_pair_row(p, s, t) * a->bins, r / a->h, a->bins, 1);
				if (!e)
					continue;
				share(H + (size_t)bp_layer_row(p, s) * a->bins, r / a->h, a->bins, e[j]);
				share(H + (size_t)bp_layer_row(p, t) * a->bins, r / a->h, a->bins, e[i]);
				share(H + (size_t)bp_layer_row(p, p->ntypes) * a->bins, r / a->h, a->bins, e[i] * e[j]);
			}
		}
	}
	return too_far(cx, a);
}

/* ---- optimized: a job is a pair of types. What a pair of atoms adds to its bin and to the next one lies side by side
 * at its bin, for the four weights 1, a_j, a_i, a_i a_j: so a pair is one multiply-add of eight aligned floats, and
 * pairs of neighbouring bins never wait for each other's stores. ---- */

typedef float v8 __attribute__((vector_size(32), may_alias));
typedef float v4 __attribute__((vector_size(16), may_alias));
typedef double v4d __attribute__((vector_size(32), may_alias));
typedef long long v4l __attribute__((vector_size(32)));
typedef float v4_at __attribute__((vector_size(16), aligned(4), may_alias));
typedef double v4d_at __attribute__((vector_size(32), aligned(8), may_alias));
enum {
	BLOCK = 256,
	WIDE = 16,   /* pairs are made by so many: BP_PAIRS_PAD allows for it  */
	FLUSH = 32,  /* pairs a bin, on average, that are summed in fp32       */
};

struct job {
	const float *x, *y, *z, *a; /* [n] of the sample                                             */
	const v8 *w;                /* [n] 1 a 1 a 1 a 1 a                                           */
	int i0, i1, j0, j1, bins;   /* i0 = j0: pairs of one type                                    */
	float inv_h, far;           /* far: out, in bins                                             */
	v8 *hist;                   /* [bins] scratch, 0: of each bin's pairs, here and at the next  */
	v4d *sum;                   /* [bins] scratch, 0                                             */
	bool flushed;               /* sum is not 0                                                  */
};

/* sum += hist, which is 0 again */
BP_CLONES static void
flush(struct job *q)
{
	v4 *h = (v4 *)q->hist, before = { 0 };

	for (int k = 0; k < q->bins; k++) {
		q->sum[k] += __builtin_convertvector(h[2 * k] + before, v4d);
		before = h[2 * k + 1];
		h[2 * k] = h[2 * k + 1] = (v4) { 0 };
	}
	q->flushed = true;
}

BP_CLONES static void
histogram(struct job *q)
{
	const float last = (float)(q->bins - 2);
	int at[BLOCK], done = 0; /* bins in bytes: one instruction less a pair */
	float f[BLOCK], most[WIDE] = { 0 };
	char *const hist = (char *)q->hist;

	for (int i = q->i0; i < q->i1; i++) {
		const float x = q->x[i], y = q->y[i], z = q->z[i], ai = q->a[i], inv_h = q->inv_h;
		const v8 here = { 1, 1, ai, ai, 0, 0, 0, 0 }, slope = { -1, -1, -ai, -ai, 1, 1, ai, ai };
		for (int j = q->i0 == q->j0 ? i + 1 : q->j0; j < q->j1; j += BLOCK) {
			const int n = q->j1 - j < BLOCK ? q->j1 - j : BLOCK;
			const float *xj = q->x + j, *yj = q->y + j, *zj = q->z + j;
			const v8 *w = q->w + j;
			/* past the last are atoms of the sample or its middle: none further than its furthest pair */
			for (int m0 = 0; m0 < n; m0 += WIDE)
#pragma omp simd
				for (int m = m0; m < m0 + WIDE; m++) {
					float dx = x - xj[m], dy = y - yj[m], dz = z - zj[m];
					float t = sqrtf(dx * dx + dy * dy + dz * dz) * inv_h;
					most[m - m0] = t > most[m - m0] ? t : most[m - m0];
					t = t < last ? t : last;
					at[m] = (int)t * (int)sizeof(v8);
					f[m] = t - (float)(int)t;
				}
#pragma GCC unroll 4
			for (int m = 0; m < n; m++)
				*(v8 *)(hist + at[m]) += (here + f[m] * slope) * w[m];
			done += n;
		}
		if (done > FLUSH * q->bins) {
			flush(q);
			done = 0;
		}
	}
	q->far = 0;
	for (int m = 0; m < WIDE; m++)
		q->far = most[m] > q->far ? most[m] : q->far;
}

/* bins that any pair has a share in: no fewer */
static int
touched(const struct job *q)
{
	return (int)(q->far < (float)(q->bins - 2) ? q->far : (float)(q->bins - 2)) + 2;
}

/* What a bin h[2] has in all, for the four weights, with what was flushed (or NULL); both are 0 again. *before: what its
 * pairs add to the next one. */
static inline void
take_bin(v4d *all, v4 *before, v4 *h, v4d *flushed)
{
	*all = __builtin_convertvector(h[0] + *before, v4d);
	*before = h[1];
	h[0] = h[1] = (v4) { 0 };
	if (flushed) {
		*all += *flushed;
		*flushed = (v4d) { 0 };
	}
}

/* the four sums of each bin to where they belong, [bins] each; aj, ai, both: NULL without layer, and left as they are
 * beyond what was touched */
BP_CLONES static void
unmix(double *count, float *aj, float *ai, float *both, struct job *q)
{
	const int n = touched(q);
	v4 before = { 0 }, *h = (v4 *)q->hist;
	v4d *sum = q->flushed ? q->sum : NULL;
	int k = 0;

	for (; k + 4 <= n; k += 4) { /* four bins: a transposition */
		v4d v[4], a, b, c, d;
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			take_bin(&v[i], &before, h + 2 * (k + i), sum ? sum + k + i : NULL);
		a = __builtin_shuffle(v[0], v[1], (v4l) { 0, 4, 2, 6 }), b = __builtin_shuffle(v[0], v[1], (v4l) { 1, 5, 3, 7 });
		c = __builtin_shuffle(v[2], v[3], (v4l) { 0, 4, 2, 6 }), d = __builtin_shuffle(v[2], v[3], (v4l) { 1, 5, 3, 7 });
		*(v4d_at *)(count + k) = __builtin_shuffle(a, c, (v4l) { 0, 1, 4, 5 });
		if (!aj)
			continue;
		*(v4_at *)(aj + k) = __builtin_convertvector(__builtin_shuffle(b, d, (v4l) { 0, 1, 4, 5 }), v4);
		*(v4_at *)(ai + k) = __builtin_convertvector(__builtin_shuffle(a, c, (v4l) { 2, 3, 6, 7 }), v4);
		*(v4_at *)(both + k) = __builtin_convertvector(__builtin_shuffle(b, d, (v4l) { 2, 3, 6, 7 }), v4);
	}
	for (; k < n; k++) {
		v4d v;
		take_bin(&v, &before, h + 2 * k, sum ? sum + k : NULL);
		count[k] = v[0];
		if (aj)
			aj[k] = (float)v[1], ai[k] = (float)v[2], both[k] = (float)v[3];
	}
	memset(count + n, 0, (size_t)(q->bins - n) * sizeof *count);
	q->flushed = false;
}

/* job r of the sample, and its sums to the row count [bins] and to layer [3,bins]: with the layer for type s, for type
 * t, and of the layer with itself. The longer range of atoms goes to the inner loop. */
static void
sum_types(struct job *q, double *count, float *layer, const struct bp_pairs *p, int r)
{
	int s, t, swap;

	bp_pair_types(p, r, &s, &t);
	swap = p->start[s + 1] - p->start[s] > p->start[t + 1] - p->start[t];
	q->i0 = p->start[swap ? t : s], q->i1 = p->start[(swap ? t : s) + 1];
	q->j0 = p->start[swap ? s : t], q->j1 = p->start[(swap ? s : t) + 1];
	histogram(q);
	if (layer)
		unmix(count, layer + (swap ? q->bins : 0), layer + (swap ? 0 : q->bins), layer + 2 * (size_t)q->bins, q);
	else
		unmix(count, NULL, NULL, NULL, q);
}

/* the layer's rows of a sample from what the jobs found in their first n[] bins, in a fixed order */
BP_CLONES static void
add_layers(const struct bp_pairs *p, int bins, double *H, const float *layer, const int *n)
{
	double *rows = H + (size_t)bp_layer_row(p, 0) * bins, *both = rows + (size_t)p->ntypes * bins;

	memset(rows, 0, ((size_t)p->ntypes + 1) * bins * sizeof *rows);
	for (int r = 0, s, t; r < bp_type_pairs(p); r++, layer += 3 * (size_t)bins) {
		bp_pair_types(p, r, &s, &t);
		double *hs = rows + (size_t)s * bins, *ht = rows + (size_t)t * bins;
		for (int k = 0; k < n[r]; k++)
			hs[k] += layer[k];
		for (int k = 0; k < n[r]; k++)
			ht[k] += layer[bins + k];
		for (int k = 0; k < n[r]; k++)
			both[k] += layer[2 * bins + k];
	}
}

int
bp_pair_histogram_cpu_opt(struct bp_ctx *cx, const struct bp_pair_histogram *a)
{
	const struct bp_pairs *p = &a->p;
	const int rows = bp_pair_rows(p), jobs = bp_type_pairs(p);
	const size_t bins = (size_t)a->bins;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs_f32 f;
	float *layer, *far;
	int *used;
	v8 *w, *hist;
	v4d *sum;

	BP_TRY(bp_pairs_f32(cx, &f, p));
	BP_DEV_NEW(layer, p->a ? (size_t)jobs * 3 * bins : 1, cx);
	BP_DEV_NEW(hist, bins * (size_t)cx->threads, cx);
	BP_DEV_NEW(sum, bins * (size_t)cx->threads, cx);
	BP_DEV_NEW(far, jobs, cx);
	BP_DEV_NEW(used, jobs, cx);
	BP_DEV_NEW(w, f.ld, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	memset(hist, 0, bins * (size_t)cx->threads * sizeof *hist);
	memset(sum, 0, bins * (size_t)cx->threads * sizeof *sum);
	for (int b = 0; b < p->b; b++) {
		double *H = a->H + (size_t)b * rows * bins;
		const size_t at = (size_t)b * f.ld;
		for (size_t i = 0; i < f.ld; i++)
			w[i] = (v8) { 1, f.a[at + i], 1, f.a[at + i], 1, f.a[at + i], 1, f.a[at + i] };
		BP_PARALLEL
		for (int r = 0; r < jobs; r++) {
			const size_t mine = bins * (size_t)omp_get_thread_num();
			struct job job = { f.x + at, f.y + at, f.z + at, f.a + at, w, .bins = a->bins,
				.inv_h = (float)(1 / a->h), .hist = hist + mine, .sum = sum + mine };
			sum_types(&job, H + (size_t)r * bins, p->a ? layer + (size_t)r * 3 * bins : NULL, p, r);
			far[r] = job.far, used[r] = touched(&job);
		}
		a->far[b] = 0;
		for (int r = 0; r < jobs; r++)
			a->far[b] = fmax(a->far[b], far[r] * a->h);
		if (p->a)
			add_layers(p, a->bins, H, layer, used);
	}
	bp_dev_release(cx, mark);
	return too_far(cx, a);
}
