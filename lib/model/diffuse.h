/* lib/model/diffuse.h: the diffuse stage: a trunk record becomes a structures record with sample_atom_coords
 * [M,A,3]. */
#ifndef BP_DIFFUSE_H
#define BP_DIFFUSE_H

#include "model/guides.h"
#include "model/refine.h"
#include "model/start.h"

struct bp_diffuse_opt {
	int steps, samples, max_parallel; /* >= 2, >= 1, >= 1 */
	double step_scale;
	const char *record_noise, *replay_noise, *dump; /* paths (bp_target_path), or NULL */
	bool write_trajectory;
	struct bp_refine_opt refine;
	bool no_graphs; /* never record a step's work */
	struct bp_guides_opt guides;
	const struct bp_guide *guide; /* others than those, [nguides]: they act first */
	int nguides;
	struct bp_stage_opt stage;
};
#define BP_DIFFUSE_INIT { .steps = 200, .samples = 1, .max_parallel = 5, .step_scale = 1.5, .stage.seed = 42, \
	.refine = BP_REFINE_INIT }

/* Bind the weights, read the structure to refine. cx, w and o live as long as the stage. */
struct bp_diffuse;
int bp_diffuse_open(struct bp_diffuse **ret, struct bp_ctx *cx, struct bp_weights *w, const struct bp_diffuse_opt *o,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

void bp_diffuse_close(void *self); /* ends the programs of guides */

/* A bp_stage_fn. Memory is rehearsed first: above the cap BP_EMEM says what was needed and what would help.
 * Trajectory records go to out. BP_ENUM: coordinates are not finite. Dumps cond.*, schedule.*, score.*, step.* and
 * sample_atom_coords. */
int bp_diffuse_run(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out,
    struct bp_err *err) BP_MUST_USE;

/* bp_stage_program.batch of diffuse: the members go through every step as one target of all their tokens and atoms. */
int bp_diffuse_batch(void *self, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err) BP_MUST_USE;

/* meta.sampler, and diffuse's entry in the trail; refined: NULL: none */
int bp_diffuse_sign(struct bp_rec *rec, const struct bp_diffuse_opt *o, const struct bp_refined *refined, double seconds, size_t peak,
    struct bp_err *err) BP_MUST_USE;

/* bp_stage_program.warm of diffuse; guides are not warmed */
int bp_diffuse_warm(void *self, int n, int atoms, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* bp_stage_program.plan of diffuse; guides take some more */
int bp_diffuse_plan(struct bp_planned *ret, void *self, const struct bp_plan_size *size, size_t room, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* bp_stage_program.lane and .together of diffuse */
int bp_diffuse_lane(void **ret, const void *stage, struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
bool bp_diffuse_together(const void *stage, const struct bp_rec *rec);
void bp_diffuse_lane_close(void *lane);

#endif
