/* transition: out (+)= fc3(silu(fc1 y) * fc2 y), y = layer_norm(x). layers/transition.py. out may be x when add. The
 * hidden tensor never exists at full size in `optimized` (row tiles). */
#ifndef BP_OP_TRANSITION_H
#define BP_OP_TRANSITION_H

#include "ops/ctx.h"

struct bp_transition {
	int64_t rows;
	int c, hidden;
	const float *x;             /* [rows,c] */
	const struct bp_weight *nw, *nb;       /* [c]        */
	const struct bp_weight *fc1, *fc2;     /* [hidden,c] */
	const struct bp_weight *fc3;           /* [c,hidden] */
	bool add;
	float *out;                 /* [rows,c] */
};
typedef int bp_transition_fn(struct bp_ctx *cx, const struct bp_transition *a);
bp_transition_fn bp_transition_cpu, bp_transition_cpu_opt, bp_transition_cuda, bp_transition_cuda_opt;

#endif
