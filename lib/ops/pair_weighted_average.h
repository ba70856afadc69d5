/* pair_weighted_average: m_si += proj_o(sigmoid(proj_g y_si) * sum_j softmax_j(proj_z(LN z_ij) + 1e6 (mask_i mask_j - 1)) (proj_m y_sj)),
 * y = LN m, per head. layers/pair_averaging.py. */
#ifndef BP_OP_PAIR_WEIGHTED_AVERAGE_H
#define BP_OP_PAIR_WEIGHTED_AVERAGE_H

#include "ops/ctx.h"

struct bp_pair_weighted_average {
	int s, n, c, cz, heads, d;
	float *m;                   /* [s,n,c] += */
	const float *z;             /* [n,n,cz] */
	const float *mask;          /* [n], NULL: all ones */
	const struct bp_weight *nmw, *nmb;  /* [c]  */
	const struct bp_weight *nzw, *nzb;  /* [cz] */
	const struct bp_weight *pm, *pg;    /* [heads*d,c] */
	const struct bp_weight *pz;         /* [heads,cz]  */
	const struct bp_weight *po;         /* [c,heads*d] */
};
typedef int bp_pair_weighted_average_fn(struct bp_ctx *cx, const struct bp_pair_weighted_average *a);
bp_pair_weighted_average_fn bp_pair_weighted_average_cpu, bp_pair_weighted_average_cpu_opt, bp_pair_weighted_average_cuda, bp_pair_weighted_average_cuda_opt;

#endif
