/* lib/model/members.h: the members of a batch through a stage as one: what is alike in every bp_stage_program.batch. */
#ifndef BP_MODEL_MEMBERS_H
#define BP_MODEL_MEMBERS_H

#include "model/feats.h"
#include "stream/batch.h"

struct bp_members_stage {
	size_t size; /* bytes of what the stage knows of a target */
	/* Sets *target, zeros so far, from rec, whose arena it may use. */
	int (*prepare)(void *target, void *stage, struct bp_rec *rec, struct bp_err *err);
	const struct bp_feats *(*feats)(const void *target);
	/* All that happens on the device for `members` targets that lie one behind the other. all: bp_feats_join of them, or NULL: there is one. */
	int (*run)(size_t *peak, void *stage, void *target, int members, const struct bp_feats *all, struct bp_arena *mem, struct bp_err *err);
	int (*finish)(void *stage, void *target, double seconds, size_t peak, struct bp_err *err); /* seconds, peak: a target's share */
	void (*close)(void *target); /* of every target that prepare has seen; or NULL */
};

/* A bp_stage_program.batch of `stage`: a target that cannot be prepared or finished has that as its fate, the others go on. BP_EUNSUP: they are not of one size. */
int bp_members_run(const struct bp_members_stage *p, void *stage, struct bp_rec *const *member, struct bp_err *fate, int n,
    struct bp_err *err) BP_MUST_USE;

/* "8 targets of " for messages, "" of one */
const char *bp_members_label(char buf[32], int members);

#endif
