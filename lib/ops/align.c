/* lib/ops/align.c: contents: 3x3 singular vectors, rotation, original, optimized. */
#include <math.h>

#include "ops/align.h"

/* One-sided Jacobi: columns of H (changed to U S) are made orthogonal by rotations gathered in V, so that H V = U S. It
 * keeps the relative accuracy of small singular values, which forming H^T H would lose. */
static void
jacobi(double H[3][3], double V[3][3])
{
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			V[i][j] = i == j;
	for (int sweep = 0; sweep < 40; sweep++) {
		bool done = true;
		for (int p = 0; p < 2; p++)
			for (int q = p + 1; q < 3; q++) {
				double a = 0, b = 0, g = 0;
				for (int i = 0; i < 3; i++)
					a += H[i][p] * H[i][p], b += H[i][q] * H[i][q], g += H[i][p] * H[i][q];
				if (!(fabs(g) > 1e-16 * sqrt(a * b)))
					continue;
				done = false;
				double z = (b - a) / (2 * g), t = copysign(1 / (fabs(z) + hypot(1, z)), z);
				double c = 1 / hypot(1, t), s = c * t;
				for (int i = 0; i < 3; i++) {
					double h = H[i][p], v = V[i][p];
					H[i][p] = c * h - s * H[i][q], H[i][q] = s * h + c * H[i][q];
					V[i][p] = c * v - s * V[i][q], V[i][q] = s * v + c * V[i][q];
				}
			}
		if (done)
			return;
	}
}

static void
cross(double o[3], const double a[3], const double b[3])
{
	o[0] = a[1] * b[2] - a[2] * b[1];
	o[1] = a[2] * b[0] - a[0] * b[2];
	o[2] = a[0] * b[1] - a[1] * b[0];
}

/* make b orthogonal to the unit vector a and a unit vector itself; any such vector when b has no such part */
static void
orthonormal(double b[3], const double a[3], double scale)
{
	double n = hypot(hypot(b[0], b[1]), b[2]), dot;

	if (!(n > 1e-14 * scale)) {
		int least = fabs(a[0]) < fabs(a[1]) ? 0 : 1;
		if (fabs(a[2]) < fabs(a[least]))
			least = 2;
		b[0] = b[1] = b[2] = 0;
		b[least] = n = 1;
	}
	for (int i = 0; i < 3; i++)
		b[i] /= n;
	dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
	for (int i = 0; i < 3; i++)
		b[i] -= dot * a[i];
	n = hypot(hypot(b[0], b[1]), b[2]);
	for (int i = 0; i < 3; i++)
		b[i] /= n;
}

/* R = U diag(1, 1, det(U V^T)) V^T of H (destroyed). Whatever the sign of the third vectors, this is
 * u1 v1^T + u2 v2^T + (u1 x u2)(v1 x v2)^T with those of the two larger singular values: the third never has to be
 * divided by. */
static void
rotation(double R[3][3], double H[3][3])
{
	double V[3][3], s[3], u[3][3], v[3][3];
	int k[3] = { 0, 1, 2 };

	jacobi(H, V);
	for (int j = 0; j < 3; j++)
		s[j] = hypot(hypot(H[0][j], H[1][j]), H[2][j]);
	for (int pass = 0; pass < 3; pass++) {
		int j = pass % 2, t = k[j];
		if (s[k[j]] < s[k[j + 1]])
			k[j] = k[j + 1], k[j + 1] = t;
	}
	if (s[k[0]] == 0) { /* nothing to turn: one point, or all in one place */
		for (int i = 0; i < 3; i++)
			for (int j = 0; j < 3; j++)
				R[i][j] = i == j;
		return;
	}
	for (int i = 0; i < 3; i++) {
		u[0][i] = H[i][k[0]] / s[k[0]], v[0][i] = V[i][k[0]];
		u[1][i] = H[i][k[1]], v[1][i] = V[i][k[1]];
	}
	orthonormal(u[1], u[0], s[k[0]]);
	cross(u[2], u[0], u[1]);
	cross(v[2], v[0], v[1]);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			R[i][j] = u[0][i] * v[0][j] + u[1][i] * v[1][j] + u[2][i] * v[2][j];
}

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

int
bp_align_cpu(struct bp_ctx *cx, const struct bp_align *a)
{
	if (cx->dry)
		return BP_OK;
	for (int b = 0; b < a->b; b++) {
		const float *x = a->x + 3 * (size_t)b * a->atoms, *t = a->target + 3 * (size_t)b * a->atoms;
		double mx[3] = { 0 }, mt[3] = { 0 }, H[3][3] = { { 0 } }, R[3][3], sum = 0;
		for (int n = 0; n < a->atoms; n++) {
			sum += a->w[n];
			for (int i = 0; i < 3; i++) {
				mx[i] += (double)a->w[n] * x[3 * (size_t)n + i];
				mt[i] += (double)a->w[n] * t[3 * (size_t)n + i];
			}
		}
		if (!(sum > 0))
			return no_weight(cx);
		for (int i = 0; i < 3; i++)
			mx[i] /= sum, mt[i] /= sum;
		for (int n = 0; n < a->atoms; n++)
			for (int i = 0; i < 3; i++)
				for (int j = 0; j < 3; j++)
					H[i][j] += a->w[n] * (t[3 * (size_t)n + i] - mt[i])
					    * (x[3 * (size_t)n + j] - mx[j]);
		rotation(R, H);
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
	rotation(m->R, H);
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
			find_motion(m + b, a->w, a->x + 3 * (size_t)b * a->atoms, a->target + 3 * (size_t)b * a->atoms,
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
