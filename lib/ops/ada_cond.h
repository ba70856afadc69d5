/* ada_cond: what each layer of a diffusion transformer derives from the conditioning s alone: for its attention (0..2) and its
 * transition (3..5) the AdaLN scale sigmoid(s_scale(LN s)), the shift s_bias(LN s) (the norm has a weight, no bias), and the
 * output gate sigmoid(output_projection s). transformersv2.py: AdaLN, DiffusionTransformerLayer. */
#ifndef BP_OP_ADA_COND_H
#define BP_OP_ADA_COND_H

#include "ops/ctx.h"

struct bp_ada_weights {
	struct bp_weight s_norm;              /* [cs]         */
	struct bp_weight s_scale, s_scale_b;  /* [c,cs], [c]  */
	struct bp_weight s_bias;              /* [c,cs]       */
	struct bp_weight gate, gate_b;        /* [c,cs], [c]  output_projection */
};
struct bp_ada_cond {
	int rows, cs, c, layers;
	const float *s;             /* [rows,cs]  */
	const struct bp_ada_weights *w; /* [layers][2]: of the attention, of the transition */
	float *out;                 /* [layers,6,rows,c] */
};
typedef int bp_ada_cond_fn(struct bp_ctx *cx, const struct bp_ada_cond *a);
bp_ada_cond_fn bp_ada_cond_cpu, bp_ada_cond_cpu_opt, bp_ada_cond_cuda, bp_ada_cond_cuda_opt;

#endif
