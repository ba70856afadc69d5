/* grid_read: rows of numbers at the q points of a curve from those on a grid of q (q_grid.h). fp64 in all rows. */
#ifndef BP_OP_GRID_READ_H
#define BP_OP_GRID_READ_H

#include "ops/ctx.h"

struct bp_grid_read {
	int rows, n, nq;
	double step;           /* 1/A: grid point k is at q = k step, and (n - 5) step at least the largest q */
	const double *q;       /* [nq] 1/A  */
	const double *on_grid; /* [rows,n]  */
	double *out;           /* [rows,nq] */
};
typedef int bp_grid_read_fn(struct bp_ctx *cx, const struct bp_grid_read *a);
bp_grid_read_fn bp_grid_read_cpu, bp_grid_read_cuda;

#endif
