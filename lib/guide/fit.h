/* lib/guide/fit.h: a calculated curve against a measured one: scale, offset, c1 and c2 at their best, and chi2 (op saxs_fit). */
#ifndef BP_FIT_H
#define BP_FIT_H

#include <stdbool.h>

#include "ops/saxs_fit.h"

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

/* from the values that the op gives of a sample, n points */
static inline struct bp_fit
bp_fit_of(const double values[BP_FIT_VALUES], const struct bp_fit_opt *o, int n)
{
	return (struct bp_fit) { values[BP_FIT_CHI2], values[BP_FIT_REDUCED], values[BP_FIT_SCALE], values[BP_FIT_OFFSET],
		values[BP_FIT_C1], values[BP_FIT_C2], n, bp_fit_parameters(o), values[BP_FIT_INVERTED] != 0 };
}

#endif
