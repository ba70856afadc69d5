/* guide_step: from an energy and its gradient g to a step of the denoised atoms, each of b samples for itself:
 *
 *	x -= size p,   size = weight (energy - goal) / (g.p), raw: weight.
 *
 * Nothing moves at weight 0, and but for raw steps where the energy is not above the goal or g.p is not above 0. With smoothing > 0 p is g
 * smoothed over points (tokens): the mean gradient of each point's atoms becomes K K^T of it, K_ij = exp(-r_ij^2 / 2 smoothing^2) over
 * the points' centres with rows normalised (positive semidefinite, so that p goes downhill: g.p >= 0), is given to all atoms of
 * the point less the mean over all of them, and 0 to atoms of no point. Else p = g. K is fp32 (exp within 2 ulp), sums fp64. */
#ifndef BP_OP_GUIDE_STEP_H
#define BP_OP_GUIDE_STEP_H

#include <math.h>

#include "ops/ctx.h"
#include "ops/host_device.h"

enum { BP_STEP_DOT, BP_STEP_SIZE, BP_STEP_MOVED, BP_STEP_VALUES }; /* g.p; size, 0: none; 1 when an atom moved */

struct bp_guide_step {
	int b, n, points;      /* samples, atoms, points (looked at with smoothing)                 */
	const int32_t *point;  /* [n] of each atom, -1: none                                        */
	const int32_t *first;  /* [points+1]                                                        */
	const int32_t *member; /* [first[points]] atoms of point q: first[q] .. first[q+1] - 1 here */
	int places;            /* numbers of g a sample                                             */
	const int32_t *place;  /* [n] of each atom in g, -1: its gradient is 0; NULL: its own       */
	const double *g;       /* [b,places,3]                                                      */
	const double *energy;  /* [b]                                                               */
	const double *weight;  /* [1]                                                               */
	bool raw;
	double goal, smoothing; /* A */
	double *x;              /* [b,n,3] A, in and out              */
	double *values;         /* [b,BP_STEP_VALUES] out; x stays as it is where size is not finite,
	                         * as it is where g.p is not */
};
typedef int bp_guide_step_fn(struct bp_ctx *cx, const struct bp_guide_step *a);
bp_guide_step_fn bp_guide_step_cpu, bp_guide_step_cuda;

/* Size of a step along p with g.p = dot, where there is one: weight is not 0, and energy above the goal, or raw. */
static BP_HOST_DEVICE inline double
bp_step_size(double weight, bool raw, double energy, double goal, double dot)
{
	if (!isfinite(dot))
		return dot;
	return raw ? weight : dot > 0 ? weight * (energy - goal) / dot : 0;
}

#endif
