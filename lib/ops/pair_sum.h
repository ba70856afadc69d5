/* pair_sum: out[i,j,:] (+)= a[i,:] + b[j,:]. The outer sums of z_init and of the confidence module. */
#ifndef BP_OP_PAIR_SUM_H
#define BP_OP_PAIR_SUM_H

#include "ops/ctx.h"

struct bp_pair_sum {
	int n, c;
	const float *a, *b;         /* [n,c] */
	bool add;
	float *out;                 /* [n,n,c] */
};
typedef int bp_pair_sum_fn(struct bp_ctx *cx, const struct bp_pair_sum *a);
bp_pair_sum_fn bp_pair_sum_cpu, bp_pair_sum_cpu_opt, bp_pair_sum_cuda;

#endif
