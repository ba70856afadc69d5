/* lib/guide/exec.h: a guide of another program, asked over pipes or, when the command is an endpoint (tcp://, ipc://),
 * over a socket (doc/guides.md). */
#ifndef BP_GUIDE_EXEC_H
#define BP_GUIDE_EXEC_H

#include "guide/source.h"
#include "stream/rec.h"

/* One program of a run, started with the first request, by /bin/sh; when it is late, broken or gone it is ended, and
 * started anew for the next target. Closing sends the end record and waits for it (as long as an answer may take). A
 * server at an endpoint is neither started nor ended; wire is for it (NULL: the defaults). */
struct bp_exec;
int bp_exec_open(struct bp_exec **ret, const char *command, double timeout, const struct bp_wire_opt *wire,
    struct bp_err *err) BP_MUST_USE;
const char *bp_exec_command(const struct bp_exec *e);
void bp_exec_close(struct bp_exec *e);

/* It as a source for a target: rec describes the atoms, natoms with padding. Columns, goal, and those of p's keys of
 * the step that p was not given are known after the first eval. Everything lives in mem. */
int bp_source_exec(struct bp_guide_source **ret, struct bp_exec *e, const struct bp_rec *rec, int natoms,
    struct bp_guide_params *p, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
