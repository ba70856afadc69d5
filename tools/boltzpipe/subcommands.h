/* The subcommands of boltzpipe; each gets its own argc and argv and returns the exit status. */
#ifndef SUBCOMMANDS_H
#define SUBCOMMANDS_H

#include "base/main.h"
#include "pipe/pipeline.h"

int bp_predict_main(int argc, char **argv);
int bp_submit_main(int argc, char **argv);
int bp_show_main(int argc, char **argv);
int bp_rmsd_main(int argc, char **argv);
int bp_sweep_main(int argc, char **argv);
int bp_keygen_main(int argc, char **argv);
int bp_top_main(int argc, char **argv);
int bp_env_main(int argc, char **argv);

/* The directory of the tools. NULL and err on failure. */
char *bp_tool_dir(struct bp_arena *mem, struct bp_err *err);

#endif
