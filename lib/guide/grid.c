#include "guide/grid.h"

#include <math.h>
#include <string.h>

#include "guide/tables.h"
#include "ops/q_grid.h"
#include "ops/vec.h"

enum { NODES = BP_NODES, LEFT = BP_LEFT, ROWS = 8, SLOTS = 2, MOST = 1024 }; /* points of a grid that is kept */
typedef double v8d __attribute__((vector_size(64), aligned(8), may_alias));

struct bp_grids {
	const struct bp_particle *p;
	double q_max;
	int next;
	struct bp_grid slot[SLOTS]; /* n = 0: empty               */
	double *room[SLOTS];        /* [2 (ntypes + 1) MOST] each */
};

void
bp_amplitudes(double *v, double *s, double *w, const struct bp_particle *p, const double *q, int nq)
{
	for (size_t k = 0; k < (size_t)nq; k++) {
		for (size_t t = 0; t < (size_t)p->ntypes; t++) {
			v[t * (size_t)nq + k] = bp_f_vacuum(p->z[t], p->n_h[t], q[k]);
			s[t * (size_t)nq + k] = bp_f_solvent(p->z[t], p->n_h[t], q[k]);
		}
		w[k] = bp_f_water(q[k]);
	}
}

int
bp_grids_new(struct bp_grids **ret, const struct bp_particle *p, double q_max, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_grids *all;

	*ret = NULL;
	BP_NEW(all, 1, mem, err);
	all->p = p, all->q_max = q_max;
	for (int i = 0; i < SLOTS; i++)
		BP_NEW(all->room[i], 2 * ((size_t)p->ntypes + 1) * MOST, mem, err);
	*ret = all;
	return BP_OK;
}

/* of a ladder of steps, eight an octave: so that structures of about one size have one grid */
static double
step_for(double reach)
{
	return 0.4 * exp2(-ceil(8 * log2(reach + 2.2)) / 8);
}

int
bp_grid_points(const struct bp_grids *all, double reach)
{
	return (int)(all->q_max / step_for(reach) + NODES);
}

void
bp_grid_of(struct bp_grid *ret, struct bp_grids *all, double reach, double *room)
{
	const size_t n = (size_t)bp_grid_points(all, reach), types = (size_t)all->p->ntypes;
	const double step = step_for(reach);
	double *q = room;

	for (int i = 0; i < SLOTS; i++)
		if (all->slot[i].n == (int)n && all->slot[i].step == step) {
			*ret = all->slot[i];
			return;
		}
	if (n <= MOST)
		q = all->room[all->next];
	*ret = (struct bp_grid) { .n = (int)n, .step = step, .q = q, .v = q + n, .s = q + (1 + types) * n, .w = q + (1 + 2 * types) * n };
	for (size_t k = 0; k < n; k++)
		q[k] = (double)k * step;
	bp_amplitudes(q + n, q + (1 + types) * n, q + (1 + 2 * types) * n, all->p, q, (int)n);
	if (n <= MOST) {
		all->slot[all->next] = *ret;
		all->next = (all->next + 1) % SLOTS;
	}
}

BP_CLONES void
bp_grid_read(double *out, const struct bp_grid *g, const double *on_grid, int rows, const double *q, int nq, double *room)
{
	for (int r = 0; r < rows; r++) /* side by side: room [n+LEFT,ROWS] */
		for (int k = -LEFT; k < g->n; k++)
			room[ROWS * (k + LEFT) + r] = on_grid[(size_t)r * (size_t)g->n + (size_t)(k < 0 ? -k : k)];
	for (size_t k = 0; k < (size_t)nq; k++) {
		double w[NODES];
		v8d sum = { 0 };
		int at;
		bp_grid_nodes(w, &at, q[k] / g->step);
		const v8d *p = (const v8d *)room + at;
#pragma GCC unroll 8
		for (int i = 0; i < NODES; i++)
			sum += w[i] * p[i];
		for (int r = 0; r < rows; r++)
			out[(size_t)r * (size_t)nq + k] = sum[r];
	}
}

BP_CLONES void
bp_grid_spread(double *on_grid, const struct bp_grid *g, const double *E, const double *G, const double *q, int nq, double *room)
{
	const size_t n = (size_t)g->n, ld = n + NODES;

	memset(room, 0, 3 * ld * sizeof *room);
	for (int k = 0; k < nq; k++) {
		double w[NODES], e = E[k], eg = E[k] * G[k], egg = eg * G[k];
		int at;
		bp_grid_nodes(w, &at, q[k] / g->step);
		double *b = room + at;
#pragma omp simd
		for (int i = 0; i < NODES; i++)
			b[i] += w[i] * e, b[ld + (size_t)i] += w[i] * eg, b[2 * ld + (size_t)i] += w[i] * egg;
	}
	for (size_t r = 0; r < 3; r++) {
		memcpy(on_grid + r * n, room + r * ld + LEFT, n * sizeof *room);
		for (int k = 1; k <= LEFT; k++)
			on_grid[r * n + (size_t)k] += room[r * ld + (size_t)(LEFT - k)];
	}
}
