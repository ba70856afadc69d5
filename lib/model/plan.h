/* lib/model/plan.h: memory is known before work starts: a stage's computation is rehearsed with cx->dry. */
#ifndef BP_PLAN_H
#define BP_PLAN_H

#include <stdio.h>

#include "base/val.h"
#include "ops/ctx.h"

/* The size of a target that is only thought of. */
struct bp_plan_size {
	int tokens, atoms, samples, msa; /* atoms: a multiple of 32 */
};
/* "TOKENS[,ATOMS[,SAMPLES[,MSA]]]"; left out: 8 atoms a token, `samples`, 128 rows. */
int bp_plan_parse(struct bp_plan_size *ret, const char *spec, int samples, struct bp_err *err) BP_MUST_USE;

/* What a stage would take of the device (its weights aside) and, where that is other memory, of the host. */
struct bp_planned {
	size_t device, host;
	int chunk; /* rows of pairs at once, 0: all */
	double work; /* in units of the stage's measured seconds (plan.c) */
};
/* Plan work(self, cx), as bp_plan_run would: `room` bytes are allowed (0: any). */
int bp_plan_fit(struct bp_planned *ret, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self,
    size_t room) BP_MUST_USE;
/* Print a plan for people; weights: bytes on the device. */
void bp_plan_tell(FILE *to, const char *tool, const char *device, const struct bp_plan_size *size, const struct bp_planned *p, size_t weights,
    size_t free);

/* Rehearse work(self, cx): *bytes = the device memory that it takes at its peak. */
int bp_plan_bytes(size_t *bytes, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self) BP_MUST_USE;

/* For work beside other pair tensors: its ops take at most 1 / share of n rows of pairs at once from now on. Returns what cx->chunk was, to be put
 * back. */
int bp_plan_share(struct bp_ctx *cx, int n, int share);

/* Run work(self, cx) dry, then for real. When memory is short, ops work on blocks of rows (cx->chunk), larger ones first. If what it takes, and on a CPU what mem holds already and the `adds` bytes
 * that work puts there, is above cap bytes (0: no cap), or above what the device has free, nothing is computed:
 * BP_EMEM names `size` ("76 tokens, 608 atoms"), needed and allowed, with hint. *peak = the bytes taken in the end.
 * Device memory is released in any case. */
int bp_plan_run(size_t *peak, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self,
    const struct bp_arena *mem,
    size_t adds, size_t cap, const char *size, const char *hint, struct bp_err *err) BP_MUST_USE;

#endif
