/* axpy: y += alpha x, count numbers. y must not overlap x unless they are the same. */
#ifndef BP_OP_AXPY_H
#define BP_OP_AXPY_H

#include "ops/ctx.h"

struct bp_axpy {
	int64_t count;
	float alpha;
	const float *x;
	float *y;
};
typedef int bp_axpy_fn(struct bp_ctx *cx, const struct bp_axpy *a);
bp_axpy_fn bp_axpy_cpu, bp_axpy_cpu_opt, bp_axpy_cuda;

#endif
