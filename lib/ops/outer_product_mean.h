/* outer_product_mean: z += proj_o(sum_s a_si (x) b_sj / max(sum_s mask_si mask_sj, 1)) + bias, a = proj_a(LN m) mask, b = proj_b(LN m)
 * mask; the product's index is c(i) * hidden + d(j). layers/outer_product_mean.py. */
#ifndef BP_OP_OUTER_PRODUCT_MEAN_H
#define BP_OP_OUTER_PRODUCT_MEAN_H

#include "ops/ctx.h"

struct bp_outer_product_mean {
	int s, n, c, hidden, cz;    /* s rows of the MSA */
	const float *m;             /* [s,n,c]  */
	const float *mask;          /* [s,n], NULL: all ones */
	const struct bp_weight *nw, *nb; /* [c]  */
	const struct bp_weight *a, *b;   /* [hidden,c] */
	const struct bp_weight *o, *o_b; /* [cz,hidden*hidden], [cz] */
	float *z;                   /* [n,n,cz] += */
};
typedef int bp_outer_product_mean_fn(struct bp_ctx *cx, const struct bp_outer_product_mean *a);
bp_outer_product_mean_fn bp_outer_product_mean_cpu, bp_outer_product_mean_cpu_opt, bp_outer_product_mean_cuda, bp_outer_product_mean_cuda_opt;

#endif
