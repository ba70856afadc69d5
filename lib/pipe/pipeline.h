/* lib/pipe/pipeline.h: run the stages of a pipe as processes: a | b | c, with one progress display. */
#ifndef BP_PIPELINE_H
#define BP_PIPELINE_H

#include "base/opt.h"

struct bp_proc {
	const char *tool;  /* "trunk", for messages                             */
	char *const *argv; /* argv[0] is the path of the program; NULL at the end */
};

/* Start n processes joined by pipes (the first reads our stdin, the last writes our stdout), show their progress on
 * stderr as one line, wait for all. SIGINT and SIGTERM are handed to all of them. Returns the exit status of the run:
 * 0, or that of the stage at fault, which is named on stderr: when one goes, its neighbours fail too, with 3. A stage
 * killed by a signal counts as 3. */
int bp_pipeline_run(const struct bp_proc *p, int n);

/* The options of a program, as it tells itself by --help-options. */
struct bp_toolopt {
	const char *name, *help; /* help: the line of --help, with its newline */
	char letter;             /* 0: none */
	bool value;              /* takes one */
};
struct bp_toolopts {
	const char *tool, *path, *summary;
	struct bp_toolopt *opt;
	int n;
};
/* What a program prints on stdout (its first 64 KiB), looked for on the PATH; ok: it ended with 0. */
int bp_pipeline_output(
    char **text, bool *ok, char *const *argv, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* Let a program parse its options without doing anything but tell those that are not the default's, "--name=value". What it
 * has to say against them goes to stderr; *refused is set then. */
int bp_pipeline_changed(struct bp_strlist *ret, bool *refused, char *const *argv, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
int bp_pipeline_options(
    struct bp_toolopts *ret, const char *dir, const char *tool, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* Sort a command line onto several programs: argv of each gets the options that it knows; what no program knows is
 * BP_EUSAGE with the nearest name; so are in and out, which a pipe has no use for. Words that are no options land in
 * *args, and all after "--". Letters that run together (-vqo DIR) are taken apart. list[i] has the options for tool i
 * (no argv[0]); alone[i]: one of them is known to tool i only. */
int bp_pipeline_split(struct bp_strlist *list, bool *alone, struct bp_strlist *args, const struct bp_toolopts *tools, int ntools,
    int argc, char **argv, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
