/* lib/model/start.h: what the programs that run the network open first: a device and the weights, from the common
 * options. */
#ifndef BP_START_H
#define BP_START_H

#include "base/opt.h"
#include "model/weights.h"

/* Open the context of --device, --variant, --op, --precision, --threads and the file of --weights. Both are NULL on
 * failure.
 * --mem-cap is not the context's: each target is held to it (model/plan.h). -v tells weights and bound kernels. */
int bp_model_open(struct bp_ctx **cx, struct bp_weights **w, const struct bp_common *c, struct bp_err *err) BP_MUST_USE;
void bp_model_close(struct bp_ctx *cx, struct bp_weights *w); /* NULL is fine */

/* The variant for the trail: "optimized", followed by the ops that are bound otherwise: "optimized tri_attn=original".
 * NULL: no memory. */
char *bp_model_variant(const struct bp_ctx *cx, const struct bp_common *c, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
