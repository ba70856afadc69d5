/* kernels/context.h: the CUDA side of a context, called by lib/ops/ops.c in builds that have it. */
#ifndef BP_CUDA_CONTEXT_H
#define BP_CUDA_CONTEXT_H

#include "ops/ctx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Open device cx->device_index: stream, memory pool (grown on demand, at most cap bytes; 0: what the card has), cuBLAS.
 * BP_EUNSUP: no driver, no such card, or no cuBLAS library; err says which. Sets cx->dev and cx->memory. */
int bp_cuda_open(struct bp_ctx *cx, size_t cap, struct bp_err *err) BP_MUST_USE;
/* Only to plan with (bp_ctx_open_dry); where there is no such card, the numbers of an H100 are taken. */
int bp_cuda_open_dry(struct bp_ctx *cx, struct bp_err *err) BP_MUST_USE;
void bp_cuda_close(struct bp_ctx *cx);
/* Has the card the shared memory that the optimized row of `op` wants at the context's precision? */
bool bp_cuda_fits(const struct bp_ctx *cx, const char *op);

/* Dense matrix products of this card at its highest clock in operations a second (fp32: without tensor cores); 0: not known of its kind. */
double bp_cuda_peak(const struct bp_ctx *cx, enum bp_precision precision);

/* record.cu: CUDA graphs as ctx.h's recordings */
int bp_cuda_record(struct bp_ctx *cx);
int bp_cuda_recorded(struct bp_ctx *cx, void **recording, bool keep);
int bp_cuda_replay(struct bp_ctx *cx, void *recording);
void bp_cuda_forget(struct bp_ctx *cx, void *recording);

/* lane.cu: what lanes need beside a context each: to wait until the card has done all that this process asked for, and a thread that works on it */
int bp_cuda_wait(const struct bp_ctx *cx, struct bp_err *err) BP_MUST_USE;
int bp_cuda_attach(struct bp_ctx *cx) BP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
