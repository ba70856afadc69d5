/* lib/model/sampler.h: the noise schedule and the stochastic sampler of AtomDiffusion.sample (diffusionv2.py), all
 * samples of a target going through the steps together. Upstream's defaults of Boltz2DiffusionParams (main.py);
 * lengths in A. */
#ifndef BP_SAMPLER_H
#define BP_SAMPLER_H

#include "model/diffusion.h"
#include "model/noise.h"
#include "model/replay.h"

#define BP_SIGMA_DATA 16.0
#define BP_SIGMA_MIN 0.0001
#define BP_SIGMA_MAX 160.0
#define BP_RHO 7.0
#define BP_GAMMA_0 0.8
#define BP_GAMMA_MIN 1.0
#define BP_NOISE_SCALE 1.003

struct bp_schedule {
	int steps;            /* at least 2                                                              */
	float *sigma, *gamma; /* [steps+1]: step i goes from sigma[i] to sigma[i+1], with gamma[i+1]     */
	double *t_hat;        /* [steps] sigma[i] (1 + gamma[i+1]): the noise level that the network sees */
	float *times;         /* [steps] ln(t_hat / sigma_data) / 4                                      */
};
/* scale: on every noise level (1: as published) */
int bp_schedule_new(struct bp_schedule *ret, int steps, double scale, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* Positions that all samples start from, in place of noise of sigma[0] (model/refine.h); host memory. */
struct bp_start {
	const float *x;          /* [atoms,3] A, centred                                       */
	const float *noise;      /* [atoms] A, standard deviation of what is added at the start  */
	const float *moving;     /* [atoms] 1: a step adds its noise; 0: rest of it              */
	double rest, rest_range; /* rest + rest_range * step / steps                            */
};

/* Work for bp_dev_aside that has nothing to do with a guide's, offered to the guides of a step: one that records its own records it beside that, joins
 * and sets done. */
struct bp_beside {
	int (*work)(void *self, struct bp_ctx *cx);
	void *self, *room;
	size_t bytes;
	bool done;
};

/* A guide changes the denoised prediction of a step in place, before the samples are aligned to it; before (may be NULL)
 * the noisy coordinates that the network gets. Guides act in the order of the list. begin and end (may be NULL): before the first step,
 * where it takes the device memory that lasts; and after the last one, also when something failed. With cx->dry only the memory that
 * it takes counts. */
struct bp_guided {
	int step, steps;
	double sigma;             /* t_hat, A                                                  */
	int samples, atoms;
	float *denoised, *noisy;  /* [samples,atoms,3], device; denoised NULL in before()      */
	bool record;              /* what is done may be recorded (bp_sampler.replay)           */
	struct bp_beside *beside; /* NULL: nothing                                             */
};
struct bp_guide {
	int (*act)(void *self, struct bp_ctx *cx, const struct bp_guided *g);
	int (*before)(void *self, struct bp_ctx *cx, const struct bp_guided *g);
	int (*begin)(void *self, struct bp_ctx *cx);
	void (*end)(void *self, struct bp_ctx *cx);
	void *self;
};

/* What a step made; device memory that is overwritten by the next. */
struct bp_step {
	int step;
	double t_hat;
	const float *x, *noisy, *denoised, *aligned; /* [samples,atoms,3]; x: before the step */
};

/* The network's work, from step to step and target to target: all of a step's; the score alone, where the rest was done beside the guides of the
 * step before. Begin with { 0 }. */
struct bp_sampler_replay {
	struct bp_replay all, score;
};
void bp_sampler_forget(struct bp_sampler_replay *r, struct bp_ctx *cx); /* as bp_replay_forget */

struct bp_sampler {
	struct bp_schedule schedule;
	int samples;
	const int *centred;   /* of each target, the atoms whose mean is the centre; those that collate added are not among them. NULL: all */
	double step_scale;
	const struct bp_start *start; /* NULL: from noise alone */
	struct bp_sampler_replay *replay; /* NULL: all is run each time */
	const struct bp_guide *guide;
	int guides;
	int (*watch)(void *self, struct bp_ctx *cx, const struct bp_step *s); /* NULL: nobody */
	void *self;
};

/* x [samples,members,atoms,3] on the device = sampled coordinates of the targets that c is conditioned for, and for the schedule's times; it takes
 * c->batch samples a call. d: the draws of each. More than one: from noise, without guides. */
int bp_sample(struct bp_ctx *cx, const struct bp_sampler *o, struct bp_conditioned *c, const struct bp_draws *d,
    float *x) BP_MUST_USE;

#endif
