/* debye_weights: the tables G that pair_sinc_force and its like take: the derivative by each Debye sum of an energy whose derivative by the
 * intensity at q is E(q), when the amplitudes are v - g s + c2 a w (debye_profiles.h). fp64 in all rows. */
#ifndef BP_OP_DEBYE_WEIGHTS_H
#define BP_OP_DEBYE_WEIGHTS_H

#include "ops/pairs.h"

struct bp_debye_weights {
	struct bp_pairs p; /* x is not looked at, a only for whether there is a layer */
	int nq;                  /* of a curve, or of a grid of q          */
	const double *E;         /* [b,3,nq] E, E g and E g^2 (grid_spread.h) */
	const double *c2;        /* [b]                                    */
	const double *v, *s, *w; /* [ntypes,nq], [ntypes,nq], [nq]         */
	double *G;               /* [b,rows,nq] out                        */
};
typedef int bp_debye_weights_fn(struct bp_ctx *cx, const struct bp_debye_weights *a);
bp_debye_weights_fn bp_debye_weights_cpu, bp_debye_weights_cuda;

#endif
