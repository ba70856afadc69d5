/* lib/ops/wave.h: directions for the ops wave_sum and wave_force, which average plane waves over directions u: a
 * product rule, Gauss-Legendre in z and equal steps in phi, exact for spherical harmonics up to its degree. What is
 * averaged is equal at u and -u, so one half of the sphere (z > 0) will do. */
#ifndef BP_OPS_WAVE_H
#define BP_OPS_WAVE_H

#include "ops/pairs.h"

struct bp_direction {
	double u[3], w; /* unit vector, weight; the weights of a rule sum to 1 */
};

int bp_directions_count(int degree); /* degree >= 0 */
void bp_directions(struct bp_direction *u, int degree);

/* The degree that q needs for 1e-4 of I(q) when no atom is farther than half the diameter from the centre; A, 1/A. */
static inline int
bp_wave_degree(double q, double diameter)
{
	return (int)ceil(q * diameter) + 4;
}

#endif
