/* kernels/context.h: the CUDA side of a context, called by lib/ops/ctx.c in builds that have it. */
#ifndef BP_CUDA_CONTEXT_H
#define BP_CUDA_CONTEXT_H

#include "ops/ctx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Open device cx->device_index: stream, memory pool (grown on demand, at most cap bytes; 0: what the card has), cuBLAS.
 * BP_EUNSUP: no driver, no such card, or no cuBLAS library; err says which. Sets cx->dev. */
int bp_cuda_open(struct bp_ctx *cx, size_t cap, struct bp_err *err) BP_MUST_USE;
void bp_cuda_close(struct bp_ctx *cx);

void *bp_cuda_alloc(struct bp_ctx *cx, size_t bytes);
struct bp_mark bp_cuda_mark(struct bp_ctx *cx);
void bp_cuda_release(struct bp_ctx *cx, struct bp_mark m);
size_t bp_cuda_peak(const struct bp_ctx *cx);
void bp_cuda_peak_reset(struct bp_ctx *cx);

int bp_cuda_upload(struct bp_ctx *cx, void *dst, const void *src, size_t n) BP_MUST_USE;
int bp_cuda_download(struct bp_ctx *cx, void *dst, const void *src, size_t n) BP_MUST_USE;
int bp_cuda_copy(struct bp_ctx *cx, void *dst, const void *src, size_t n) BP_MUST_USE;
int bp_cuda_zero(struct bp_ctx *cx, void *dst, size_t n) BP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
