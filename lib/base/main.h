/* lib/base/main.h: what every program's main does first, and where things are installed. */
#ifndef BP_MAIN_H
#define BP_MAIN_H

#include "base/opt.h"

/* Name the program, open an arena for option texts (*mem, the caller closes it), parse the options, set the log level
 * from *c (which lies inside opt; NULL: none). Returns -1: go on; else the exit status, everything printed already. */
int bp_main_start(const struct bp_program *prog, void *opt, const struct bp_common *c, struct bp_strlist *args, int argc,
    char **argv, struct bp_arena **mem) BP_MUST_USE;

/* Flush stdout; BP_EIO when it did not take all that was printed. */
int bp_stdout_flush(struct bp_err *err) BP_MUST_USE;

/* Print err and return the exit status that its code stands for. */
int bp_main_fail(const struct bp_err *err);

/* The path of a file of share/ ("demo/boltz-demo.safetensors"): beside the running program's own tree
 * (DIR/../share/boltzpipe, DIR/../../share/boltzpipe as installed; DIR/../../../share in a build tree), or
 * $BOLTZPIPE_SHARE. NULL when there is no such file (err filled, BP_EIO). */
char *bp_share_path(const char *name, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* The directory of the running program, without the last '/'. NULL: unknown. */
char *bp_program_dir(struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
