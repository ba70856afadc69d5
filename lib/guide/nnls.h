/* lib/guide/nnls.h: least squares with coefficients that are not negative, and with it the mixture of conformers that
 * fits one curve. */
#ifndef BP_NNLS_H
#define BP_NNLS_H

#include "guide/saxs.h"

/* x [n] >= 0 that minimises |A x - y|^2; A [n,m] column by column (each m numbers), y [m]. Lawson & Hanson, Solving
 * Least Squares Problems (1974), chapter 23. BP_ENUM: not finite. */
int bp_nnls(
    double *x, const double *A, const double *y, int m, int n, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

struct bp_ensemble {
	struct bp_fit fit; /* scale: the sum of the weights as fitted; n_par counts the conformers that are used */
	int used;          /* conformers of weight > 0                                                        */
};

/* weights [b] (sum 1) of conformers whose mixture fits the curve best, with one c2 (fitted or given) for all, and c1 as
 * given. P [b,BP_PROFILES,nq], mean_volume [b]. fitted [nq] = the mixture's curve with scale and offset. BP_ENUM:
 * nothing fits. */
int bp_ensemble_fit(struct bp_ensemble *ret, double *weights, double *fitted, const double *P,
    const double *mean_volume, int b, const struct bp_curve *c, const struct bp_fit_opt *o, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
