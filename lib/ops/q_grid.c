#include "ops/q_grid.h"

#include <string.h>

void
bp_grid_weights(int32_t *at, double *w, const double *q, int nq, double step)
{
	for (int k = 0; k < nq; k++) {
		int point;
		bp_grid_nodes(w + k * BP_NODES, &point, q[k] / step);
		at[k] = point;
	}
}

/* the grid point that weight m of q point m / NODES is of */
static int
point_of(const int32_t *at, int m)
{
	int i = at[m / BP_NODES] - BP_LEFT + m % BP_NODES;

	return i < 0 ? -i : i;
}

void
bp_grid_transpose(int32_t *first, int32_t *from, double *back, int n, int nq, const int32_t *at, const double *w)
{
	memset(first, 0, ((size_t)n + 1) * sizeof *first);
	for (int m = 0; m < nq * BP_NODES; m++)
		first[point_of(at, m) + 1]++;
	for (int i = 0; i < n; i++)
		first[i + 1] += first[i];
	for (int m = 0; m < nq * BP_NODES; m++) { /* first[i] counts up to the next point's */
		const int to = first[point_of(at, m)]++;
		from[to] = m / BP_NODES, back[to] = w[m];
	}
	memmove(first + 1, first, (size_t)n * sizeof *first);
	first[0] = 0;
}
