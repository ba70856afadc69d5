/* lib/guide/grid.h: a coarse grid of q, for the host. A sum of sinc(q r) over distances up to D is band-limited in q: a few
 * points for each pi / D know it all, and measured curves have ten times as many. Amplitudes are far smoother, and their
 * sines (hydrogens about 1 A away) count as 2.2 A more of D. So partial profiles are made at q = 0, step, 2 step ... with
 * step D = 0.4 or less, and taken from there by Lagrange's polynomial of the eight points around (even in q, hence the points left of 0).
 * The error is below 1e-3 (step D)^8 / 9 of the profile at q = 0, that is 7e-8; derivatives take the transposed way. */
#ifndef BP_GRID_H
#define BP_GRID_H

#include "guide/particle.h"

struct bp_grid {
	int n;                       /* points                                        */
	double step;                 /* 1/A                                           */
	const double *q, *v, *s, *w; /* [n], [ntypes,n], [ntypes,n], [n] amplitudes   */
};
struct bp_grids; /* the last grids that were made, with their amplitudes: those of a stream's structures are mostly the same */

/* Amplitudes v, s [ntypes,nq] of p's types and w [nq] of the layer. */
void bp_amplitudes(double *v, double *s, double *w, const struct bp_particle *p, const double *q, int nq);

int bp_grids_new(struct bp_grids **ret, const struct bp_particle *p, double q_max, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* points of the grid for distances up to so many A */
int bp_grid_points(const struct bp_grids *all, double reach);
/* The grid itself; room [2 (ntypes + 1) points] is used where it is too large to be kept. It holds until the next call. */
void bp_grid_of(struct bp_grid *ret, struct bp_grids *all, double reach, double *room);

/* out [rows,nq] from on_grid [rows,g->n], rows <= 8; room [8 (g->n + 8)] */
void bp_grid_read(double *out, const struct bp_grid *g, const double *on_grid, int rows, const double *q, int nq, double *room);
/* The transposed: on_grid [3,g->n] from E, E g and E g^2 at q, E, g [nq]; room as above. */
void bp_grid_spread(double *on_grid, const struct bp_grid *g, const double *E, const double *G, const double *q, int nq, double *room);

#endif
