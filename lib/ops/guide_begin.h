/* guide_begin: the guided samples of a diffusion step as guides take them: x in fp64, and kept as they were. Exact. */
#ifndef BP_OP_GUIDE_BEGIN_H
#define BP_OP_GUIDE_BEGIN_H

#include "ops/ctx.h"

struct bp_guide_begin {
	int64_t count;
	const float *from; /* [count] A      */
	float *kept;       /* [count] out, A */
	double *x;         /* [count] out, A */
};
typedef int bp_guide_begin_fn(struct bp_ctx *cx, const struct bp_guide_begin *a);
bp_guide_begin_fn bp_guide_begin_cpu, bp_guide_begin_cuda;

#endif
