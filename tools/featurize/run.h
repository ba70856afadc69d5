/* tools/featurize/run.h: input files, one by one, into records. */
#ifndef FEATURIZE_RUN_H
#define FEATURIZE_RUN_H

#include "input/features.h"
#include "input/files.h"
#include "resume.h"

struct featurize_run {
	const struct bp_ccd *ccd;
	struct bp_features_opt o;
	struct bp_strlist changed; /* options, for the trail */
	struct resume resume;
	struct bp_arena *config, *mem; /* of the process, of the record */
	struct bp_out *out;
	int exit_code; /* rises when a target failed */
};

/* Put the record of one target: its features, that it is done, or why it failed. Not BP_OK: the stream is broken. */
int featurize_one(struct featurize_run *r, const struct bp_file *file, struct bp_err *err) BP_MUST_USE;

#endif
