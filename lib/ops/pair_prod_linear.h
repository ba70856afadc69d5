/* pair_prod_linear: out[i,j,:] += W (a[i,:] * b[j,:]). s_to_z_prod of confidencev2.py. */
#ifndef BP_OP_PAIR_PROD_LINEAR_H
#define BP_OP_PAIR_PROD_LINEAR_H

#include "ops/ctx.h"

struct bp_pair_prod_linear {
	int n, c;
	const float *a, *b;         /* [n,c] */
	const struct bp_weight *W;  /* [c,c] */
	float *out;                 /* [n,n,c] += */
};
typedef int bp_pair_prod_linear_fn(struct bp_ctx *cx, const struct bp_pair_prod_linear *a);
bp_pair_prod_linear_fn bp_pair_prod_linear_cpu, bp_pair_prod_linear_cpu_opt, bp_pair_prod_linear_cuda;

#endif
