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

/* ---- keys without effect ---- */

bool
bp_guide_has_effect(const struct bp_guide_key *k)
{
	static const char *const idle[] = { "voxel_size", "oversampling", "resampling_weight" };

	for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
		if (strcmp(k->name, idle[i]) == 0)
			return false;
	return true;
}

int
bp_guide_add_idle(const char **list, const char *name, struct bp_arena *mem, struct bp_err *err)
{
	if (*list && strstr(*list, name))
		return BP_OK;
	*list = *list ? bp_sprintf(mem, err, "%s, %s", *list, name) : bp_strdup(mem, name, err);
	return *list ? BP_OK : BP_EMEM;
}

static bool
is_key_of(int section, const char *name)
{
	const struct bp_guide_key *k;

	for (int i = 0; (k = bp_guide_key(i)); i++)
		if ((k->sections & section) && strcmp(k->name, name) == 0)
			return true;
	return false;
}

/* does p have the value of the key that q has? */
static bool
same_value(const struct bp_guide_key *k, const struct bp_guide_params *p, const struct bp_guide_params *q)
{
	const char *a = (const char *)p + k->field, *b = (const char *)q + k->field, *s, *t;

	switch (k->type) {
	case BP_OPT_FLAG:
		return *(const bool *)a == *(const bool *)b;
	case BP_OPT_INT:
		return *(const int *)a == *(const int *)b;
	case BP_OPT_NUM:
		return memcmp(a, b, sizeof(double)) == 0; /* not given is NaN */
	default:
		s = *(const char *const *)a, t = *(const char *const *)b;
		return s == t || (s && t && strcmp(s, t) == 0);
	}
}

int
bp_guide_idle(const char **ret, const struct bp_guide_params *p, int of, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_guide_key *k;
	struct bp_guide_params initial;

	*ret = NULL;
	bp_guide_defaults(&initial, of);
	for (int i = 0; (k = bp_guide_key(i)); i++) {
		bool elsewhere = p->section != of && strcmp(k->name, "experimental_data") && !is_key_of(p->section, k->name);
		if ((k->sections & of) && (elsewhere || !bp_guide_has_effect(k)) && !same_value(k, p, &initial))
			BP_TRY(bp_guide_add_idle(ret, k->name, mem, err));
	}
	if (p->fit_c1 && p->c1 != initial.c1)
		BP_TRY(bp_guide_add_idle(ret, "c1" BP_GUIDE_FITTED, mem, err));
	if (p->fit_c2 && p->c2 != initial.c2)
		BP_TRY(bp_guide_add_idle(ret, "c2" BP_GUIDE_FITTED, mem, err));
	return BP_OK;
}
