/* lib/guide/saxs.h: the SAXS energy of conformers and its gradient: forward model, fit, chi2. One function for scoring,
 * for guidance in the sampler and for servers. Units: A, 1/A, electrons. */
#ifndef BP_SAXS_H
#define BP_SAXS_H

#include "guide/curve.h"
#include "guide/debye.h"
#include "guide/fit.h"

enum bp_saxs_gradient {
	BP_SAXS_ANALYTIC,
	BP_SAXS_FINITE_DIFF,       /* central, one coordinate after another: 6 n evaluations of the whole curve   */
	BP_SAXS_FINITE_DIFF_BATCH, /* the same 6 n, each from what the moved atom changes: O(n nq) each           */
	BP_SAXS_ENERGY_ONLY        /* the gradient is 0                                                           */
};

struct bp_saxs_opt {
	struct bp_fit_opt fit;
	enum bp_debye_method method;
	enum bp_saxs_gradient gradient;
	double epsilon;   /* A, step of the central differences                       */
	bool energy_chi2; /* energy = chi2; else chi2_reduced                         */
};
#define BP_SAXS_INIT                                                                                                   \
	{                                                                                                              \
		BP_FIT_INIT, BP_DEBYE_AUTO, BP_SAXS_ANALYTIC, 0.1, false                                               \
	}

struct bp_saxs; /* a particle and a curve */

/* All of it lives in mem; cx, p and c must outlive it. BP_EUSAGE: an option out of range; BP_ENUM: sigmas too small or
 * too large to square. */
int bp_saxs_open(struct bp_saxs **ret, struct bp_ctx *cx, const struct bp_particle *p, const struct bp_curve *c,
    const struct bp_saxs_opt *o, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
const struct bp_debye *bp_saxs_debye(const struct bp_saxs *s);

/* exposed [b,n] (by place of the particle) = the exposed fractions of x [b,natoms,3]: part of the level hydration. In
 * guidance once a diffusion step: they are held fixed inside a gradient. */
int bp_saxs_expose(double *exposed, const struct bp_saxs *s, int b, const double *x, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

struct bp_saxs_result {
	double energy;
	struct bp_fit fit;
};

/* b conformers x [b,natoms,3], each for itself. exposed [b,n], or NULL: found here (level hydration), not used
 * (others). ret [b]; grad [b,natoms,3] = d energy / dx, 0 for atoms that do not count, or NULL; calc [b,nq] the
 * unscaled model, or NULL. The gradient sums to zero and has no torque. BP_ENUM: coordinates or results that are not
 * finite. */
int bp_saxs_eval(struct bp_saxs_result *ret, double *grad, double *calc, const struct bp_saxs *s, int b,
    const double *x, const double *exposed, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* In a dry context: count the memory of bp_saxs_expose and an analytic bp_saxs_eval of b conformers, whose atoms fill
 * no more than a sphere of four times the radius that the atoms' volume needs. (They must not run dry themselves: what
 * lies between their ops is computed.) */
int bp_saxs_rehearse(const struct bp_saxs *s, int b) BP_MUST_USE;

/* P [BP_PROFILES,nq] of one conformer x [natoms,3]; exposed [n] as above, NULL with the levels vacuum and excluded. */
int bp_saxs_profiles(double *P, const struct bp_saxs *s, const double *x, const double *exposed, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
