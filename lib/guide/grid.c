#include "guide/grid.h"

#include <math.h>

#include "guide/tables.h"
#include "ops/q_grid.h"

enum { SLOTS = 2, MOST = 1024 }; /* points of a grid that is kept */

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

double
bp_grid_step(double reach) /* eight an octave */
{
	return 0.4 * exp2(-ceil(8 * log2(reach + 2.2)) / 8);
}

int
bp_grid_points(double step, double q_max)
{
	const double points = q_max / step + BP_NODES;

	return points < 1 << 30 ? (int)points : 1 << 30;
}

void
bp_grid_make(struct bp_grid *ret, const struct bp_particle *p, double step, double q_max, double *room)
{
	const size_t n = (size_t)bp_grid_points(step, q_max), types = (size_t)p->ntypes;
	double *q = room, *v = q + n, *s = v + types * n, *w = s + types * n;

	for (size_t k = 0; k < n; k++)
		q[k] = (double)k * step;
	bp_amplitudes(v, s, w, p, q, (int)n);
	*ret = (struct bp_grid) { .n = (int)n, .step = step, .q = q, .v = v, .s = s, .w = w };
}

void
bp_grid_of(struct bp_grid *ret, struct bp_grids *all, double step, double *room)
{
	const int n = bp_grid_points(step, all->q_max);

	for (int i = 0; i < SLOTS; i++)
		if (all->slot[i].n == n && all->slot[i].step == step) {
			*ret = all->slot[i];
			return;
		}
	bp_grid_make(ret, all->p, step, all->q_max, n <= MOST ? all->room[all->next] : room);
	if (n <= MOST) {
		all->slot[all->next] = *ret;
		all->next = (all->next + 1) % SLOTS;
	}
}
