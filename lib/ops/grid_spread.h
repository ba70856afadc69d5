/* grid_spread: the transposed of grid_read, of three numbers: derivatives E by an intensity at the q points of a curve, times 1, g and g^2, become
 * those by the same on the grid of q. fp64 in all rows. */
#ifndef BP_OP_GRID_SPREAD_H
#define BP_OP_GRID_SPREAD_H

#include "ops/ctx.h"

struct bp_grid_spread {
	int b, n, nq;         /* n 0: no grid, out is at the q points themselves */
	double step;          /* as in grid_read                                 */
	const double *q;      /* [nq] 1/A                                        */
	const double *E, *g;  /* [b,nq]                                          */
	double *out;          /* [b,3,n], without grid [b,3,nq]                  */
};
typedef int bp_grid_spread_fn(struct bp_ctx *cx, const struct bp_grid_spread *a);
bp_grid_spread_fn bp_grid_spread_cpu, bp_grid_spread_cuda;

#endif
