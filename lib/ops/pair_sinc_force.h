/* pair_sinc_force: the gradient of E = sum over pairs and k of g_ij(k) sinc(q_k r_ij), g as in pairs.h from G[row, k]:
 * out_i = sum_j sum_k g_ij(k) (cos q_k r - sinc q_k r) / r (x_i - x_j) / r. Coincident atoms exert no force.
 * optimized: fp32 pair work scaled by the largest |G|, sums over 32 q, then fp64. */
#ifndef BP_OP_PAIR_SINC_FORCE_H
#define BP_OP_PAIR_SINC_FORCE_H

#include "ops/pairs.h"

struct bp_pair_sinc_force {
	struct bp_pairs p;
	int nq;
	const double *q; /* [nq] 1/A, >= 0  */
	const double *G; /* [b,rows,nq]     */
	double *out;     /* [b,n,3]         */
};
typedef int bp_pair_sinc_force_fn(struct bp_ctx *cx, const struct bp_pair_sinc_force *a);
bp_pair_sinc_force_fn bp_pair_sinc_force_cpu, bp_pair_sinc_force_cpu_opt, bp_pair_sinc_force_cuda;

#endif
