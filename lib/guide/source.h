/* lib/guide/source.h: where a guide has energies and gradients from: a SAXS curve or a radius of gyration in this
 * process (exec.h: another one). What the sampler and guide servers call for all samples of a target. Units: A. */
#ifndef BP_GUIDE_SOURCE_H
#define BP_GUIDE_SOURCE_H

#include "guide/params.h"

struct bp_atoms; /* atoms.h */

enum { BP_SOURCE_COLUMNS = 12 };

struct bp_guide_call {
	int step, steps, gd_step; /* as in doc/guides.md; step = steps: the final samples                  */
	double sigma;
	int samples;
	const double *x;  /* [samples,natoms,3]                                                    */
	double *energy;   /* [samples] out                                                         */
	double *gradient; /* [samples,natoms,3] out, or NULL: not wanted                           */
	double *values;   /* [samples,columns] out                                                 */
};

/* An evaluation on the device; all pointers are device memory. */
struct bp_guide_run {
	int samples;
	bool first;            /* of a diffusion step: what is held within it is found now        */
	const double *x;       /* [samples,natoms,3]                                              */
	const double *setting; /* [1] what setting() says of the diffusion step                   */
	double *energy;        /* [samples] out                                                   */
	double *values;        /* [samples,BP_SOURCE_ROW] out: the columns, and what accept looks at */
	double *gradient;      /* [samples,places,3] out                                          */
};
enum { BP_SOURCE_ROW = 16 };

/* All evaluations of a diffusion step, each with the step that follows it. */
struct bp_guide_steps {
	int steps;
	const double *weight; /* [1] as guide_step takes it, as raw and moves                */
	bool raw;
	double *x;     /* [samples,natoms,3] in and out, as the run's                 */
	double *moves; /* [samples,BP_STEP_VALUES] out                                */
	size_t ahead;  /* what the next evaluation tells lies so many numbers further */
};

struct bp_guide_source {
	const char *kind; /* "saxs", "rg", "exec"                              */
	int natoms;       /* padding included                                  */
	int columns;      /* values of a sample, and their names in the log    */
	const char *column[BP_SOURCE_COLUMNS];
	double goal; /* energy at which a Polyak step stops               */
	/* All samples, each for itself. What is held within a diffusion step is found at gd_step 0. BP_ENUM: not finite
	 * numbers; else what the source says. */
	int (*eval)(struct bp_guide_source *s, const struct bp_guide_call *c, struct bp_arena *mem, struct bp_err *err);
	/* The same on the device, without waiting for it; keep NULL: there is only eval. keep, before the first run, brings what all
	 * of a target's runs need for so many samples: that memory is the caller's, who calls drop before he releases it. After runs
	 * the caller asks accept about each sample's numbers: it fails with what eval would have said, or sets *again where what is kept
	 * has no room for the sample: keep is to be called once more (what was kept stays taken), and all to be run anew. */
	int places;           /* a sample's gradients                                             */
	const int32_t *place; /* [natoms] of each atom among them, -1: its gradient is 0; NULL: its own; host memory */
	int (*keep)(struct bp_guide_source *s, int samples);
	void (*drop)(struct bp_guide_source *s);
	double (*setting)(const struct bp_guide_source *s, int step);
	int (*run)(struct bp_guide_source *s, const struct bp_guide_run *r);
	/* in place of run: all evaluations, and what guide_step does after each, without smoothing; r's gradient is not looked at */
	int (*descend)(struct bp_guide_source *s, const struct bp_guide_run *r, const struct bp_guide_steps *t);
	int (*accept)(struct bp_guide_source *s, bool *again, int sample, double energy, const double *values, struct bp_err *err);
	bool roomy; /* accept never sets *again: it may be asked when all is done */
	/* Count eval's memory in a dry context. */
	int (*rehearse)(struct bp_guide_source *s, int samples);
	/* Move noisy coordinates x [samples,natoms,3] at noise level sigma, before the network sees them; or NULL. */
	int (*raw)(
	    struct bp_guide_source *s, double *x, int samples, double sigma, struct bp_arena *mem, struct bp_err *err);
	struct bp_guide_params *params; /* may change with exec's first answer */
};

/* samples: the most that eval will be given. Everything lives in mem; a and p must outlive it. The curve is read here.
 * eval of Rg is the host's. */
int bp_source_saxs(struct bp_guide_source **ret, struct bp_ctx *cx, const struct bp_atoms *a, struct bp_guide_params *p,
    int samples, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
int bp_source_rg(struct bp_guide_source **ret, struct bp_ctx *cx, const struct bp_atoms *a, struct bp_guide_params *p,
    int samples, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
