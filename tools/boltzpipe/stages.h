/* tools/boltzpipe/stages.h: the stages of the whole pipe and a command line sorted onto them: what predict and submit
 * share. */
#ifndef STAGES_H
#define STAGES_H

#include "pipe/pipeline.h"

enum { FEATURIZE, COLLATE, TRUNK, DIFFUSE, CONFIDENCE, WRITE, STAGES };

struct stages {
	struct bp_toolopts tools[STAGES + 1];            /* the last: the command's own options, if it has any */
	int n;                                           /* STAGES or one more                                 */
	struct bp_strlist given[STAGES + 1];             /* each one's options from the command line           */
	bool alone[STAGES + 1];                          /* ... some of them it alone has                      */
	struct bp_strlist before[STAGES], after[STAGES]; /* what we put around them: the later wins */
	struct bp_strlist changed[STAGES];               /* of all these, what is not the default's            */
	struct bp_strlist args;                          /* words that are no options: the input files         */
	struct bp_arena *mem;
	struct bp_err *err;
};

/* Ask the programs for their options. */
int stages_open(struct stages *s, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* Sort the command line, let every stage look at its options, and tell featurize what is in the output folder already
 * and how the later stages would make it. *refused: a stage has said on stderr what is wrong. */
int stages_sort(struct stages *s, bool *refused, int argc, char **argv) BP_MUST_USE;
/* Is stage t in the pipe? collate is, when an option of its own was given. */
bool stages_has(const struct stages *s, int t);
/* The command of stage t, NULL at its end. */
int stages_command(char ***ret, const struct stages *s, int t) BP_MUST_USE;
/* The value of --NAME as stage t will have it, or NULL when it is the default's. */
const char *stages_value(const struct stages *s, int t, const char *name);
/* The help of all options, each once; of tool t only those that none before it has. */
void stages_help(const struct stages *s);

#endif
