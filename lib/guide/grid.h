/* lib/guide/grid.h: grids of q (ops/q_grid.h) of a particle, with its amplitudes there. */
#ifndef BP_GRID_H
#define BP_GRID_H

#include "guide/particle.h"

struct bp_grid {
	int n;                       /* points                                            */
	double step;                 /* 1/A; 0: the points are a curve's own, no grid     */
	const double *q, *v, *s, *w; /* [n], [ntypes,n], [ntypes,n], [n] amplitudes       */
};
struct bp_grids; /* the last grids that were made, with their amplitudes: those of a stream's structures are mostly the same */

/* Amplitudes v, s [ntypes,nq] of p's types and w [nq] of the layer. */
void bp_amplitudes(double *v, double *s, double *w, const struct bp_particle *p, const double *q, int nq);

int bp_grids_new(struct bp_grids **ret, const struct bp_particle *p, double q_max, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* The step of the grid for distances up to so many A, 1/A, of a ladder, so that structures of about one size have one grid; and its points for q up to q_max, 2^30 for more. */
double bp_grid_step(double reach);
int bp_grid_points(double step, double q_max);
/* The grid itself, from room [2 (ntypes + 1) points]: v, s and w there. */
void bp_grid_make(struct bp_grid *ret, const struct bp_particle *p, double step, double q_max, double *room);
/* The same from those that are kept; room is used where it is too large for that. It holds until the next call. */
void bp_grid_of(struct bp_grid *ret, struct bp_grids *all, double step, double *room);

#endif
