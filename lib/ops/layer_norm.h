/* layer_norm: out = (x - mean) / sqrt(var + 1e-5) * w + b over the last axis. torch.nn.LayerNorm. out may be x. */
#ifndef BP_OP_LAYER_NORM_H
#define BP_OP_LAYER_NORM_H

#include "ops/ctx.h"

struct bp_layer_norm {
	int64_t rows;
	int c;
	const float *x;             /* [rows,c] */
	const struct bp_weight *w, *b; /* [c], either may be NULL */
	float *out;                 /* [rows,c] */
};
typedef int bp_layer_norm_fn(struct bp_ctx *cx, const struct bp_layer_norm *a);
bp_layer_norm_fn bp_layer_norm_cpu, bp_layer_norm_cpu_opt, bp_layer_norm_cuda;

#endif
