/* lib/guide/rg.h: radius of gyration of a conformer, its gradient, and the harmonic energy that pulls it to a target.
 * Units: A. */
#ifndef BP_RG_H
#define BP_RG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "ops/rg_energy.h"

struct bp_rg_opt {
	enum bp_rg_method method;
	double threshold; /* robust sigmas                                                     */
	double target;    /* A, > 0                                                            */
	double k, k_min;  /* force constant; where its ramp begins                             */
	bool ramp;        /* k_min .. k over ramp_steps diffusion steps                        */
	int ramp_steps;
	double cap; /* most |dE/dx| of an atom; 0: none                                  */
};
#define BP_RG_INIT                                                                                                     \
	{                                                                                                              \
		BP_RG_ROBUST, 3.0, 0, 10.0, 1.0, true, 50, 10.0                                                        \
	}

/* x [n,3]; w [n] weights (NULL: 1; may be negative, their sum must not be); mask [n] (NULL: all count).
 * grad [n,3] = dRg/dx with the kept set held, 0 outside it; may be NULL. kept [n] 0 or 1; may be NULL.
 * BP_ENUM: not finite, or the weights give no radius. */
int bp_rg_of(struct bp_rg *ret, double *grad, uint8_t *kept, int n, const double *x, const double *w,
    const uint8_t *mask, enum bp_rg_method method, double threshold, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* The words for a fault of bp_rg_find: BP_ENUM, or BP_OK: there is none. */
int bp_rg_refuse(enum bp_rg_fault fault, int at, const struct bp_rg *r, struct bp_err *err) BP_MUST_USE;

/* E = k/2 (Rg - target)^2 at a diffusion step (from 0) and its gradient [n,3], capped an atom and then made to sum to
 * zero. BP_EUSAGE: the target is not above 0. */
int bp_rg_energy(struct bp_rg *ret, double *grad, int n, const double *x, const double *w, const uint8_t *mask,
    const struct bp_rg_opt *o, int step, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
double bp_rg_force_constant(const struct bp_rg_opt *o, int step);

/* Raw guidance of noisy coordinates at noise level sigma: x -= weight (1 - sigma / 800) 0.01 (Rg' - target) dRg/dx,
 * where Rg' is without the noise's share: Rg'^2 = Rg^2 - 3 sigma^2, at least 1. At most 0.5 A an atom; nothing when the
 * factor (1 - sigma / 800) is below 0.05. */
int bp_rg_raw(double *x, int n, const double *w, const uint8_t *mask, const struct bp_rg_opt *o, double weight,
    double sigma, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
