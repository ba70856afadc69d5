/* rg_steps: `steps` times rg_energy and the step of guide_step that it leads to, without smoothing, each of b samples for itself: all inner
 * steps of a diffusion step. Where a sample did not move what follows is the same, and is told as such. fp64 in all rows, which differ in
 * the order of sums, and so grow apart from step to step. */
#ifndef BP_OP_RG_STEPS_H
#define BP_OP_RG_STEPS_H

#include <string.h>

#include "ops/guide_step.h"
#include "ops/rg_energy.h"

struct bp_rg_steps {
	struct bp_rg_energy f; /* the first evaluation; its x and gradient are not looked at */
	int steps;             /* >= 1                                                       */
	const double *weight;  /* [1] as guide_step takes them, as raw and goal              */
	bool raw;
	double goal;
	double *x;     /* [b,n,3] A, in and out */
	double *moves; /* [b,BP_STEP_VALUES] out: values of guide_step, of the first step */
	size_t ahead;  /* what the next evaluation tells, energy, values and moves, lies so many numbers behind that of the one before it */
};
typedef int bp_rg_steps_fn(struct bp_ctx *cx, const struct bp_rg_steps *a);
bp_rg_steps_fn bp_rg_steps_cpu, bp_rg_steps_cuda, bp_rg_steps_cuda_opt;

/* For rows that are made of those of the two ops: evaluation e, and the step that follows; gradient [b,n,3]. */
static inline struct bp_rg_energy
bp_rg_steps_energy(const struct bp_rg_steps *a, int e, double *gradient)
{
	struct bp_rg_energy f = a->f;

	f.x = a->x, f.gradient = gradient;
	f.energy += (size_t)e * a->ahead, f.values += (size_t)e * a->ahead;
	return f;
}

static inline struct bp_guide_step
bp_rg_steps_step(const struct bp_rg_steps *a, int e, const double *gradient)
{
	struct bp_guide_step s;

	memset(&s, 0, sizeof s);
	s.b = a->f.b, s.n = s.places = a->f.n;
	s.g = gradient, s.energy = a->f.energy + (size_t)e * a->ahead;
	s.weight = a->weight, s.raw = a->raw, s.goal = a->goal;
	s.x = a->x, s.values = a->moves + (size_t)e * a->ahead;
	return s;
}

#endif
