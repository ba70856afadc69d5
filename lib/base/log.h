/* lib/base/log.h: messages for people, on stderr: "program: where: what: how to mend", one line each. */
#ifndef BP_LOG_H
#define BP_LOG_H

#include <stdbool.h>

#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { BP_LOG_ERROR = 0, BP_LOG_WARN = 1, BP_LOG_INFO = 2 }; /* -q: errors only; default: warnings; -v: all */

/* Set once by main before anything else: the program's name and the level. */
void bp_log_open(const char *program, int level);
const char *bp_log_program(void);
int bp_log_level(void);

void bp_log(int level, const char *fmt, ...) BP_PRINTF(2, 3);
/* Print an error record as the one line it is; BP_ETOLD, which is another's, with -v only. */
void bp_log_err(const struct bp_err *err);

/* Progress on stderr. On a terminal the line is redrawn in place; elsewhere a plain line at most every five
 * seconds, and one at the end of a phase. Silent below BP_LOG_WARN, or when $BOLTZPIPE_PROGRESS is "0"; when that
 * is "fd:N" the line "program\ttarget\twhat\tdone\ttotal\n" goes to descriptor N instead, for `boltzpipe predict`.
 * total may be 0 (unknown). Example: "trunk: ubiquitin: recycling 1/4, 3 s left". */
struct bp_progress {
	const char *target, *what; /* "ubiquitin", "sampling step" */
	double start, shown;       /* seconds, monotonic           */
	bool open;
};
void bp_progress_open(struct bp_progress *p, const char *target, const char *what);
void bp_progress_step(struct bp_progress *p, int done, int total);
void bp_progress_close(struct bp_progress *p);

double bp_seconds(void); /* monotonic clock */

#ifdef __cplusplus
}
#endif
#endif
