/* lib/guide/fit.c */
#include "guide/fit.h"

#include <math.h>

#include "guide/debye.h"
#include "guide/tables.h"
#include "ops/vec.h"

enum { GRID = 24, STEPS = 80 };
static const double c1_min = 0.95, c1_max = 1.05;

/* weighted mean of x */
BP_CLONES static double
mean(const double *x, const double *w, int n)
{
	double sum = 0, all = 0;

#pragma omp simd reduction(+ : sum, all)
	for (int k = 0; k < n; k++)
		all += w[k], sum += w[k] * x[k];
	return sum / all;
}

/* sums of w dI^2 and w dI dy about the means */
BP_CLONES static void
moments(double *ii, double *iy, const double *I, const double *y, const double *w, int n, double mI, double my)
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
misfit(const double *I, const double *y, const double *w, int n, double a, double b)
{
	double sum = 0;

#pragma omp simd reduction(+ : sum)
	for (int k = 0; k < n; k++)
		sum += w[k] * (y[k] - a * I[k] - b) * (y[k] - a * I[k] - b);
	return sum;
}

void
bp_fit_linear(struct bp_fit *f, const struct bp_fit_data *d, const double *I, bool offset)
{
	double mI = offset ? mean(I, d->w, d->n) : 0, my = offset ? mean(d->y, d->w, d->n) : 0, sii, siy;

	moments(&sii, &siy, I, d->y, d->w, d->n, mI, my);
	f->inverted = siy < 0;
	f->scale = siy > 0 && sii > 0 ? siy / sii : 0;
	f->offset = offset ? my - f->scale * mI : 0;
	f->chi2 = misfit(I, d->y, d->w, d->n, f->scale, f->offset);
}

struct problem {
	const struct bp_fit_data *d;
	const struct bp_fit_opt *o;
	const double *P;
	double *g, *flat, *slope, *calc; /* [n]: I = flat + c2 slope + c2^2 ww at the present c1 */
	struct bp_fit *f;
	bool fit_c2;
};

/* Minimum of a function over [lo, hi]: the best of a grid, then Brent's parabolas and golden sections beside it (Brent,
 * Algorithms for Minimization Without Derivatives, 1973, chapter 5). An end of the box is returned exactly. */
static double
minimum(double (*fn)(struct problem *, double), struct problem *p, double lo, double hi)
{
	const double golden = 0.3819660112501051, tol = 1e-11 * (hi - lo);
	double best = INFINITY, x = lo, w, v, fx, fw, fv, d = 0, e = 0, a, b;
	int at = 0;

	for (int i = 0; i <= GRID; i++) {
		double y = fn(p, lo + (hi - lo) * i / GRID);
		if (y < best)
			best = y, at = i;
	}
	a = lo + (hi - lo) * (at > 0 ? at - 1 : 0) / GRID, b = lo + (hi - lo) * (at < GRID ? at + 1 : GRID) / GRID;
	x = w = v = at == 0 || at == GRID ? a + golden * (b - a) : lo + (hi - lo) * at / GRID;
	fx = fw = fv = fn(p, x);
	for (int step = 0; step < STEPS; step++) {
		double m = 0.5 * (a + b), small = 1e-9 * fabs(x) + tol, u, fu, s = 0, t = 0;
		if (fabs(x - m) <= 2 * small - 0.5 * (b - a))
			break;
		if (fabs(e) > small) { /* a parabola through v, w and x */
			double r = (x - w) * (fx - fv);
			t = (x - v) * (fx - fw);
			s = (x - v) * t - (x - w) * r;
			t = 2 * (t - r);
			s = t > 0 ? -s : s;
			t = fabs(t);
		}
		if (fabs(e) > small && fabs(s) < fabs(0.5 * t * e) && s > t * (a - x) && s < t * (b - x)) {
			e = d;
			d = s / t;
		} else {
			e = x < m ? b - x : a - x;
			d = golden * e;
		}
		u = x + (fabs(d) >= small ? d : d > 0 ? small : -small);
		fu = fn(p, u);
		if (fu <= fx) {
			*(u < x ? &b : &a) = x;
			v = w, fv = fw, w = x, fw = fx, x = u, fx = fu;
		} else {
			*(u < x ? &a : &b) = u;
			if (fu <= fw || w == x)
				v = w, fv = fw, w = u, fw = fu;
			else if (fu <= fv || v == x || v == w)
				v = u, fv = fu;
		}
	}
	return (at == 0 || at == GRID) && best <= fx ? lo + (hi - lo) * at / GRID : x;
}

BP_CLONES static double
at_c2(struct problem *p, double c2)
{
	const double *ww = p->P + BP_P_WW * (size_t)p->d->n;

#pragma omp simd
	for (int k = 0; k < p->d->n; k++)
		p->calc[k] = p->flat[k] + c2 * (p->slope[k] + c2 * ww[k]);
	bp_fit_linear(p->f, p->d, p->calc, p->o->offset);
	p->f->c2 = c2;
	return p->f->chi2;
}

static double
at_c1(struct problem *p, double c1)
{
	const size_t n = (size_t)p->d->n;
	const double *vv = p->P, *vs = vv + n, *ss = vs + n, *vw = ss + n, *sw = vw + n;
	bool layer = p->o->level == BP_SAXS_HYDRATION;

	p->f->c1 = c1;
	for (size_t k = 0; k < n; k++) {
		double g = p->o->level == BP_SAXS_VACUUM ? 0 : bp_f_expansion(p->d->q[k], c1, p->d->mean_volume);
		p->g[k] = g;
		p->flat[k] = vv[k] - g * (vs[k] - g * ss[k]);
		p->slope[k] = layer ? vw[k] - g * sw[k] : 0;
	}
	return at_c2(p, p->fit_c2 ? minimum(at_c2, p, p->o->c2_min, p->o->c2_max) : layer ? p->o->c2 : 0);
}

void
bp_fit(struct bp_fit *f, const struct bp_fit_data *d, const double *P, const struct bp_fit_opt *o, double *calc,
    double *g, double *scratch)
{
	bool fit_c1 = o->fit_c1 && o->level != BP_SAXS_VACUUM, fit_c2 = o->fit_c2 && o->level == BP_SAXS_HYDRATION;
	struct problem p = { d, o, P, g, scratch, scratch + d->n, calc, f, fit_c2 };

	*f = (struct bp_fit) { .n = d->n, .n_par = 1 + o->offset + fit_c1 + fit_c2 };
	at_c1(&p, fit_c1 ? minimum(at_c1, &p, c1_min, c1_max) : o->level == BP_SAXS_VACUUM ? 1 : o->c1);
	f->chi2_reduced = f->chi2 / (f->n > f->n_par ? f->n - f->n_par : 1);
}
