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
/* Keep in device memory what all calls need (debye.h), for conformers within radius A of their centres; and drop it. */
int bp_saxs_keep(struct bp_saxs *s, double radius) BP_MUST_USE;
void bp_saxs_drop(struct bp_saxs *s);
/* Radius of the sphere that the volume of the atoms fills, A. */
double bp_saxs_sphere(const struct bp_saxs *s);

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

/* The same on the device, which nothing here waits for where the radius is given; all pointers are device memory. What bp_debye_keep
 * keeps is not brought anew. An analytic gradient at a time. */
enum { BP_SAXS_RADIUS = BP_FIT_VALUES, BP_SAXS_VALUES }; /* values beyond the fit's: the radius of centre_atoms.h */
struct bp_saxs_run {
	int b, ld;         /* ld >= BP_SAXS_VALUES                                                        */
	const double *x;   /* [b,natoms,3]                                                                */
	double radius;     /* A, that no atom goes beyond from the centre: who gives it looks at values afterwards; 0: it is asked for,
	                    * and BP_ENUM when coordinates are not finite */
	double *exposed;   /* [b,n] by place: in, or out with expose; NULL without layer                  */
	bool expose;
	double *energy;    /* [b] out                                                                     */
	double *values;    /* [b,ld] out                                                                  */
	double *P, *calc;  /* [b,BP_PROFILES,nq], [b,nq] out, or NULL                                     */
	double *gradient;  /* [b,n,3] out, by place, or NULL                                              */
};
int bp_saxs_run(const struct bp_saxs *s, const struct bp_saxs_run *r) BP_MUST_USE;

/* In a dry context: count the memory of bp_saxs_expose and an analytic bp_saxs_eval of b conformers, whose atoms fill
 * no more than a sphere of four times the radius that the atoms' volume needs; bp_saxs_run dry counts the same size. */
int bp_saxs_rehearse(const struct bp_saxs *s, int b) BP_MUST_USE;

/* P [BP_PROFILES,nq] of one conformer x [natoms,3]; exposed [n] as above, NULL with the levels vacuum and excluded. */
int bp_saxs_profiles(double *P, const struct bp_saxs *s, const double *x, const double *exposed) BP_MUST_USE;

#endif
