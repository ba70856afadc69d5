/* lib/structure/save.h: a record becomes the files of its target, and its line in the manifest. */
#ifndef BP_SAVE_H
#define BP_SAVE_H

#include "structure/trajectory.h"

struct bp_save_opt {
	bool pdb; /* else mmCIF */
	bool full_pae, full_pde, embeddings;
	enum bp_trajectory_format trajectory;
	const char *dir;  /* the output folder                                            */
	const char *line; /* of `write` itself, for made_from (stream/origin.h); NULL: none */
	bool keep;        /* a target that is there and was made from the same stays      */
};

/* Write everything that a structures record holds: a model and its confidence files a sample, numbered by falling
 * confidence_score (by sample when there is none), embeddings, affinity, and the trajectory that earlier records
 * brought. All of it becomes visible at once, at the end; after a failure nothing does.
 * *manifest: {id, status "ok", key, files, models, seconds}. Messages name the target. */
int bp_save(struct bp_val **manifest, const struct bp_rec *rec, const struct bp_save_opt *o, struct bp_outdir *d,
    struct bp_err *err) BP_MUST_USE;

/* A done record: featurize found the target. Are its files still there, and were they made as the stages that
 * this record has passed would make them? *manifest: the one of then, and kept: true. BP_EINPUT: no; says in what it
 * differs. */
int bp_save_kept(struct bp_val **manifest, const struct bp_rec *rec, const struct bp_save_opt *o,
    struct bp_outdir *d, struct bp_err *err) BP_MUST_USE;

/* A target failed, here or at a stage before: discard what of it is under way. Its manifest: {id, status "failed",
 * stage, error, hint}; NULL: no memory. */
struct bp_val *bp_save_failure(
    struct bp_outdir *d, const char *id, const char *stage, const struct bp_err *why, struct bp_arena *mem);

#endif
