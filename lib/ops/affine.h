/* affine: out = alpha x + beta y, count numbers; y may be NULL. out may be x or y. The preconditioning of
 * diffusionv2.py (c_in, c_skip, c_out). */
#ifndef BP_OP_AFFINE_H
#define BP_OP_AFFINE_H

#include "ops/ctx.h"

struct bp_affine {
	int64_t count;
	float alpha, beta;
	const float *x, *y;
	float *out;
};
typedef int bp_affine_fn(struct bp_ctx *cx, const struct bp_affine *a);
bp_affine_fn bp_affine_cpu, bp_affine_cpu_opt, bp_affine_cuda;

#endif
