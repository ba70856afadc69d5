/* lib/ops/profile.h: where the time of a context's ops goes: each call lies between two stamps of the device's own clock. */
#ifndef BP_PROFILE_H
#define BP_PROFILE_H

#include "ops/ctx.h"

/* Time every op that is called from now on. BP_EMEM. It slows a card down by a few microseconds an op. */
int bp_profile_open(struct bp_ctx *cx, struct bp_err *err) BP_MUST_USE;
/* Log a table: op, calls, milliseconds, share; what lay between the ops (copies, the host) is its last line. */
void bp_profile_tell(struct bp_ctx *cx);
void bp_profile_close(struct bp_ctx *cx); /* nothing was opened: fine */

#endif
