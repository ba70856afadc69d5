/* lib/model/trunk.h: the first half of the network, from features to single and pair representations: input embedder,
 * recycling, templates, MSA, pairformer, distogram (Boltz2.forward of models/boltz2.py). */
#ifndef BP_TRUNK_H
#define BP_TRUNK_H

#include "model/start.h"

struct bp_trunk_opt {
	int recycling_steps;          /* passes after the first, >= 0                        */
	bool subsample_msa;           /* a random part of the MSA in each pass                */
	int num_subsampled_msa;       /* rows of it, >= 1                                     */
	const char *dump;             /* where intermediates go (bp_target_path), or NULL     */
	bool no_graphs;               /* never record a pass                                  */
	struct bp_stage_opt stage;    /* the seed is of that part                             */
};
#define BP_TRUNK_INIT { .recycling_steps = 3, .num_subsampled_msa = 1024, .stage.seed = 42 }

/* Bind the parameters. cx, w and o live as long as the stage, mem holds its tables. BP_EUSAGE, BP_EUNSUP name what does
 * not fit. */
struct bp_trunk;
int bp_trunk_open(struct bp_trunk **ret, struct bp_ctx *cx, struct bp_weights *w, const struct bp_trunk_opt *o,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

void bp_trunk_close(void *self);

/* A bp_stage_fn: a features record becomes a trunk record (doc/wire.md), with s_inputs, s, z, pdistogram and, if the
 * network has that head, pbfactor, without the MSA. Features and memory are checked first: BP_EINPUT, BP_EMEM. BP_ENUM:
 * the result is not finite. Dumps s_inputs, s_init, rel_pos, contact_conditioning, z_init, passR.*, pdistogram and
 * pbfactor. */
int bp_trunk_run(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out,
    struct bp_err *err) BP_MUST_USE;

/* bp_stage_program.batch of the trunk */
int bp_trunk_batch(void *self, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err) BP_MUST_USE;

/* What a target of this size needs, its features aside: device memory at the peak, and what is added to its record. n
 * tokens, atoms (a multiple of 32), rows of MSA, templates with an aligned token. mem: scratch. */
int bp_trunk_bytes(size_t *device, size_t *host, struct bp_trunk *t, int n, int atoms, int msa, int templates,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* bp_stage_program.plan of the trunk */
int bp_trunk_plan(struct bp_planned *ret, void *self, const struct bp_plan_size *size, size_t room, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* bp_stage_program.lane and .together of the trunk */
int bp_trunk_lane(void **ret, const void *stage, struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
bool bp_trunk_together(const void *stage, const struct bp_rec *rec);

#endif
