#include "run.h"

#include <string.h>

#include "base/log.h"
#include "input/schema.h"
#include "input/source.h"

static const char tool[] = "featurize";

/* *rec stands for a target that is done, or is NULL */
static int
look_for(struct bp_rec **rec, struct featurize_run *r, const struct bp_file *file, const char *hash, struct bp_err *err)
{
	bool there = false;

	BP_TRY(bp_rec_new(rec, BP_DONE, file->id, r->mem, err));
	BP_TRY(bp_val_set((*rec)->meta, "input", bp_val_str(r->mem, hash, err), r->mem, err));
	BP_TRY(bp_trail_add(*rec, tool, NULL, "cpu", NULL, 0, 0, &r->changed, err));
	if (r->resume.dir)
		BP_TRY(resume_find(&there, &r->resume, *rec, r->config, err));
	if (!there)
		*rec = NULL;
	return BP_OK;
}

/* the record of one target: its features, or that it is done */
static int
make(struct bp_rec *rec, struct bp_rec **done, struct featurize_run *r, const struct bp_file *file, struct bp_err *err)
{
	double start = bp_seconds();
	char hash[BP_HASH_SIZE], *text;
	struct bp_input *in;
	struct bp_val *tree;
	size_t n;

	if (file->as)
		return BP_FAIL(err, BP_EINPUT, "rename one of the files", "%s: target %s is there already, from %s",
		    file->name, file->as->id, file->as->name);
	BP_TRY(bp_input_tree(&tree, &text, &n, file->path, r->mem, err));
	BP_TRY(bp_source_hash(hash, file->name, text, n, tree, r->mem, err));
	BP_TRY(look_for(done, r, file, hash, err));
	if (*done)
		return BP_OK;
	BP_TRY(bp_schema_read(&in, file->name, tree, r->mem, err));
	BP_TRY(bp_features_make(rec, in, r->ccd, &r->o, err));
	BP_TRY(bp_val_set(rec->meta, "input", bp_val_str(r->mem, hash, err), r->mem, err));
	return bp_trail_add(
	    rec, tool, NULL, "cpu", NULL, bp_seconds() - start, bp_arena_peak(r->mem), &r->changed, err);
}

int
featurize_one(struct featurize_run *r, const struct bp_file *file, struct bp_err *err)
{
	double start = bp_seconds();
	struct bp_rec *rec, *done = NULL;
	int st;

	bp_arena_reset(r->mem);
	bp_arena_peak_reset(r->mem);
	BP_TRY(bp_rec_new(&rec, BP_FEATURES, file->id, r->mem, err));
	st = make(rec, &done, r, file, err);
	if (st == BP_OK
	    && ((st = bp_out_put(r->out, done ? done : rec, err)) == BP_OK || bp_out_broken(r->out) != BP_OK)) {
		bp_log(BP_LOG_INFO, "%s: %s%.3f s", file->id, done ? "done already; " : "", bp_seconds() - start);
		return st;
	}
	if (strncmp(err->msg, file->name, strlen(file->name)) != 0) /* such as: out of memory */
		bp_err_where(err, "%s", file->name);
	bp_log_err(err);
	if (r->exit_code == BP_EXIT_OK || st == BP_EUNSUP)
		r->exit_code = st == BP_EUNSUP ? BP_EXIT_USAGE : BP_EXIT_TARGETS;
	return bp_out_put(r->out, bp_rec_failure(rec, tool, err), err);
}
