#include "follow.cuh"

extern "C" {
#include "ops/grid_read.h"
}
#include "ops/q_grid.h"

/* a thread a number */
static __global__ void
read(struct bp_grid_read a)
{
	bp_after();
	BP_EACH(at, (int64_t)a.rows * a.nq) {
		const double *from = a.on_grid + at / a.nq * a.n;
		double w[BP_NODES], sum = 0;
		const int first = bp_grid_nodes(w, a.q[at % a.nq] / a.step) - BP_LEFT;
#pragma unroll
		for (int i = 0; i < BP_NODES; i++)
			sum += w[i] * from[abs(first + i)];
		a.out[at] = sum;
	}
}

int
bp_grid_read_cuda(struct bp_ctx *cx, const struct bp_grid_read *a)
{
	if (cx->dry || a->rows == 0)
		return BP_OK;
	bp_follow(read, BP_GRID((int64_t)a->rows * a->nq), 0, cx, *a);
	return bp_launched(cx, "grid_read");
}
