#include "ops/saxs_fit.h"

#include "ops/cpu.h"

/* ---- sums over q ---- */

/* weighted means of a, b, c and y */
BP_CLONES static void
means(double mean[4], const double *a, const double *b, const double *c, const double *y, const double *w, int n)
{
	double sa = 0, sb = 0, sc = 0, sy = 0, all = 0;

#pragma omp simd reduction(+ : sa, sb, sc, sy, all)
	for (int k = 0; k < n; k++) {
		all += w[k];
		sa += w[k] * a[k], sb += w[k] * b[k], sc += w[k] * c[k], sy += w[k] * y[k];
	}
	mean[0] = sa / all, mean[1] = sb / all, mean[2] = sc / all, mean[3] = sy / all;
}

BP_CLONES static void
moments(double m[BP_MOMENTS], const double *pa, const double *pb, const double *pc, const double *py, const double *pw, int n,
    const double mean[4])
{
	const double ma = mean[0], mb = mean[1], mc = mean[2], my = mean[3];
	double aa = 0, ab = 0, ac = 0, bb = 0, bc = 0, cc = 0, ay = 0, by = 0, cy = 0;

#pragma omp simd reduction(+ : aa, ab, ac, bb, bc, cc, ay, by, cy)
	for (int k = 0; k < n; k++) {
		double a = pa[k] - ma, b = pb[k] - mb, c = pc[k] - mc, y = py[k] - my, w = pw[k];
		aa += w * a * a, ab += w * a * b, ac += w * a * c, bb += w * b * b, bc += w * b * c, cc += w * c * c;
		ay += w * a * y, by += w * b * y, cy += w * c * y;
	}
	m[BP_M_AA] = aa, m[BP_M_AB] = ab, m[BP_M_AC] = ac, m[BP_M_BB] = bb, m[BP_M_BC] = bc, m[BP_M_CC] = cc;
	m[BP_M_AY] = ay, m[BP_M_BY] = by, m[BP_M_CY] = cy;
}

/* sums of w I^2 and w I y about the means of I and y */
BP_CLONES static void
squares(double *ii, double *iy, const double *I, const double *y, const double *w, int n, double mI, double my)
{
	double sii = 0, siy = 0;

#pragma omp simd reduction(+ : sii, siy)
	for (int k = 0; k < n; k++) {
		sii += w[k] * (I[k] - mI) * (I[k] - mI);
		siy += w[k] * (I[k] - mI) * (y[k] - my);
	}
	*ii = sii, *iy = siy;
}

BP_CLONES static double
misfit(const double *I, const double *y, const double *w, int n, double scale, double offset)
{
	double sum = 0;

#pragma omp simd reduction(+ : sum)
	for (int k = 0; k < n; k++)
		sum += w[k] * (y[k] - scale * I[k] - offset) * (y[k] - scale * I[k] - offset);
	return sum;
}

/* ---- the fit of a sample ---- */

struct problem {
	const struct bp_saxs_fit *f;
	const double *P;
	double *calc, *g, *a, *b; /* [nq] */
	double *values;           /* of the sample */
};

/* scale and offset of calc, and chi2 */
static void
fit_linear(const struct problem *p)
{
	const struct bp_saxs_fit *f = p->f;
	double mean[4] = { 0 }, ii, iy, *v = p->values;

	if (f->o.offset)
		means(mean, p->calc, p->calc, p->calc, f->y, f->w, f->nq);
	squares(&ii, &iy, p->calc, f->y, f->w, f->nq, mean[0], mean[3]);
	v[BP_FIT_INVERTED] = iy < 0;
	v[BP_FIT_SCALE] = iy > 0 && ii > 0 ? iy / ii : 0;
	v[BP_FIT_OFFSET] = f->o.offset ? mean[3] - v[BP_FIT_SCALE] * mean[0] : 0;
	v[BP_FIT_CHI2] = misfit(p->calc, f->y, f->w, f->nq, v[BP_FIT_SCALE], v[BP_FIT_OFFSET]);
}

static double
best_c2(const double m[BP_MOMENTS], double lo, double hi)
{
	double best = -1, rise, a, b, x;
	int at = 0;

	for (int i = 0; i <= BP_FIT_GRID; i++) {
		double gain = bp_fit_gain(&rise, m, lo + (hi - lo) * i / BP_FIT_GRID);
		if (gain > best)
			best = gain, at = i;
	}
	if (!bp_fit_cell(&x, &a, &b, m, at, lo, hi))
		return x;
	for (int i = 0; i < BP_FIT_HALVINGS; i++) {
		double mid = 0.5 * (a + b);
		bp_fit_gain(&rise, m, mid);
		*(rise > 0 ? &a : &b) = mid;
	}
	a = 0.5 * (a + b);
	return best > 0 && bp_fit_gain(&rise, m, a) >= best * (1 - 1e-12) ? a : x;
}

/* chi2 at c1, with c2 at its best */
BP_CLONES static double
at_c1(void *self, double c1)
{
	struct problem *p = self;
	const struct bp_saxs_fit *f = p->f;
	const size_t n = (size_t)f->nq;
	const double *vv = p->P, *vs = vv + n, *ss = vs + n, *vw = ss + n, *sw = vw + n, *ww = sw + n;
	const bool layer = f->o.level == BP_SAXS_HYDRATION;
	double m[BP_MOMENTS], mean[4] = { 0 }, c2 = layer ? f->o.c2 : 0;

	for (size_t k = 0; k < n; k++)
		p->g[k] = bp_fit_g(f->o.level, f->q[k], c1, f->swell);
#pragma omp simd
	for (size_t k = 0; k < n; k++) {
		p->a[k] = vv[k] - p->g[k] * (vs[k] - p->g[k] * ss[k]);
		p->b[k] = layer ? vw[k] - p->g[k] * sw[k] : 0;
	}
	if (layer && f->o.fit_c2) {
		if (f->o.offset)
			means(mean, p->a, p->b, ww, f->y, f->w, f->nq);
		moments(m, p->a, p->b, ww, f->y, f->w, f->nq, mean);
		c2 = best_c2(m, f->o.c2_min, f->o.c2_max);
	}
#pragma omp simd
	for (size_t k = 0; k < n; k++)
		p->calc[k] = p->a[k] + c2 * (p->b[k] + c2 * ww[k]);
	p->values[BP_FIT_C1] = c1, p->values[BP_FIT_C2] = c2;
	fit_linear(p);
	return p->values[BP_FIT_CHI2];
}

int
bp_saxs_fit_cpu(struct bp_ctx *cx, const struct bp_saxs_fit *a)
{
	const int freedom = bp_fit_freedom(&a->o, a->nq);
	const size_t nq = (size_t)a->nq;
	struct bp_mark mark = bp_dev_mark(cx);
	double *scratch;

	BP_DEV_NEW(scratch, nq, cx);
	for (size_t i = 0; i < (size_t)a->b && !cx->dry; i++) {
		double *v = a->values + i * (size_t)a->ld, *E = a->E + i * nq, norm = a->energy_chi2 ? 1 : freedom;
		struct problem p = { a, a->P + i * BP_PROFILES * nq, a->calc + i * nq, a->g + i * nq, E, scratch, v }; /* E comes last */
		if (a->o.fit_c1 && a->o.level != BP_SAXS_VACUUM)
			at_c1(&p, bp_fit_minimum(at_c1, &p, bp_c1_min, bp_c1_max));
		else
			at_c1(&p, a->o.level == BP_SAXS_VACUUM ? 1 : a->o.c1);
		v[BP_FIT_REDUCED] = v[BP_FIT_CHI2] / freedom;
		a->energy[i] = a->energy_chi2 ? v[BP_FIT_CHI2] : v[BP_FIT_REDUCED];
		a->c2[i] = v[BP_FIT_C2];
		for (size_t k = 0; k < nq; k++)
			E[k] = -2 * v[BP_FIT_SCALE] * a->w[k] * (a->y[k] - v[BP_FIT_SCALE] * p.calc[k] - v[BP_FIT_OFFSET]) / norm;
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
