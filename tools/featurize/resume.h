/* tools/featurize/resume.h: targets that an earlier run has finished are not made again. */
#ifndef FEATURIZE_RESUME_H
#define FEATURIZE_RESUME_H

#include "stream/io.h"

struct resume {
	const char *dir;        /* where `write` put them (its -o); NULL: all are made                   */
	struct bp_strlist with; /* lines of stream/origin.h for the later stages; n 0: `write` compares them */
	int others;             /* there, but made from something else */
	char *first;            /* the first of them, and in what it differs */
};

/* The lines of --resume-with. */
int resume_with(struct resume *r, const char *text, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* Is the target of this done record there, and whole, and made from the same? keep lives longer than records do. */
int resume_find(
    bool *ret, struct resume *r, const struct bp_rec *done, struct bp_arena *keep, struct bp_err *err) BP_MUST_USE;

/* At the end: say how many were made anew, and why the first was. */
void resume_tell(const struct resume *r);

#endif
