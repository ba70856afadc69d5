#include "ops/grid_read.h"

#include <string.h>

#include "ops/cpu.h"
#include "ops/q_grid.h"
#include "ops/vec.h"

enum { ROWS = 8 };
typedef double v8d __attribute__((vector_size(64), aligned(8), may_alias));

/* out [rows,nq] from on_grid [rows,n], rows <= ROWS, which lie side by side in room [n+LEFT,ROWS] */
BP_CLONES static void
read_rows(double *out, const struct bp_grid_read *a, const double *on_grid, size_t rows, double *room)
{
	const size_t nq = (size_t)a->nq;

	for (size_t r = 0; r < rows; r++)
		for (int k = -BP_LEFT; k < a->n; k++)
			room[ROWS * (k + BP_LEFT) + (int)r] = on_grid[r * (size_t)a->n + (size_t)(k < 0 ? -k : k)];
	for (size_t k = 0; k < nq; k++) {
		double w[BP_NODES];
		const v8d *p = (const v8d *)room + bp_grid_nodes(w, a->q[k] / a->step);
		v8d sum = { 0 };
#pragma GCC unroll 8
		for (int i = 0; i < BP_NODES; i++)
			sum += w[i] * p[i];
		for (size_t r = 0; r < rows; r++)
			out[r * nq + k] = sum[r];
	}
}

int
bp_grid_read_cpu(struct bp_ctx *cx, const struct bp_grid_read *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	double *room;

	BP_DEV_NEW(room, ROWS * ((size_t)a->n + BP_LEFT), cx);
	memset(room, 0, cx->dry ? 0 : ROWS * ((size_t)a->n + BP_LEFT) * sizeof *room);
	for (int r = 0; r < a->rows && !cx->dry; r += ROWS)
		read_rows(a->out + (size_t)r * (size_t)a->nq, a, a->on_grid + (size_t)r * (size_t)a->n, (size_t)bp_min(ROWS, a->rows - r), room);
	bp_dev_release(cx, mark);
	return BP_OK;
}
