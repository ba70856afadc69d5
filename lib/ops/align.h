/* align: out[b] = x[b] moved rigidly onto target[b], weights w: weighted_rigid_align of loss/diffusionv2.py. Centroids
 * are weighted; covariance sum w target_i x_j, R = U diag(1,1,det(U V^T)) V^T, out = (x - cx) R^T + ct. Rows of weight
 * 0 are moved along. 3x3 SVD in double. out may be x. BP_ENUM: the weights add up to nothing (the optimized CUDA row does not
 * wait to see it: out is NaN then). */
#ifndef BP_OP_ALIGN_H
#define BP_OP_ALIGN_H

#include "ops/ctx.h"

struct bp_align {
	int b, atoms, members;      /* sample i has the weights of target i % members; 0: 1 */
	const float *x, *target;    /* [b,atoms,3] */
	const float *w;             /* [members,atoms] */
	float *out;                 /* [b,atoms,3] */
};
typedef int bp_align_fn(struct bp_ctx *cx, const struct bp_align *a);
bp_align_fn bp_align_cpu, bp_align_cpu_opt, bp_align_cuda, bp_align_cuda_opt;

#endif
