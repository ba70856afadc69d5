/* tri_mul: triangle multiplication, out (+)= p_out(LN_out(sum_k a b)) * sigmoid(g_out y), y = LN_in(x), [a, b] = chunks of
 * (p_in y * sigmoid(g_in y)) * mask_i mask_j; outgoing a_ik b_jk, incoming a_ki b_kj. layers/triangular_mult.py.
 * The pair mask replaces mask_i mask_j where a pair's mask is no product (affinity). out may be x when add. */
#ifndef BP_OP_TRI_MUL_H
#define BP_OP_TRI_MUL_H

#include "ops/members.h"

struct bp_tri_mul_weights {
	struct bp_weight norm_in, norm_in_b;   /* [c] */
	struct bp_weight p_in, g_in;           /* [2c,c] */
	struct bp_weight norm_out, norm_out_b; /* [c] */
	struct bp_weight p_out, g_out;         /* [c,c] */
};
struct bp_tri_mul {
	int n, c, members;          /* members: targets that do not see each other; 0: 1 */
	bool incoming;
	const float *x;             /* [members,n,n,c] */
	const float *mask;          /* [members,n] 1 or 0, NULL: all ones */
	const float *pair_mask;     /* [members,n,n], or NULL: the product of mask */
	const struct bp_tri_mul_weights *w;
	bool add;
	float *out;                 /* [members,n,n,c] */
};
typedef int bp_tri_mul_fn(struct bp_ctx *cx, const struct bp_tri_mul *a);
bp_tri_mul_fn bp_tri_mul_cpu, bp_tri_mul_cpu_opt, bp_tri_mul_cuda, bp_tri_mul_cuda_opt;

BP_OVER_MEMBERS(tri_mul)

#endif
