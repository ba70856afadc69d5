/* lib/ops/q_grid.h: the inner grid of q. A sum of sinc(q r) over distances up to D is band-limited in q: a few points for each pi / D know it
 * all, and measured curves have ten times as many. So the sums are made at q = 0, step, 2 step ... with step D = 0.4, and taken from there
 * by Lagrange's polynomial of the eight points around (even in q, hence the points left of 0). The error is below 1e-3 (step D)^8 / 9
 * of the sum at q = 0, that is 7e-8; forces take the transposed way. */
#ifndef BP_Q_GRID_H
#define BP_Q_GRID_H

#include <math.h>

#include "ops/ctx.h"
#include "ops/host_device.h"

enum { BP_NODES = 8, BP_LEFT = BP_NODES / 2 - 1 };

/* n = 0: no grid, numbers are at q itself. In an op's arguments all is device memory. */
struct bp_q_grid {
	int n;
	const int32_t *at; /* [nq] the first of the NODES points of each q, LEFT of them before 0: it is grid point at - LEFT   */
	const double *w;   /* [nq,NODES]                                                                                        */
	/* transposed: back[first[i]] .. back[first[i + 1] - 1] are what point i has of the q numbered from[..], by number */
	const int32_t *first, *from; /* [n+1], [nq NODES] */
	const double *back;          /* [nq NODES]        */
};

/* distance of the points for distances up to D, A; and how many there are for q up to q_max */
static inline double
bp_q_grid_step(double D)
{
	return 0.4 / D;
}

static inline int
bp_q_grid_points(double q_max, double step)
{
	return (int)(q_max / step + BP_NODES);
}

/* The weights of the eight points from *at - LEFT on, at t = q / step. */
static inline void
bp_grid_nodes(double w[BP_NODES], int *at, double t)
{
	static const double per[BP_NODES] = { -1.0 / 5040, 1.0 / 720, -1.0 / 240, 1.0 / 144, -1.0 / 144, 1.0 / 240, -1.0 / 720, 1.0 / 5040 };
	double x = t - floor(t) + BP_LEFT, left = 1, right = 1;

	*at = (int)floor(t);
	for (int i = 0; i < BP_NODES; i++) { /* the products of x - j, j < i, then of those j > i */
		w[i] = left * per[i];
		left *= x - i;
	}
	for (int i = BP_NODES - 1; i >= 0; i--) {
		w[i] *= right;
		right *= x - i;
	}
}

/* at and w of q [nq] */
void bp_grid_weights(int32_t *at, double *w, const double *q, int nq, double step);
/* first, from and back of n points from at and w */
void bp_grid_transpose(int32_t *first, int32_t *from, double *back, int n, int nq, const int32_t *at, const double *w);

/* the number at q point k, from S [n] on the grid */
static BP_HOST_DEVICE inline double
bp_grid_value(const struct bp_q_grid *g, const double *S, int k)
{
	const double *w = g->w + (int64_t)k * BP_NODES;
	const int at = g->at[k] - BP_LEFT;
	double sum = 0;

	for (int i = 0; i < BP_NODES; i++)
		sum += w[i] * S[at + i < 0 ? -(at + i) : at + i];
	return sum;
}

#endif
