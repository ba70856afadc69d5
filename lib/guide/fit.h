/* lib/guide/fit.h: a calculated curve against a measured one: scale, offset, c1 and c2 at their best, and chi2. All in
 * fp64. */
#ifndef BP_FIT_H
#define BP_FIT_H

#include <stdbool.h>

#include "base/arena.h"

enum bp_saxs_level { BP_SAXS_VACUUM, BP_SAXS_EXCLUDED, BP_SAXS_HYDRATION };

struct bp_fit_opt {
	enum bp_saxs_level level;
	bool offset, fit_c1, fit_c2;
	double c1, c2;         /* where they are not fitted                             */
	double c2_min, c2_max; /* scoring: [-2, 4]; guidance: [0, 4]                    */
};
#define BP_FIT_INIT                                                                                                    \
	{                                                                                                              \
		BP_SAXS_HYDRATION, true, false, true, 1.0, 1.0, -2.0, 4.0                                              \
	}

struct bp_fit {
	double chi2, chi2_reduced; /* a plain sum; over n - n_par (at least 1)  */
	double scale, offset, c1, c2;
	int n, n_par;
	bool inverted; /* the best scale was negative and became 0  */
};

struct bp_fit_data {
	int n;                   /* points, >= 1                           */
	const double *q, *y, *w; /* [n] 1/A; intensity; 1 / sigma^2        */
	double mean_volume;      /* A^3, for c1                            */
};

/* Scale >= 0 and offset that minimise sum w (y - scale I - offset)^2: chi2, scale, offset and inverted of f are set. */
void bp_fit_linear(struct bp_fit *f, const struct bp_fit_data *d, const double *I, bool offset);

/* P [6,n] partial profiles (debye.h). Sets f, and calc [n] to the unscaled model at the optimum, g [n] to the factor of
 * the solvent amplitudes there (0 for the level vacuum). scratch [3,n]. */
void bp_fit(struct bp_fit *f, const struct bp_fit_data *d, const double *P, const struct bp_fit_opt *o, double *calc,
    double *g, double *scratch);

#endif
