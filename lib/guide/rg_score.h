/* lib/guide/rg_score.h: radii of gyration of conformers, and how far they are from a target. Units: A. */
#ifndef BP_RG_SCORE_H
#define BP_RG_SCORE_H

#include "guide/atoms.h"
#include "guide/params.h"
#include "ops/ctx.h"

struct bp_rg_scorer {
	struct bp_ctx *cx;
	const struct bp_guide_params *p; /* section BP_GUIDE_RG, checked: weights is not NULL */
	double target;                   /* NaN: none                                         */
};

/* *list = an array of a map a sample: final_rg, atoms, kept, method, weights; with a target target_rg, rg_error,
 * rg_relative_error (percent). BP_EINPUT: fewer than 3 atoms are selected. */
int bp_rg_scores(struct bp_val **list, const struct bp_rg_scorer *s, const struct bp_atoms *a, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* A line of JSON on stdout a model of n structure files; a file that fails has one, too, and is counted in *failed. */
int bp_rg_report_files(int *failed, const struct bp_rg_scorer *s, const char *const *path, int n,
    const struct bp_ccd *ccd, struct bp_err *err) BP_MUST_USE;

#endif
