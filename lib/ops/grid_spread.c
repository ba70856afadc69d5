#include "ops/grid_spread.h"

#include <string.h>

#include "ops/cpu.h"
#include "ops/q_grid.h"
#include "ops/vec.h"

/* out [3,nq] */
static void
times(double *out, const double *E, const double *g, size_t nq)
{
	for (size_t k = 0; k < nq; k++)
		out[k] = E[k], out[nq + k] = E[k] * g[k], out[2 * nq + k] = E[k] * g[k] * g[k];
}

/* out [3,n]; room [3,n+NODES] */
BP_CLONES static void
spread(double *out, const struct bp_grid_spread *a, const double *E, const double *g, double *room)
{
	const size_t n = (size_t)a->n, ld = n + BP_NODES;

	memset(room, 0, 3 * ld * sizeof *room);
	for (size_t k = 0; k < (size_t)a->nq; k++) {
		double w[BP_NODES], e = E[k], eg = e * g[k], egg = eg * g[k], *b = room + bp_grid_nodes(w, a->q[k] / a->step);
#pragma omp simd
		for (int i = 0; i < BP_NODES; i++)
			b[i] += w[i] * e, b[ld + (size_t)i] += w[i] * eg, b[2 * ld + (size_t)i] += w[i] * egg;
	}
	for (size_t r = 0; r < 3; r++) {
		memcpy(out + r * n, room + r * ld + BP_LEFT, n * sizeof *room);
		for (size_t k = 1; k <= BP_LEFT; k++)
			out[r * n + k] += room[r * ld + BP_LEFT - k];
	}
}

int
bp_grid_spread_cpu(struct bp_ctx *cx, const struct bp_grid_spread *a)
{
	const size_t nq = (size_t)a->nq, n = (size_t)a->n;
	struct bp_mark mark = bp_dev_mark(cx);
	double *room;

	BP_DEV_NEW(room, 3 * (n + BP_NODES), cx);
	for (size_t b = 0; b < (size_t)a->b && !cx->dry; b++)
		if (n)
			spread(a->out + b * 3 * n, a, a->E + b * nq, a->g + b * nq, room);
		else
			times(a->out + b * 3 * nq, a->E + b * nq, a->g + b * nq, nq);
	bp_dev_release(cx, mark);
	return BP_OK;
}
