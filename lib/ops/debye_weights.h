/* debye_weights: the tables G that pair_sinc_force and its like take: the derivative by each Debye sum of an energy whose derivative by the
 * intensity at q point k is E[k], when the amplitudes are v - g s + c2 a w (debye_profiles.h). fp64 in all rows. */
#ifndef BP_OP_DEBYE_WEIGHTS_H
#define BP_OP_DEBYE_WEIGHTS_H

#include "ops/pairs.h"
#include "ops/q_grid.h"

struct bp_debye_weights {
	struct bp_pairs p; /* x is not looked at, a only for whether there is a layer */
	int nq;
	struct bp_q_grid grid;   /* of G, where it is to have one          */
	const double *E, *g;     /* [b,nq], [b,nq]                         */
	const double *c2;        /* [b]                                    */
	const double *v, *s, *w; /* [ntypes,nq], [ntypes,nq], [nq]         */
	double *G;               /* [b,rows,nq] out, on a grid [b,rows,n]  */
};
typedef int bp_debye_weights_fn(struct bp_ctx *cx, const struct bp_debye_weights *a);
bp_debye_weights_fn bp_debye_weights_cpu, bp_debye_weights_cuda;

#endif
