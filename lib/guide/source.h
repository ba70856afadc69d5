/* lib/guide/source.h: where a guide has energies and gradients from: a SAXS curve or a radius of gyration in this
 * process (exec.h: another one). What the sampler and guide servers call for all samples of a target. Units: A. */
#ifndef BP_GUIDE_SOURCE_H
#define BP_GUIDE_SOURCE_H

#include "guide/params.h"

struct bp_atoms; /* atoms.h */

enum { BP_SOURCE_COLUMNS = 12 };

struct bp_guide_call {
	int step, steps, gd_step; /* as in doc/guides.md; step = steps: the final samples                  */
	double sigma;
	int samples;
	const double *x;  /* [samples,natoms,3]                                                    */
	double *energy;   /* [samples] out                                                         */
	double *gradient; /* [samples,natoms,3] out, or NULL: not wanted                           */
	double *values;   /* [samples,columns] out                                                 */
};

struct bp_guide_source {
	const char *kind; /* "saxs", "rg", "exec"                              */
	int natoms;       /* padding included                                  */
	int columns;      /* values of a sample, and their names in the log    */
	const char *column[BP_SOURCE_COLUMNS];
	double goal; /* energy at which a Polyak step stops               */
	/* All samples, each for itself. What is held within a diffusion step is found at gd_step 0. BP_ENUM: not finite
	 * numbers; else what the source says. */
	int (*eval)(struct bp_guide_source *s, const struct bp_guide_call *c, struct bp_arena *mem, struct bp_err *err);
	/* Count eval's memory in a dry context. */
	int (*rehearse)(struct bp_guide_source *s, int samples);
	/* Move noisy coordinates x [samples,natoms,3] at noise level sigma, before the network sees them; or NULL. */
	int (*raw)(
	    struct bp_guide_source *s, double *x, int samples, double sigma, struct bp_arena *mem, struct bp_err *err);
	struct bp_guide_params *params; /* may change with exec's first answer */
};

/* samples: the most that eval will be given. Everything lives in mem; a and p must outlive it. The curve is read here.
 * On a card SAXS runs on it but for the fit of a few numbers a q point; Rg is computed on the host, from coordinates that are there already. */
int bp_source_saxs(struct bp_guide_source **ret, struct bp_ctx *cx, const struct bp_atoms *a, struct bp_guide_params *p,
    int samples, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
int bp_source_rg(struct bp_guide_source **ret, struct bp_ctx *cx, const struct bp_atoms *a, struct bp_guide_params *p,
    int samples, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
