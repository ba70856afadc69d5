/* dist_bin_embed: d_ij = |x_i - x_j|; out[i,j,:] += E[number of boundaries below d_ij,:]; dist (may be NULL) receives
 * d. ConfidenceModule of confidencev2.py. DIFFERS: plain differences, not torch.cdist's matrix form, whose error near 0
 * reaches 1e-2 A. */
#ifndef BP_OP_DIST_BIN_EMBED_H
#define BP_OP_DIST_BIN_EMBED_H

#include "ops/ctx.h"

struct bp_dist_bin_embed {
	int n, c, nbound;
	const float *x;             /* [n,3] A, representative atoms */
	const struct bp_weight *boundaries; /* [nbound] rising */
	const struct bp_weight *E;  /* [nbound+1,c] */
	float *dist;                /* [n,n] A or NULL */
	float *out;                 /* [n,n,c] += */
};
typedef int bp_dist_bin_embed_fn(struct bp_ctx *cx, const struct bp_dist_bin_embed *a);
bp_dist_bin_embed_fn bp_dist_bin_embed_cpu, bp_dist_bin_embed_cpu_opt, bp_dist_bin_embed_cuda;

#endif
