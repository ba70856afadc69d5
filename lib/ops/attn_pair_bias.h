/* attn_pair_bias: out += gate * proj_o(sigmoid(proj_g x) * softmax(q k^T / sqrt(d) + bias + mask) v), d = c / heads; keys of
 * mask 0 get -1e6. layers/attentionv2.py. Sequence i of the b has the bias, mask and gate of target i % members: samples share them. x is normalised by
 * the caller; x must not be out. */
#ifndef BP_OP_ATTN_PAIR_BIAS_H
#define BP_OP_ATTN_PAIR_BIAS_H

#include "ops/members.h"

struct bp_attn_weights {
	struct bp_weight q, q_b, k, v, g, o;  /* [c,c], [c], [c,c] ... */
};
struct bp_attn_pair_bias {
	int b, n, c, heads, members; /* members divides b; 0: 1 */
	const float *x;             /* [b,n,c]   */
	const float *bias;          /* [heads,members,n,n] query, key */
	const float *mask;          /* [members,n] 1 or 0, NULL: all ones */
	const float *gate;          /* [members,n,c] or NULL: 1 */
	const struct bp_attn_weights *w;
	float *out;                 /* [b,n,c]   */
};
typedef int bp_attn_pair_bias_fn(struct bp_ctx *cx, const struct bp_attn_pair_bias *a);
bp_attn_pair_bias_fn bp_attn_pair_bias_cpu, bp_attn_pair_bias_cpu_opt, bp_attn_pair_bias_cuda, bp_attn_pair_bias_cuda_opt;

#endif
