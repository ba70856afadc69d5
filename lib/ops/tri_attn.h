/* tri_attn: triangle attention around the starting node: for each row i, heads h:
 *   out[i,j] (+)= linear_o(sigmoid(linear_g y_ij) * sum_k softmax_k(q_ij . k_ik / sqrt(d) + bias[h,j,k] + 1e9 (mask_i mask_k - 1)) v_ik)
 * with y = LN(x), bias[h,j,k] = linear(y)_jk; ending: the same on the transposed x (rows and columns swapped in and out).
 * layers/triangular_attention/attention.py. Heads and their width d come from the weights. out may be x when add.
 * The pair mask replaces mask_i mask_k where a pair's mask is no product (affinity).
 * Scores are never held for all n^3 in `optimized`. */
#ifndef BP_OP_TRI_ATTN_H
#define BP_OP_TRI_ATTN_H

#include "ops/members.h"

struct bp_tri_attn_weights {
	struct bp_weight norm, norm_b;  /* [c]         */
	struct bp_weight bias;          /* [heads,c]   */
	struct bp_weight q, k, v, g;    /* [heads*d,c] */
	struct bp_weight o;             /* [c,heads*d] */
};
struct bp_tri_attn {
	int n, c, members;          /* members: targets that do not see each other; 0: 1 */
	bool ending;
	const float *x;             /* [members,n,n,c] */
	const float *mask;          /* [members,n], NULL: all ones */
	const float *pair_mask;     /* [members,n,n], or NULL: the product of mask */
	const struct bp_tri_attn_weights *w;
	bool add;
	float *out;                 /* [members,n,n,c] */
};
typedef int bp_tri_attn_fn(struct bp_ctx *cx, const struct bp_tri_attn *a);
bp_tri_attn_fn bp_tri_attn_cpu, bp_tri_attn_cpu_opt, bp_tri_attn_cuda, bp_tri_attn_cuda_opt;

BP_OVER_MEMBERS(tri_attn)

#endif
