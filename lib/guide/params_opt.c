/* lib/guide/params_opt.c: the library's options that the keys of params.c stand for. */
#include <string.h>

#include "guide/params.h"

void
bp_guide_saxs_opt(struct bp_saxs_opt *o, const struct bp_guide_params *p)
{
	const char *m = p->model, *d = p->method, *g = p->gradient_method ? p->gradient_method : "analytical";

	*o = (struct bp_saxs_opt)BP_SAXS_INIT;
	o->fit.level = *m == 'v' ? BP_SAXS_VACUUM : *m == 'e' ? BP_SAXS_EXCLUDED : BP_SAXS_HYDRATION;
	o->fit.offset = p->offset, o->fit.fit_c1 = p->fit_c1, o->fit.fit_c2 = p->fit_c2;
	o->fit.c1 = p->c1, o->fit.c2 = p->c2;
	o->fit.c2_min = p->section == BP_SCORE_SAXS ? -2 : 0;
	o->method = *d == 'd' ? BP_DEBYE_DIRECT
	    : *d == 'h'       ? BP_DEBYE_HISTOGRAM
	    : *d == 'q'       ? BP_DEBYE_QUADRATURE
	                      : BP_DEBYE_AUTO;
	o->gradient = strcmp(g, "finite_diff") == 0 ? BP_SAXS_FINITE_DIFF
	    : strcmp(g, "finite_diff_batch") == 0   ? BP_SAXS_FINITE_DIFF_BATCH
	    : *g == 'e'                             ? BP_SAXS_ENERGY_ONLY
	                                            : BP_SAXS_ANALYTIC;
	o->epsilon = p->section == BP_SCORE_SAXS ? o->epsilon : p->gradient_epsilon;
	o->energy_chi2 = strcmp(p->energy, "chi2") == 0;
}

static enum bp_qunit
unit_of(const char *word)
{
	return *word == 'A' ? BP_Q_A : *word == 'n' ? BP_Q_NM : BP_Q_GUESS;
}

void
bp_guide_curve_opt(struct bp_curve_opt *o, const struct bp_guide_params *p)
{
	*o = (struct bp_curve_opt) { .unit = unit_of(p->q_unit) };
	if (p->section != BP_GUIDE_RG) /* there the range is the fit's, the curve is read whole */
		o->q_min = p->q_min, o->q_max = p->q_max, o->max_points = p->max_q_points;
}

void
bp_guide_rg_opt(struct bp_rg_opt *o, const struct bp_guide_params *p)
{
	const char *m = p->rg_calculation_method;

	*o = (struct bp_rg_opt) { .method = *m == 's' ? BP_RG_STANDARD
		    : *m == 'r'                       ? BP_RG_ROBUST
		                                      : BP_RG_TRIMMED,
		.threshold = p->outlier_threshold,
		.target = p->target_rg,
		.k = p->force_constant,
		.k_min = p->min_force_constant,
		.ramp = p->force_ramping,
		.ramp_steps = p->ramping_steps,
		.cap = p->gradient_capping };
}
