/* pair_head: logits[i,j,:] = W (z_ij [+ z_ji if symmetric]) + b, W = W_other instead where asym_id differ (W_other may be NULL). Distogram of
 * trunkv2.py, PAE and PDE heads of confidencev2.py (their sums over masks with one zero term are a choice). */
#ifndef BP_OP_PAIR_HEAD_H
#define BP_OP_PAIR_HEAD_H

#include "ops/ctx.h"

struct bp_pair_head {
	int n, c;
	bool symmetric;
	const float *z;             /* [n,n,c] */
	const int32_t *asym_id;     /* [n], only read with W_other */
	const struct bp_weight *W, *W_other; /* [bins,c] */
	const struct bp_weight *b;  /* [bins] or NULL */
	float *out;                 /* [n,n,bins] */
};
typedef int bp_pair_head_fn(struct bp_ctx *cx, const struct bp_pair_head *a);
bp_pair_head_fn bp_pair_head_cpu, bp_pair_head_cpu_opt, bp_pair_head_cuda;

#endif
