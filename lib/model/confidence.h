/* lib/model/confidence.h: the confidence module (ConfidenceModule of confidencev2.py) and its stage: scores of each
 * sample of a structures record, one sample after the other, so that memory stays that of one. */
#ifndef BP_CONFIDENCE_H
#define BP_CONFIDENCE_H

#include "model/dump.h"
#include "model/embed.h"
#include "model/pairformer.h"
#include "model/scores.h"
#include "model/start.h"

struct bp_confidence_net {
	int ts, tz;
	bool embeds;                          /* relative positions, bonds, contacts of its own (add_z_input_to_z) */
	struct bp_pair_embed embed;
	struct bp_weight in_norm, in_norm_b;  /* [ts] of s_inputs                     */
	struct bp_weight s_norm, s_norm_b;    /* [ts], n = 0: none                    */
	struct bp_weight z_norm, z_norm_b;    /* [tz]                                 */
	struct bp_weight in_to_s;             /* [ts,ts], n = 0: none                 */
	struct bp_weight to_z_i, to_z_j;      /* [tz,ts]                              */
	struct bp_weight prod_i, prod_j, prod; /* [tz,ts] twice, [tz,tz], n = 0: none */
	struct bp_weight boundaries, dist;    /* [bins-1] A, [bins,tz]                */
	struct bp_pairformer pairformer;
	struct bp_weight pae, pae_other, pde, pde_other; /* [bins,tz]; *_other: of different chains, n = 0: the same */
	struct bp_weight plddt, resolved;     /* [bins,ts], [2,ts]                    */
};
/* Bind below the present scope ("confidence_module"). Heads with numbers an atom instead of a token are BP_EUNSUP. */
void bp_confidence_bind(struct bp_confidence_net *net, struct bp_bind *b);

struct bp_confidence_opt {
	bool write_embeddings;   /* keep s and z in the record */
	const char *dump;        /* path (bp_target_path), or NULL */
	struct bp_stage_opt stage;    /* it draws nothing: no seed */
};

/* Bind the weights. cx, w and o live as long as the stage. BP_EUNSUP: weights without a confidence module. */
struct bp_confidence;
int bp_confidence_open(struct bp_confidence **ret, struct bp_ctx *cx, struct bp_weights *w,
    const struct bp_confidence_opt *o, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* A bp_stage_fn. Memory is rehearsed first, see plan.h. BP_ENUM: scores are not finite. Dumps conf.* of the samples:
 * the results, their logits, and s_in, z_in, s_out, z_out of the pairformer. */
int bp_confidence_run(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out,
    struct bp_err *err) BP_MUST_USE;

/* bp_stage_program.warm of confidence */
int bp_confidence_warm(void *self, int n, int atoms, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* bp_stage_program.plan of confidence */
int bp_confidence_plan(struct bp_planned *ret, void *self, const struct bp_plan_size *size, size_t room, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* bp_stage_program.batch of confidence: the pairformer of all members at once */
int bp_confidence_batch(void *self, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err) BP_MUST_USE;

/* bp_stage_program.lane and .together of confidence */
int bp_confidence_lane(void **ret, const void *stage, struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
bool bp_confidence_together(const void *stage, const struct bp_rec *rec);

#endif
