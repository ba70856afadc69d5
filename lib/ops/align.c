/* lib/ops/align.c: contents: 3x3 singular vectors, rotation, original, optimized. */
#include <math.h>

#include "ops/align.h"
#include "ops/members.h"
#include "ops/rotation.h"

/* out = (x - cx) R^T + ct */
static void
apply(float *out, const float *x, const double cx[3], const double ct[3], double R[3][3])
{
	double d[3] = { x[0] - cx[0], x[1] - cx[1], x[2] - cx[2] };
	for (int i = 0; i < 3; i++)
		out[i] = (float)(R[i][0] * d[0] + R[i][1] * d[1] + R[i][2] * d[2] + ct[i]);
}

static int
no_weight(struct bp_ctx *cx)
{
	return BP_FAIL(
	    cx->err, BP_ENUM, "the target needs at least one real atom", "align: the weights add up to nothing");
}

/* of sample b */
static const float *
weights(const struct bp_align *a, int b)
{
	return a->w + (size_t)(b % bp_members(a->members)) * a->atoms;
}

int
bp_align_cpu(struct bp_ctx *cx, const struct bp_align *a)
{
	if (cx->dry)
		return BP_OK;
	for (int b = 0; b < a->b; b++) {
		const float *x = a->x + 3 * (size_t)b * a->atoms, *t = a->target + 3 * (size_t)b * a->atoms, *w = weights(a, b);
		double mx[3] = { 0 }, mt[3] = { 0 }, H[3][3] = { { 0 } }, R[3][3], sum = 0;
		for (int n = 0; n < a->atoms; n++) {
			sum += w[n];
			for (int i = 0; i < 3; i++) {
				mx[i] += (double)w[n] * x[3 * (size_t)n + i];
				mt[i] += (double)w[n] * t[3 * (size_t)n + i];
			}
		}
		if (!(sum > 0))
			return no_weight(cx);
		for (int i = 0; i < 3; i++)
			mx[i] /= sum, mt[i] /= sum;
		for (int n = 0; n < a->atoms; n++)
			for (int i = 0; i < 3; i++)
				for (int j = 0; j < 3; j++)
					H[i][j] += w[n] * (t[3 * (size_t)n + i] - mt[i])
					    * (x[3 * (size_t)n + j] - mx[j]);
		bp_best_rotation(R, H);
		for (int n = 0; n < a->atoms; n++)
			apply(a->out + 3 * ((size_t)b * a->atoms + n), x + 3 * (size_t)n, mx, mt, R);
	}
	return BP_OK;
}

struct motion {
	double cx[3], ct[3], R[3][3], sum;
};

/* One pass over a sample: sums of w, w x, w t and w t x^T, about the first atoms x0 and t0, so that the subtraction of
 * the centroids' product at the end cancels little. */
static void
find_motion(struct motion *m, const float *w, const float *x, const float *t, int atoms)
{
	double sx[3] = { 0 }, st[3] = { 0 }, H[3][3] = { { 0 } };

	m->sum = 0;
	for (int n = 0; n < atoms; n++) {
		if (w[n] == 0)
			continue;
		m->sum += w[n];
		for (int i = 0; i < 3; i++) {
			double wt = w[n] * ((double)t[3 * (size_t)n + i] - t[i]);
			sx[i] += w[n] * ((double)x[3 * (size_t)n + i] - x[i]);
			st[i] += wt;
			for (int j = 0; j < 3; j++)
				H[i][j] += wt * ((double)x[3 * (size_t)n + j] - x[j]);
		}
	}
	if (!(m->sum > 0))
		return;
	for (int i = 0; i < 3; i++) {
		m->cx[i] = x[i] + sx[i] / m->sum;
		m->ct[i] = t[i] + st[i] / m->sum;
		for (int j = 0; j < 3; j++)
			H[i][j] -= st[i] * sx[j] / m->sum;
	}
	bp_best_rotation(m->R, H);
}

int
bp_align_cpu_opt(struct bp_ctx *cx, const struct bp_align *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct motion *m;
	int st = BP_OK;
	BP_DEV_NEW(m, a->b, cx);
	if (!cx->dry) {
#pragma omp parallel for num_threads(cx->threads) schedule(static) if ((int64_t)a->b * a->atoms > 10000)
		for (int b = 0; b < a->b; b++)
			find_motion(m + b, weights(a, b), a->x + 3 * (size_t)b * a->atoms, a->target + 3 * (size_t)b * a->atoms,
			    a->atoms);
		for (int b = 0; b < a->b; b++)
			if (!(m[b].sum > 0))
				st = no_weight(cx);
		const int atoms = st == BP_OK ? a->atoms : 0;
#pragma omp parallel for collapse(2) num_threads(cx->threads) schedule(static) if ((int64_t)a->b * a->atoms > 10000)
		for (int b = 0; b < a->b; b++)
			for (int n = 0; n < atoms; n++) {
				size_t at = 3 * ((size_t)b * a->atoms + n);
				apply(a->out + at, a->x + at, m[b].cx, m[b].ct, m[b].R);
			}
	}
	bp_dev_release(cx, mark);
	return st;
}
