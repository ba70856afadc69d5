/* lib/guide/nnls.c: contents: least squares over chosen columns, NNLS, mixtures of conformers. */
#include "guide/nnls.h"

#include <math.h>
#include <string.h>

#include "guide/tables.h"

/* ---- least squares over the columns at[0 .. k - 1], by Householder reflections ---- */

static double
dot(const double *a, const double *b, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* z [k]; Q [(k+1) m] scratch. A column that depends on those before it gets 0. */
static void
solve(double *z, double *Q, const double *A, const double *y, const int *at, int m, int k)
{
	double *r = Q + (size_t)k * m; /* the right side */

	for (int j = 0; j < k; j++)
		memcpy(Q + (size_t)j * m, A + (size_t)at[j] * m, (size_t)m * sizeof *Q);
	memcpy(r, y, (size_t)m * sizeof *r);
	for (int j = 0; j < k; j++) { /* z[j] holds R's diagonal meanwhile */
		double *v = Q + (size_t)j * m, whole = sqrt(dot(A + (size_t)at[j] * m, A + (size_t)at[j] * m, m));
		double left = j < m ? sqrt(dot(v + j, v + j, m - j)) : 0, norm;
		z[j] = 0;
		if (!(left > 1e-12 * whole))
			continue;
		z[j] = v[j] > 0 ? -left : left;
		v[j] -= z[j];
		norm = dot(v + j, v + j, m - j);
		for (int c = j + 1; c <= k; c++) {
			double *u = Q + (size_t)c * m, s = 2 * dot(v + j, u + j, m - j) / norm;
			for (int i = j; i < m; i++)
				u[i] -= s * v[i];
		}
	}
	for (int j = k - 1; j >= 0; j--) {
		double sum = j < m ? r[j] : 0;
		for (int c = j + 1; c < k; c++)
			sum -= Q[(size_t)c * m + (size_t)j] * z[c];
		z[j] = z[j] != 0 ? sum / z[j] : 0;
	}
}

/* ---- NNLS ---- */

struct nnls {
	const double *A, *y;
	int m, n, k;
	int *at;               /* [n] the k columns that may be above 0 */
	double *x, *z, *w, *r; /* [n], [n], [n] A^T r, [m] y - A x     */
	double *Q;
};

static void
residual(struct nnls *s)
{
	memcpy(s->r, s->y, (size_t)s->m * sizeof *s->r);
	for (int j = 0; j < s->k; j++)
		for (int i = 0; i < s->m; i++)
			s->r[i] -= s->x[s->at[j]] * s->A[(size_t)s->at[j] * s->m + (size_t)i];
	for (int j = 0; j < s->n; j++)
		s->w[j] = dot(s->A + (size_t)j * s->m, s->r, s->m);
}

/* the column that promises most, among those not chosen; -1: none */
static int
next_column(const struct nnls *s, const char *barred)
{
	double best = 0;
	int column = -1;

	for (int j = 0; j < s->n; j++) {
		const double *a = s->A + (size_t)j * s->m;
		double size = sqrt(dot(a, a, s->m)), gain;
		bool chosen = barred[j];
		for (int i = 0; i < s->k && !chosen; i++)
			chosen = s->at[i] == j;
		gain = size > 0 ? s->w[j] / size : 0; /* compared with rounding errors of the residual */
		if (!chosen && gain > best && gain > 1e-11 * sqrt(dot(s->y, s->y, s->m)))
			best = gain, column = j;
	}
	return column;
}

/* from x to the solution over the chosen columns; those that would be negative leave on the way */
static void
settle(struct nnls *s)
{
	for (;;) {
		double step = 1;
		int kept = 0;
		solve(s->z, s->Q, s->A, s->y, s->at, s->m, s->k);
		for (int j = 0; j < s->k; j++)
			if (s->z[j] <= 0 && s->x[s->at[j]] / (s->x[s->at[j]] - s->z[j]) < step)
				step = s->x[s->at[j]] / (s->x[s->at[j]] - s->z[j]);
		for (int j = 0; j < s->k; j++)
			s->x[s->at[j]] = step == 1 ? s->z[j] : s->x[s->at[j]] + step * (s->z[j] - s->x[s->at[j]]);
		if (step == 1)
			return;
		for (int j = 0; j < s->k; j++) {
			bool stays = s->x[s->at[j]] > 0 && !(s->z[j] <= 0 && s->x[s->at[j]] <= 1e-14 * fabs(s->z[j]));
			if (stays)
				s->at[kept++] = s->at[j];
			else
				s->x[s->at[j]] = 0;
		}
		s->k = kept;
	}
}

int
bp_nnls(double *x, const double *A, const double *y, int m, int n, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	const int most = n < m ? n : m;
	struct nnls s = { .A = A, .y = y, .m = m, .n = n, .x = x };
	char *barred;

	BP_NEW(s.at, n, mem, err);
	BP_NEW(s.z, 2 * (size_t)n, mem, err);
	BP_NEW(s.r, m, mem, err);
	BP_NEW(s.Q, (size_t)(most + 2) * m, mem, err);
	BP_NEW(barred, n, mem, err);
	s.w = s.z + n;
	memset(x, 0, (size_t)n * sizeof *x);
	for (int turn = 0; turn < 3 * n; turn++) {
		int j;
		residual(&s);
		if (s.k == most || (j = next_column(&s, barred)) < 0)
			break;
		s.at[s.k++] = j;
		settle(&s);
		if (x[j] == 0) /* its gain was rounding */
			barred[j] = 1;
		else
			memset(barred, 0, (size_t)n);
	}
	for (int j = 0; j < n; j++)
		if (!isfinite(x[j]))
			return BP_FAIL(err, BP_ENUM, NULL, "the least-squares problem has no finite answer");
	bp_arena_release(mem, mark);
	return BP_OK;
}

/* ---- mixtures ---- */

struct mixture {
	const double *P, *mean_volume;
	int b;
	const struct bp_curve *c;
	const struct bp_fit_opt *o;
	double *I, *A, *y, *x; /* [b,nq] curves; the same centred and over sigma; [nq]; [b] */
	double my;
	struct bp_arena *mem;
	struct bp_err *err;
};

/* curves at c2, their coefficients and chi2 */
static int
mix_at(double *chi2, struct mixture *s, double c2)
{
	const struct bp_curve *c = s->c;
	const size_t nq = (size_t)c->n;
	const double c1 = s->o->level == BP_SAXS_VACUUM ? 1 : s->o->c1;
	double all = 0;

	for (int i = 0; i < s->b; i++) {
		const double *vv = s->P + (size_t)i * BP_PROFILES * nq, *vs = vv + nq, *ss = vs + nq, *vw = ss + nq,
		             *sw = vw + nq, *ww = sw + nq;
		double *I = s->I + (size_t)i * nq, *A = s->A + (size_t)i * nq, mean = 0;
		all = 0;
		for (size_t k = 0; k < nq; k++) {
			double g = s->o->level == BP_SAXS_VACUUM ? 0 : bp_f_expansion(c->q[k], c1, s->mean_volume[i]);
			double w = 1 / (c->sigma[k] * c->sigma[k]);
			I[k] = vv[k] - g * (vs[k] - g * ss[k]);
			if (s->o->level == BP_SAXS_HYDRATION)
				I[k] += c2 * (vw[k] - g * sw[k] + c2 * ww[k]);
			mean += w * I[k], all += w;
		}
		mean = s->o->offset ? mean / all : 0;
		for (size_t k = 0; k < nq; k++)
			A[k] = (I[k] - mean) / c->sigma[k];
	}
	BP_TRY(bp_nnls(s->x, s->A, s->y, c->n, s->b, s->mem, s->err));
	*chi2 = 0;
	for (size_t k = 0; k < nq; k++) {
		double left = s->y[k];
		for (int i = 0; i < s->b; i++)
			if (s->x[i] > 0)
				left -= s->x[i] * s->A[(size_t)i * nq + k];
		*chi2 += left * left;
	}
	return BP_OK;
}

/* the best c2: of a grid, then golden sections about it */
static int
best_c2(double *ret, struct mixture *s)
{
	enum { GRID = 24, STEPS = 30 };
	const double lo = s->o->c2_min, hi = s->o->c2_max, golden = 0.6180339887498949;
	double best = INFINITY, a, b, x, y, fx, fy;
	int at = 0;

	for (int i = 0; i <= GRID; i++) {
		BP_TRY(mix_at(&fx, s, lo + (hi - lo) * i / GRID));
		if (fx < best)
			best = fx, at = i;
	}
	*ret = lo + (hi - lo) * at / GRID;
	a = lo + (hi - lo) * (at > 0 ? at - 1 : 0) / GRID, b = lo + (hi - lo) * (at < GRID ? at + 1 : GRID) / GRID;
	x = b - golden * (b - a), y = a + golden * (b - a);
	BP_TRY(mix_at(&fx, s, x));
	BP_TRY(mix_at(&fy, s, y));
	for (int step = 0; step < STEPS; step++) {
		if (fx < fy) {
			b = y, y = x, fy = fx, x = b - golden * (b - a);
			BP_TRY(mix_at(&fx, s, x));
		} else {
			a = x, x = y, fx = fy, y = a + golden * (b - a);
			BP_TRY(mix_at(&fy, s, y));
		}
	}
	if (fmin(fx, fy) < best)
		*ret = fx < fy ? x : y;
	return BP_OK;
}

int
bp_ensemble_fit(struct bp_ensemble *ret, double *weights, double *fitted, const double *P, const double *mean_volume,
    int b, const struct bp_curve *c, const struct bp_fit_opt *o, struct bp_arena *mem, struct bp_err *err)
{
	const bool layer = o->level == BP_SAXS_HYDRATION, fit_c2 = layer && o->fit_c2;
	const size_t nq = (size_t)c->n;
	struct bp_mark mark = bp_arena_mark(mem);
	struct mixture s = { P, mean_volume, b, c, o, .x = weights, .mem = mem, .err = err };
	double c2 = layer ? o->c2 : 0, sum = 0, mean = 0, all = 0;

	BP_NEW(s.I, 2 * (size_t)b * nq, mem, err);
	BP_NEW(s.y, nq, mem, err);
	s.A = s.I + (size_t)b * nq;
	for (size_t k = 0; k < nq; k++)
		s.my += c->i[k] / (c->sigma[k] * c->sigma[k]), all += 1 / (c->sigma[k] * c->sigma[k]);
	s.my = o->offset ? s.my / all : 0;
	for (size_t k = 0; k < nq; k++)
		s.y[k] = (c->i[k] - s.my) / c->sigma[k];
	if (fit_c2)
		BP_TRY(best_c2(&c2, &s));
	*ret = (struct bp_ensemble) { .fit = { .n = c->n, .c1 = o->c1, .c2 = c2 } };
	BP_TRY(mix_at(&ret->fit.chi2, &s, c2));
	for (int i = 0; i < b; i++)
		sum += weights[i], ret->used += weights[i] > 0;
	if (!(sum > 0) || !isfinite(sum) || !isfinite(ret->fit.chi2))
		return BP_FAIL(
		    err, BP_ENUM, "is it the right curve?", "%s: no mixture of the %d conformers fits", c->path, b);
	for (size_t k = 0; k < nq; k++) {
		fitted[k] = 0;
		for (int i = 0; i < b; i++)
			fitted[k] += weights[i] * s.I[(size_t)i * nq + k];
		mean += fitted[k] / (c->sigma[k] * c->sigma[k]) / all;
	}
	ret->fit.offset = o->offset ? s.my - mean : 0;
	for (size_t k = 0; k < nq; k++)
		fitted[k] += ret->fit.offset;
	for (int i = 0; i < b; i++)
		weights[i] /= sum;
	ret->fit.scale = sum;
	ret->fit.n_par = ret->used + o->offset + fit_c2;
	ret->fit.chi2_reduced = ret->fit.chi2 / (c->n > ret->fit.n_par ? c->n - ret->fit.n_par : 1);
	bp_arena_release(mem, mark);
	return BP_OK;
}
