/* linear: out = act(f(x) W^T + b), where f is, in this order: concatenation of x2 to x, layer norm (eps 1e-5), relu.
 * torch.nn.Linear (+ LayerNorm, ReLU, Sigmoid around it). out must not overlap x or x2. */
#ifndef BP_OP_LINEAR_H
#define BP_OP_LINEAR_H

#include "ops/ctx.h"

enum bp_act { BP_ACT_NONE, BP_ACT_RELU, BP_ACT_SIGMOID };
struct bp_linear {
	int64_t rows;
	int k, k2;                  /* columns of x and of x2 (0: no x2); k + k2 = W->k         */
	const float *x, *x2;        /* [rows,k], [rows,k2]                                      */
	bool norm;                  /* layer norm over the k + k2 columns first                 */
	const struct bp_weight *nw, *nb; /* [k+k2] its weight and bias; either may be NULL      */
	bool in_relu;
	const struct bp_weight *W;  /* [n,k+k2]                                                 */
	const struct bp_weight *b;  /* [n] or NULL                                              */
	enum bp_act act;
	bool add;                   /* out += instead of out =                                  */
	float *out;                 /* [rows,n]                                                 */
};
typedef int bp_linear_fn(struct bp_ctx *cx, const struct bp_linear *a);
bp_linear_fn bp_linear_cpu, bp_linear_cpu_opt, bp_linear_cuda, bp_linear_cuda_opt;

#endif
