/* pair_force: gradients from tables of forces: out_i = sum_j F_ij(r_ij) (x_i - x_j) / r_ij, where F_ij = F[t_i t_j] +
 * a_j F[t_i w] + a_i F[t_j w] + a_i a_j F[w w] (pairs.h) is interpolated linearly between bins k h. Coincident atoms
 * exert no force. Every distance must be below (bins - 1) h; beyond, the last bin counts. optimized: fp32 pair work (x little
 * farther from the origin than from its centre), scaled by the largest |F|; a table that is not finite gives, on cards, a gradient that is not. */
#ifndef BP_OP_PAIR_FORCE_H
#define BP_OP_PAIR_FORCE_H

#include "ops/pairs.h"

struct bp_pair_force {
	struct bp_pairs p;
	int bins;        /* >= 2              */
	double h;        /* A                 */
	const double *F; /* [b,rows,bins]     */
	double *out;     /* [b,n,3]           */
};
typedef int bp_pair_force_fn(struct bp_ctx *cx, const struct bp_pair_force *a);
bp_pair_force_fn bp_pair_force_cpu, bp_pair_force_cpu_opt, bp_pair_force_cuda, bp_pair_force_cuda_opt;

#endif
