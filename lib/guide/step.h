/* lib/guide/step.h: from energies and gradients to displacements of the denoised atoms within one diffusion step.
 * Units: A. */
#ifndef BP_STEP_H
#define BP_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct bp_step_opt {
	bool raw; /* delta -= weight gradient; else Polyak: weight is the share of E - E* that a linearised step removes
	           */
	double weight;
	double goal; /* E*: 1 for chi2_reduced, 0 for Rg; a Polyak step does nothing at E <= E*                      */
	double smoothing; /* A, length l of smoothing; 0: none */
};

/* The atoms that smoothing joins: x [n,3] their places, mask [n] (NULL: all count), group [n] in 0 .. groups - 1 (their
 * tokens: all atoms of a group get its mean gradient smoothed over the groups' centres), or NULL: every atom for
 * itself. */
struct bp_step_atoms {
	int n, groups;
	const double *x;
	const uint8_t *mask;
	const int32_t *group;
	int threads; /* 0: one */
};

/* p [n,3] = K K^T g less its mean, K_ij = exp(-r_ij^2 / 2 l^2) with rows normalised; 0 for atoms that do not count.
 * Goes downhill: g.p >= 0. */
int bp_step_smooth(double *p, const double *g, double l, const struct bp_step_atoms *a, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* Bytes that smoothing over so many points takes at most, with `threads`. */
size_t bp_step_bytes(int points, int threads);

/* delta [n,3] -= the step of energy E with gradient g [n,3] at x. */
int bp_step_take(double *delta, const struct bp_step_opt *o, double energy, const double *g,
    const struct bp_step_atoms *a, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* Scale the whole of delta [n,3] so that no atom moves more than most (0: no cap): its zero net translation and torque
 * stay. Returns the factor, 1 when nothing was to be done. */
double bp_step_cap(double *delta, int n, double most);

#endif
