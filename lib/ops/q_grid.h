/* lib/ops/q_grid.h: a coarse grid of q. A sum of sinc(q r) over distances up to D is band-limited in q: a few points for each pi / D know it
 * all, and measured curves have ten times as many. Amplitudes are far smoother, and their sines (hydrogens about 1 A away) count as 2.2 A
 * more of D. So partial profiles are made at q = 0, step, 2 step ... with step D = 0.4 or less, and taken from there by Lagrange's polynomial
 * of the eight points around (even in q, hence the points left of 0). The error is below 1e-3 (step D)^8 / 9 of the profile at q = 0, that is
 * 7e-8; derivatives take the transposed way. grid_read and grid_spread are the two ways. */
#ifndef BP_Q_GRID_H
#define BP_Q_GRID_H

#include <math.h>

#include "ops/host_device.h"

enum { BP_NODES = 8, BP_LEFT = BP_NODES / 2 - 1 };

/* The weights of the eight grid points from the returned one - LEFT on, at q = t steps. */
static BP_HOST_DEVICE inline int
bp_grid_nodes(double w[BP_NODES], double t)
{
	const double per[BP_NODES] = { -1.0 / 5040, 1.0 / 720, -1.0 / 240, 1.0 / 144, -1.0 / 144, 1.0 / 240, -1.0 / 720, 1.0 / 5040 };
	double x = t - floor(t) + BP_LEFT, left = 1, right = 1;

	for (int i = 0; i < BP_NODES; i++) { /* the products of x - j, j < i, then of those j > i */
		w[i] = left * per[i];
		left *= x - i;
	}
	for (int i = BP_NODES - 1; i >= 0; i--) {
		w[i] *= right;
		right *= x - i;
	}
	return (int)floor(t);
}

#endif
