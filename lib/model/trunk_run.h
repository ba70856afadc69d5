/* lib/model/trunk_run.h: what trunk.c and trunk_run.c share, and nobody else includes: the bound trunk, and a run of it. */
#ifndef BP_TRUNK_RUN_H
#define BP_TRUNK_RUN_H

#include "base/log.h"
#include "model/dump.h"
#include "model/embed.h"
#include "model/input.h"
#include "model/msa.h"
#include "model/replay.h"
#include "model/template.h"
#include "model/trunk.h"
#include "stream/batch.h"

struct bp_trunk {
	struct bp_weights *w;
	struct bp_ctx *cx;
	const struct bp_trunk_opt *o;
	int ts, tz, bins;                   /* token_s, token_z, distogram bins         */
	int dumped;                         /* targets so far                           */
	bool has_template, has_bfactor;
	struct bp_input_embedder input;
	struct bp_weight s_init, z_init_1, z_init_2;
	struct bp_pair_embed embed;
	struct bp_weight s_norm, s_norm_b, z_norm, z_norm_b, s_recycle, z_recycle;
	struct bp_template template;
	struct bp_msa msa;
	struct bp_pairformer pairformer;
	struct bp_weight distogram, distogram_b;
	struct bp_weight bfactor, bfactor_b;
	struct bp_replay replay;            /* of a pass                                */
};

struct bp_trunk_target {
	struct bp_feats host;               /* what was read                            */
	struct bp_rec *rec;                 /* NULL: only the size matters              */
	uint64_t key;                       /* of random numbers                        */
};

/* A target, or several of one size together. Activations are device memory. */
struct bp_trunk_run {
	struct bp_trunk *t;
	struct bp_ctx *cx;
	int members, n;                     /* targets, tokens of each                  */
	const struct bp_trunk_target *target; /* [members]                              */
	struct bp_feats *f;                 /* [members] on the device                  */
	const struct bp_feats *all;         /* of more than one: bp_feats_join, on the host */
	struct bp_dump *dump;               /* of one; NULL: nobody looks               */
	struct bp_progress *progress;
	const float *mask;                  /* [members,n] of tokens, or NULL           */
	float *s_inputs, *s, *z;            /* [members,n,ts] twice, [members,n,n,tz]   */
};

/* The work of bp_plan_run: from features to what the records get. self: a run with t, cx, members, n, target, f and, of several, all. BP_EUNSUP: several do not go
 * in blocks of rows (cx->chunk). */
int bp_trunk_compute(void *self, struct bp_ctx *cx) BP_MUST_USE;

#endif
