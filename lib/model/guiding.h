/* lib/model/guiding.h: guides in the sampler: what doc/guides.md says of a diffusion step, for all guided samples of a
 * target, and the log of energies. Units: A. */
#ifndef BP_GUIDING_H
#define BP_GUIDING_H

#include "guide/exec.h"
#include "guide/source.h"
#include "model/guiding_log.h"
#include "model/sampler.h"

/* The programs of a run's exec guides, by their command. */
struct bp_execs {
	struct {
		const char *command;
		struct bp_exec *e;
	} of[16];
	int n;
	const struct bp_wire_opt *wire; /* for those at an endpoint */
};
/* The program of p's command, started when it is not there yet. BP_EUNSUP: too many; else what bp_exec_open says. */
int bp_execs_find(struct bp_exec **ret, struct bp_execs *x, const struct bp_guide_params *p, struct bp_err *err) BP_MUST_USE;
void bp_execs_close(struct bp_execs *x);

struct bp_guiding_opt {
	struct bp_guide_params *params; /* [n] */
	int n;
	int samples, guided; /* of the target; of them the first are guided           */
	int steps, atoms, tokens;
	const int32_t *token; /* [atoms] of each atom, -1 for padding: host            */
	const struct bp_rec *rec;
	struct bp_execs *execs;
	bool each_step; /* bp_guiding_step is called after each step */
};

struct bp_guiding;
/* Read the data of all guides. Everything lives in mem, which is also where their scratch comes from. */
int bp_guiding_open(struct bp_guiding **ret, struct bp_ctx *cx, const struct bp_guiding_opt *o, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;
/* n guides for struct bp_sampler */
const struct bp_guide *bp_guiding_list(struct bp_guiding *g, int *n);

/* With each_step: what the guides found last in a step, into rec's meta.guides: a list of maps {kind, samples}, samples a list of maps
 * {gd_step, energy,
 * ...} of the guided ones; empty where the step was not guided. */
int bp_guiding_step(const struct bp_guiding *g, int step, struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;

/* Energies of the final samples x [samples,atoms,3], and what is to be told: rec's meta.guides, a list of maps {kind,
 * keys, columns, samples}, and tensors guide_log_K [rows,guided,columns], K from 1
 * (structure/guide_log.h); and meta.scores.KIND_guidance. */
int bp_guiding_end(struct bp_guiding *g, const float *x, struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;

#endif
