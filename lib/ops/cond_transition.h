/* cond_transition: out += gate * b_to_a(silu(g) * v * (a_to_b x)), [v, g] = swish_gate x (v first, g second half).
 * ConditionedTransitionBlock of transformersv2.py after its AdaLN; gate is sigmoid(output_projection s) already and is
 * shared by the b samples. x must not be out. */
#ifndef BP_OP_COND_TRANSITION_H
#define BP_OP_COND_TRANSITION_H

#include "ops/ctx.h"

struct bp_cond_transition {
	int b, rows;                /* samples, rows a sample */
	int c, hidden;
	const float *x;             /* [b,rows,c] the AdaLN'd input */
	const float *gate;          /* [rows,c]   */
	const struct bp_weight *swish_gate; /* [2*hidden,c] */
	const struct bp_weight *a_to_b;     /* [hidden,c]   */
	const struct bp_weight *b_to_a;     /* [c,hidden]   */
	float *out;                 /* [b,rows,c] */
};
typedef int bp_cond_transition_fn(struct bp_ctx *cx, const struct bp_cond_transition *a);
bp_cond_transition_fn bp_cond_transition_cpu, bp_cond_transition_cpu_opt, bp_cond_transition_cuda, bp_cond_transition_cuda_opt;

#endif
