/* guide_end: what the guides' steps of a diffusion step come to: delta = x - kept, scaled as a whole by
 * min(1, most / longest), so that its net translation and torque stay as they are, onto kept. What did not move keeps its
 * bits. fp64 in all rows. */
#ifndef BP_OP_GUIDE_END_H
#define BP_OP_GUIDE_END_H

#include "ops/ctx.h"

enum { BP_END_LONGEST, BP_END_SCALED, BP_END_VALUES }; /* the longest |delta| that is left, A; the factor */

struct bp_guide_end {
	int b, n;
	double most;       /* A, that an atom may move; 0: no cap */
	const float *kept; /* [b,n,3] A                           */
	const double *x;   /* [b,n,3] A                           */
	float *to;         /* [b,n,3] out, A; may be kept         */
	double *values;    /* [b,BP_END_VALUES] out               */
};
typedef int bp_guide_end_fn(struct bp_ctx *cx, const struct bp_guide_end *a);
bp_guide_end_fn bp_guide_end_cpu, bp_guide_end_cuda;

#endif
