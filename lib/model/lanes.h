/* lib/model/lanes.h: the members of a batch (stream/batch.h) through one stage at the same time: on a card as one where the stage can (bp_stage_program.batch), else each on
 * a lane (ops/lane.h) with a thread of its own. On a lane a member runs as it would alone, with the same kernels on the same shapes: its result is the same to the last bit, and
 * many small kernels fill a card, or small products the cores, together. */
#ifndef BP_LANES_H
#define BP_LANES_H

#include "model/start.h"

struct bp_lanes;
/* stage: what p->open made on cx. Lanes are opened with the first batch. mem_cap: of a member. All arguments live until close. */
int bp_lanes_open(struct bp_lanes **ret, const struct bp_stage_program *p, void *stage, struct bp_ctx *cx, size_t mem_cap,
    struct bp_err *err) BP_MUST_USE;
void bp_lanes_close(struct bp_lanes *l); /* before the stage. NULL is fine */

/* A bp_batch_fn. Results live until the next call. A member that runs out of memory beside others is run once more, alone. BP_ELOST: the device is gone. */
int bp_lanes_run(void *self, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err) BP_MUST_USE;

#endif
