/* saxs_fit: calculated curves against a measured one, each of b samples for itself: scale, offset, c1 and c2 at their best, chi2, and the
 * derivative of the energy by each intensity. With I(q) = vv - G vs + G^2 ss + c2 (vw - G sw) + c2^2 ww of debye_profiles.h,
 * G = c1^3 exp(-q^2 (c1^2 - 1) swell),
 *
 *	chi2 = sum_k w_k (y_k - scale I_k - offset)^2,   energy = chi2, or chi2 over n - n_par (at least 1).
 *
 * Scale (never below 0) and offset are known for given c1 and c2. So chi2 is a function of c2 alone through ten sums over q, the weighted
 * moments of vv - G vs + G^2 ss, vw - G sw, ww and y, and its minimum over c2's box costs no further sums; where c1 is fitted, the same for
 * each c1 that is tried. chi2 is then found anew at the optimum. What is fitted sits at its optimum or on the edge
 * of its box, so that E is all of the derivative. fp64 in all rows; chi2 within 1e-10 of its minimum. */
#ifndef BP_OP_SAXS_FIT_H
#define BP_OP_SAXS_FIT_H

#include <math.h>

#include "ops/ctx.h"
#include "ops/debye_profiles.h"
#include "ops/host_device.h"

enum bp_saxs_level { BP_SAXS_VACUUM, BP_SAXS_EXCLUDED, BP_SAXS_HYDRATION };

struct bp_fit_opt {
	enum bp_saxs_level level;
	bool offset, fit_c1, fit_c2;
	double c1, c2;         /* where they are not fitted                             */
	double c2_min, c2_max; /* scoring: [-2, 4]; guidance: [0, 4]                    */
};

/* of a sample's values; INVERTED: 1 where the best scale was negative and became 0 */
enum { BP_FIT_CHI2, BP_FIT_REDUCED, BP_FIT_SCALE, BP_FIT_OFFSET, BP_FIT_C1, BP_FIT_C2, BP_FIT_INVERTED, BP_FIT_VALUES };

struct bp_saxs_fit {
	int b, nq, ld; /* ld >= BP_FIT_VALUES */
	struct bp_fit_opt o;
	bool energy_chi2;
	double swell;            /* A^2: V^(2/3) / 4 pi, V the atoms' mean volume           */
	const double *q, *y, *w; /* [nq] 1/A; intensity; 1 / sigma^2                        */
	const double *P;         /* [b,BP_PROFILES,nq]                                      */
	double *energy, *c2;     /* [b] out                                                 */
	double *values;          /* [b,ld] out, the first BP_FIT_VALUES of each             */
	double *calc, *E, *g;    /* [b,nq] out: I; d energy / dI; G, 0 for the level vacuum */
};
typedef int bp_saxs_fit_fn(struct bp_ctx *cx, const struct bp_saxs_fit *a);
bp_saxs_fit_fn bp_saxs_fit_cpu, bp_saxs_fit_cuda;

/* parameters that are fitted */
static BP_HOST_DEVICE inline int
bp_fit_parameters(const struct bp_fit_opt *o)
{
	return 1 + o->offset + (o->fit_c1 && o->level != BP_SAXS_VACUUM) + (o->fit_c2 && o->level == BP_SAXS_HYDRATION);
}

static BP_HOST_DEVICE inline int
bp_fit_freedom(const struct bp_fit_opt *o, int nq)
{
	int n = nq - bp_fit_parameters(o);

	return n > 0 ? n : 1;
}

/* G at q */
static BP_HOST_DEVICE inline double
bp_fit_g(enum bp_saxs_level level, double q, double c1, double swell)
{
	return level == BP_SAXS_VACUUM ? 0 : c1 == 1 ? 1 : c1 * c1 * c1 * exp(-q * q * (c1 * c1 - 1) * swell);
}

/* Moments of a, b, c and y, where I = a + c2 b + c2^2 c: sums of w times products, about the weighted means where there is an offset. */
enum { BP_M_AA, BP_M_AB, BP_M_AC, BP_M_BB, BP_M_BC, BP_M_CC, BP_M_AY, BP_M_BY, BP_M_CY, BP_MOMENTS };

/* sums of w I y (returned) and of w I^2 at c2, about the means */
static BP_HOST_DEVICE inline double
bp_fit_products(double *ii, const double m[BP_MOMENTS], double c2)
{
	*ii = m[BP_M_AA] + c2 * (2 * m[BP_M_AB] + c2 * (m[BP_M_BB] + 2 * m[BP_M_AC] + c2 * (2 * m[BP_M_BC] + c2 * m[BP_M_CC])));
	return m[BP_M_AY] + c2 * (m[BP_M_BY] + c2 * m[BP_M_CY]);
}

/* What the best scale takes off sum w y^2 at c2 (0 where it would be negative). *rise has the sign of its derivative: it comes from
 * no difference of near numbers, and so finds the maximum to more digits than the gain itself. */
static BP_HOST_DEVICE inline double
bp_fit_gain(double *rise, const double m[BP_MOMENTS], double c2)
{
	double ii, iy = bp_fit_products(&ii, m, c2), square = m[BP_M_BB] + 2 * m[BP_M_AC];
	double diy = m[BP_M_BY] + 2 * c2 * m[BP_M_CY];
	double dii = 2 * m[BP_M_AB] + c2 * (2 * square + c2 * (6 * m[BP_M_BC] + c2 * 4 * m[BP_M_CC]));

	*rise = iy > 0 ? 2 * diy * ii - iy * dii : diy;
	return iy > 0 && ii > 0 ? iy * iy / ii : 0;
}

/* Where c2 is looked for: points of a grid over its box, and how often the cell beside the best of them is halved. */
enum { BP_FIT_GRID = 24, BP_FIT_HALVINGS = 54 };
static const double bp_c1_min = 0.95, bp_c1_max = 1.05;

/* *x = the grid's point `at`, the best, and *a .. *b the cells beside it, where the maximum is. False: x is the end of the box, and the maximum. */
static BP_HOST_DEVICE inline bool
bp_fit_cell(double *x, double *a, double *b, const double m[BP_MOMENTS], int at, double lo, double hi)
{
	double rise;

	*x = lo + (hi - lo) * at / BP_FIT_GRID;
	*a = lo + (hi - lo) * (at > 0 ? at - 1 : 0) / BP_FIT_GRID;
	*b = lo + (hi - lo) * (at < BP_FIT_GRID ? at + 1 : BP_FIT_GRID) / BP_FIT_GRID;
	bp_fit_gain(&rise, m, *x);
	return !((at == 0 && rise <= 0) || (at == BP_FIT_GRID && rise >= 0));
}

/* Minimum of a function over [lo, hi]: the best of a grid, then Brent's parabolas and golden sections beside it (Brent,
 * Algorithms for Minimization Without Derivatives, 1973, chapter 5). An end of the box is returned exactly. On a card all
 * threads of a block call it together, and fn gives all of them the same number. */
static BP_HOST_DEVICE inline double
bp_fit_minimum(double (*fn)(void *, double), void *self, double lo, double hi)
{
	const double golden = 0.3819660112501051, tol = 1e-11 * (hi - lo);
	double best = INFINITY, x, w, v, fx, fw, fv, d = 0, e = 0, a, b;
	int at = 0;

	for (int i = 0; i <= BP_FIT_GRID; i++) {
		double y = fn(self, lo + (hi - lo) * i / BP_FIT_GRID);
		if (y < best)
			best = y, at = i;
	}
	a = lo + (hi - lo) * (at > 0 ? at - 1 : 0) / BP_FIT_GRID;
	b = lo + (hi - lo) * (at < BP_FIT_GRID ? at + 1 : BP_FIT_GRID) / BP_FIT_GRID;
	x = w = v = at == 0 || at == BP_FIT_GRID ? a + golden * (b - a) : lo + (hi - lo) * at / BP_FIT_GRID;
	fx = fw = fv = fn(self, x);
	for (int step = 0; step < 80; step++) {
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
		fu = fn(self, u);
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
	return (at == 0 || at == BP_FIT_GRID) && best <= fx ? lo + (hi - lo) * at / BP_FIT_GRID : x;
}

#endif
