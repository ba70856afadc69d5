/* lib/model/plan.h: memory is known before work starts: a stage's computation is rehearsed with cx->dry. */
#ifndef BP_PLAN_H
#define BP_PLAN_H

#include "base/val.h"
#include "ops/ctx.h"

/* Rehearse work(self, cx): *bytes = the device memory that it takes at its peak. */
int bp_plan_bytes(size_t *bytes, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self) BP_MUST_USE;

/* Run work(self, cx) dry, then for real. If what it takes, and on a CPU what mem holds already and the `adds` bytes
 * that work puts there, is above cap bytes (0: no cap), or above what the device has free, nothing is computed:
 * BP_EMEM names `size` ("76 tokens, 608 atoms"), needed and allowed, with hint. *peak = the bytes taken in the end.
 * Device memory is released in any case. */
int bp_plan_run(size_t *peak, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self,
    const struct bp_arena *mem,
    size_t adds, size_t cap, const char *size, const char *hint, struct bp_err *err) BP_MUST_USE;

#endif
