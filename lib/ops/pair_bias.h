/* pair_bias: for each of L layers, out[l*H+h,r] = W_l[h,:] . LN_l(x[r,:]). The bias projections of attention, transposed so that a
 * head's biases are contiguous. attentionv2.py proj_z, diffusion_conditioning.py *_proj_z. */
#ifndef BP_OP_PAIR_BIAS_H
#define BP_OP_PAIR_BIAS_H

#include "ops/ctx.h"

struct bp_pair_bias_weights {
	struct bp_weight nw, nb;    /* [c] */
	struct bp_weight W;         /* [H,c] */
};
struct bp_pair_bias {
	int64_t rows;
	int c, heads, layers;
	const float *x;             /* [rows,c] */
	const struct bp_pair_bias_weights *w; /* [layers] */
	int64_t stride;             /* from one row of out to the next, at least rows; 0: rows */
	float *out;                 /* [layers*heads,rows] */
};
static inline int64_t
bp_pair_bias_stride(const struct bp_pair_bias *a)
{
	return a->stride ? a->stride : a->rows;
}
typedef int bp_pair_bias_fn(struct bp_ctx *cx, const struct bp_pair_bias *a);
bp_pair_bias_fn bp_pair_bias_cpu, bp_pair_bias_cpu_opt, bp_pair_bias_cuda, bp_pair_bias_cuda_opt;

#endif
