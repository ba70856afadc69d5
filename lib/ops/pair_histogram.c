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

/* ---- optimized: a job is a pair of types. Its four sums (weights 1, a_j, a_i, a_i a_j) lie side by side, so that a
 * pair of atoms is one multiply-add of eight floats: four at its bin, four at the next. ---- */

typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t bits __attribute__((may_alias)); /* of a float >= 0: ordered as the floats are */
enum { BLOCK = 256 };

struct job {
	const float *x, *y, *z, *a; /* [n] of the sample                                             */
	const v8 *w;                /* [n] 1 a 1 a 1 a 1 a, or NULL: no layer                        */
	int i0, i1, j0, j1, bins;   /* i0 = j0: pairs of one type                                    */
	float inv_h, far;           /* far: out, in bins                                             */
	float *hist;                /* [bins,4], or [bins] without layer: scratch                    */
	double *count, *layer;      /* [bins] += ; [3,bins] += (a_j, a_i, a_i a_j), or NULL          */
};

BP_CLONES static void
flush(struct job *q)
{
	if (!q->w) {
		for (int k = 0; k < q->bins; k++)
			q->count[k] += q->hist[k];
		memset(q->hist, 0, (size_t)q->bins * sizeof *q->hist);
		return;
	}
	for (int k = 0; k < q->bins; k++) {
		q->count[k] += q->hist[4 * k];
		for (int c = 0; c < 3; c++)
			q->layer[c * q->bins + k] += q->hist[4 * k + 1 + c];
	}
	memset(q->hist, 0, 4 * (size_t)q->bins * sizeof *q->hist);
}

BP_CLONES static void
histogram(struct job *q)
{
	const float last = (float)(q->bins - 2);
	int bin[BLOCK], done = 0;
	float f[BLOCK], d[BLOCK];
	float *const hist = q->hist;
	bits far = 0;

	for (int i = q->i0; i < q->i1; i++) {
		const float x = q->x[i], y = q->y[i], z = q->z[i], ai = q->a[i], inv_h = q->inv_h;
		const v8 here = { 1, 1, ai, ai, 0, 0, 0, 0 }, slope = { -1, -1, -ai, -ai, 1, 1, ai, ai };
		for (int j = q->i0 == q->j0 ? i + 1 : q->j0; j < q->j1; j += BLOCK) {
			const int n = q->j1 - j < BLOCK ? q->j1 - j : BLOCK;
			const v8 *w = q->w ? q->w + j : NULL;
#pragma omp simd
			for (int m = 0; m < n; m++) {
				float dx = x - q->x[j + m], dy = y - q->y[j + m], dz = z - q->z[j + m];
				float t = sqrtf(dx * dx + dy * dy + dz * dz) * inv_h;
				d[m] = t;
				t = t < last ? t : last;
				bin[m] = (int)t;
				f[m] = t - (float)bin[m];
			}
#pragma omp simd reduction(max : far)
			for (int m = 0; m < n; m++)
				far = ((const bits *)d)[m] > far ? ((const bits *)d)[m] : far;
			if (w)
#pragma GCC unroll 4
				for (int m = 0; m < n; m++)
					*(v8 *)(hist + 4 * bin[m]) += (here + f[m] * slope) * w[m];
			else
				for (int m = 0; m < n; m++) {
					hist[bin[m]] += 1 - f[m];
					hist[bin[m] + 1] += f[m];
				}
			done += n;
		}
		if (done > 8 * q->bins) { /* often: a bin then holds few pairs, whose fp32 sum is all but exact */
			flush(q);
			done = 0;
		}
	}
	flush(q);
	memcpy(&q->far, &far, sizeof far);
}

/* the layer's rows of sample b from what the jobs found, in a fixed order */
static void
add_layers(const struct bp_pair_histogram *a, double *H, const double *layer)
{
	const struct bp_pairs *p = &a->p;
	double *both = H + (size_t)bp_layer_row(p, p->ntypes) * a->bins;

	for (int r = 0, s, t; r < bp_type_pairs(p); r++, layer += 3 * (size_t)a->bins) {
		bp_pair_types(p, r, &s, &t);
		double *hs = H + (size_t)bp_layer_row(p, s) * a->bins, *ht = H + (size_t)bp_layer_row(p, t) * a->bins;
		for (int k = 0; k < a->bins; k++) {
			hs[k] += layer[k];
			ht[k] += layer[a->bins + k];
			both[k] += layer[2 * a->bins + k];
		}
	}
}

int
bp_pair_histogram_cpu_opt(struct bp_ctx *cx, const struct bp_pair_histogram *a)
{
	const struct bp_pairs *p = &a->p;
	const int rows = bp_pair_rows(p), jobs = bp_type_pairs(p), bins = a->bins;
	const size_t hist = 4 * (size_t)bins + 64;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs_f32 f;
	double *layer;
	float *scratch, *far;
	v8 *w;

	BP_TRY(bp_pairs_f32(cx, &f, p));
	BP_DEV_NEW(layer, p->a ? (size_t)p->b * jobs * 3 * bins : 1, cx);
	BP_DEV_NEW(scratch, hist * (size_t)cx->threads, cx);
	BP_DEV_NEW(far, (size_t)p->b * jobs, cx);
	BP_DEV_NEW(w, p->a ? (size_t)p->b * f.ld : 1, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	memset(a->H, 0, (size_t)p->b * rows * bins * sizeof *a->H);
	memset(scratch, 0, hist * (size_t)cx->threads * sizeof *scratch);
	if (p->a) {
		memset(layer, 0, (size_t)p->b * jobs * 3 * bins * sizeof *layer);
		for (size_t i = 0; i < (size_t)p->b * f.ld; i++)
			w[i] = (v8) { 1, f.a[i], 1, f.a[i], 1, f.a[i], 1, f.a[i] };
	}
	BP_PARALLEL
	for (int q = 0; q < p->b * jobs; q++) {
		size_t at = (size_t)(q / jobs) * f.ld;
		struct job job = { f.x + at, f.y + at, f.z + at, f.a + at, p->a ? w + at : NULL, .bins = bins,
			.inv_h = (float)(1 / a->h), .hist = scratch + hist * (size_t)omp_get_thread_num(),
			.count = a->H + ((size_t)(q / jobs) * rows + q % jobs) * bins,
			.layer = p->a ? layer + (size_t)q * 3 * bins : NULL };
		int s, t;
		bp_pair_types(p, q % jobs, &s, &t);
		job.i0 = p->start[s], job.i1 = p->start[s + 1], job.j0 = p->start[t], job.j1 = p->start[t + 1];
		histogram(&job);
		far[q] = job.far;
	}
	for (int b = 0; b < p->b; b++) {
		a->far[b] = 0;
		for (int q = 0; q < jobs; q++)
			a->far[b] = fmax(a->far[b], far[b * jobs + q] * a->h);
		if (p->a)
			add_layers(a, a->H + (size_t)b * rows * bins, layer + (size_t)b * jobs * 3 * bins);
	}
	bp_dev_release(cx, mark);
	return too_far(cx, a);
}
