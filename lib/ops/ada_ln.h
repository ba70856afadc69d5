/* ada_ln: out = scale * LN(a) + shift, LN without parameters. AdaLN of transformersv2.py with the terms in s ready (ada_cond);
 * they are shared by the b samples. out must not be a. */
#ifndef BP_OP_ADA_LN_H
#define BP_OP_ADA_LN_H

#include "ops/ctx.h"

struct bp_ada_ln {
	int b, rows, c;
	const float *a;             /* [b,rows,c] */
	const float *scale, *shift; /* [rows,c]   */
	float *out;                 /* [b,rows,c] */
};
typedef int bp_ada_ln_fn(struct bp_ctx *cx, const struct bp_ada_ln *a);
bp_ada_ln_fn bp_ada_ln_cpu, bp_ada_ln_cpu_opt, bp_ada_ln_cuda, bp_ada_ln_cuda_opt;

#endif
