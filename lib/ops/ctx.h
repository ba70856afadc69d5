/* lib/ops/ctx.h: where ops run: a device, its memory, and the variant bound to each op. The model sees device memory
 * only through these functions; on the CPU device memory is host memory and upload costs nothing. */
#ifndef BP_CTX_H
#define BP_CTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

enum bp_device { BP_CPU, BP_CUDA };
/* The coarsest operands that matrix products may have; sums, norms, softmax and what lies between ops are fp32 in all of them. The CPU and the
 * original CUDA rows are fp32 whatever is asked for; every optimized CUDA row knows the three. */
enum bp_precision { BP_FP32, BP_TF32, BP_BF16_MM };

/* A parameter as ops see it: row-major [n,k] (a linear layer: n outputs, k inputs; a vector: k = 1). p is in the
 * device's memory. h is the device's own prepared copy, or NULL: on the CPU the matrix as bp_gemm takes it
 * (bp_weight_keep), so that the optimized rows need not pack it at every call. */
struct bp_weight {
	const float *p;
	const void *h;
	int n, k;
};

struct bp_ops;    /* ops.h */
struct bp_memory; /* below */
struct bp_profile;
struct bp_share; /* lane.h */

struct bp_ctx {
	const struct bp_ops *ops; /* bound functions; called through BP_OP */
	enum bp_device device;
	int device_index;
	enum bp_precision precision;
	int threads;            /* CPU threads                                                          */
	const struct bp_memory *memory; /* the device's memory functions */
	struct bp_arena *mem;   /* CPU: activations and scratch. Devices keep their own pool in dev     */
	void *dev;              /* the device's own state (kernels/context.cu), NULL on the CPU         */
	struct bp_err *err;     /* filled by an op that fails                                           */
	struct bp_profile *profile; /* profile.h, or NULL */
	bool dry;               /* planning: memory is counted, nothing is computed, nothing dereferenced */
	int chunk;              /* ops whose scratch grows with the pairs take at most this many rows of pairs at once; 0: all of them */
	int members;            /* targets whose rows lie one behind the other in what ops get; a row's numbers do not depend on it (diffusion.h). 0: one */
	bool chunk_fixed;       /* ... by the user's word: a plan does not change it */
	struct bp_share *share; /* with lanes of the same device, or NULL */
	unsigned epoch;         /* counts up when memory is given back: recordings from before know addresses that are void */
};

/* how many of n rows an op takes at once */
static inline int
bp_rows_at_once(const struct bp_ctx *cx, int n)
{
	return cx->chunk && cx->chunk < n ? cx->chunk : n;
}

/* device "cpu", "cuda", "cuda:N"; variant "original" or "optimized"; ops: n strings NAME=VARIANT; threads 0: all.
 * BP_EUSAGE: an unknown name (lists the known ones); BP_EUNSUP: this build has no such device. cap: most bytes. */
int bp_ctx_open(struct bp_ctx **ret, const char *device, const char *variant, const char *const *ops, int nops,
    const char *precision, int threads, size_t cap, struct bp_err *err) BP_MUST_USE;
/* The same to plan with, for any card on any machine: dry for good, so that nothing is ever computed or copied and memory is only counted.
 * Where there is no card, bp_dev_free is 0. */
int bp_ctx_open_dry(struct bp_ctx **ret, const char *device, const char *variant, const char *const *ops, int nops,
    const char *precision, int threads, struct bp_err *err) BP_MUST_USE;
void bp_ctx_close(struct bp_ctx *cx);

/* Device memory, 256-byte aligned on a GPU and 64 on the CPU, not cleared. Lives until the mark before it is released.
 * NULL and *cx->err on failure. */
void *bp_dev_alloc(struct bp_ctx *cx, size_t bytes) BP_MUST_USE;
struct bp_mark bp_dev_mark(struct bp_ctx *cx);
void bp_dev_release(struct bp_ctx *cx, struct bp_mark m);
size_t bp_dev_peak(const struct bp_ctx *cx); /* bytes, since bp_dev_peak_reset */
void bp_dev_peak_reset(struct bp_ctx *cx);

/* Rehearsal: until rehearsed, cx->dry is set and memory is counted against no cap, from 0. rehearsed returns the bytes at the peak. */
struct bp_rehearsal {
	struct bp_arena *mem;
	size_t used, peak, cap;
	bool dry;
};
int bp_dev_rehearse(struct bp_rehearsal *r, struct bp_ctx *cx) BP_MUST_USE;
size_t bp_dev_rehearsed(struct bp_rehearsal *r, struct bp_ctx *cx);
/* Make w's prepared copy, as large as w; it lives as long as cx. For matrices that meet few rows, again and again: making it
 * at every call costs up to half of the product. Nothing happens on a device without such copies, and where the original
 * rows are bound. */
int bp_weight_keep(struct bp_ctx *cx, struct bp_weight *w) BP_MUST_USE;
/* Bytes that could still be allocated: what the device (on the CPU the machine, or this process's share of it) has free. */
size_t bp_dev_free(const struct bp_ctx *cx);

/* Bytes that the context holds and does not use; give them back, when nothing is under way. */
size_t bp_dev_idle(const struct bp_ctx *cx);
void bp_dev_trim(struct bp_ctx *cx);
int bp_dev_attach(struct bp_ctx *cx) BP_MUST_USE; /* in a thread that did not open cx, first */

/* *dst = the n host bytes at src as device memory. On the CPU *dst = src: do not change it, keep it alive. */
int bp_dev_upload(struct bp_ctx *cx, const void **dst, const void *src, size_t n) BP_MUST_USE;
/* The same without waiting, for what comes before any work: src stays as it is until bp_dev_settle, or the next upload, download, copy
 * or zero of cx, has seen all of it there. */
int bp_dev_feed(struct bp_ctx *cx, const void **dst, const void *src, size_t n) BP_MUST_USE;
int bp_dev_settle(struct bp_ctx *cx) BP_MUST_USE;
int bp_dev_download(struct bp_ctx *cx, void *dst, const void *src, size_t n) BP_MUST_USE; /* waits for the device */
int bp_dev_copy(struct bp_ctx *cx, void *dst, const void *src, size_t n) BP_MUST_USE;     /* device to device     */
int bp_dev_zero(struct bp_ctx *cx, void *dst, size_t n) BP_MUST_USE;

/* Recordings: what is run between record and recorded is kept (and not done), to be done by every replay with the same
 * arguments, memory included; for work that has been run before (its memory is there) and does not wait. Where there are none (the
 * CPU, a dry run, ops that are being timed) bp_dev_records is false, and the work is run each time. keep false: something failed, there is no recording. */
bool bp_dev_records(const struct bp_ctx *cx);
int bp_dev_record(struct bp_ctx *cx) BP_MUST_USE;
int bp_dev_recorded(struct bp_ctx *cx, void **recording, bool keep) BP_MUST_USE;
int bp_dev_replay(struct bp_ctx *cx, void *recording) BP_MUST_USE;
void bp_dev_forget(struct bp_ctx *cx, void *recording); /* waits for replays under way; NULL is fine */

/* Work aside. In a recording it is a branch: it goes on beside what is asked for after it, until bp_dev_join, and neither touches what the other one
 * writes. Elsewhere it is run in turn. Its memory is the bytes at room (bp_dev_alloc; a rehearsal tells how many), which nothing else uses until
 * then. share: of the device's processors that its matrix products may hold all the time, 1: any; results do not depend on it. Where bp_dev_sides is
 * false (the CPU, ops that are being timed) it takes memory as ever. */
bool bp_dev_sides(const struct bp_ctx *cx);
int bp_dev_aside(struct bp_ctx *cx, void *room, size_t bytes, double share, int (*work)(void *self, struct bp_ctx *cx), void *self) BP_MUST_USE;
int bp_dev_join(struct bp_ctx *cx) BP_MUST_USE;

/* Progress without waiting: notes that everything asked for so far ends with number `now` (rising from 1), and returns the
 * highest number that the device has reached, 0: none. */
int64_t bp_dev_reached(struct bp_ctx *cx, int64_t now);

/* What a device implements; bp_dev_X calls X of cx->memory. feed, settle (then feed is upload), record to attach, and turn and join may be NULL. */
struct bp_memory {
	void *(*alloc)(struct bp_ctx *cx, size_t bytes);
	struct bp_mark (*mark)(struct bp_ctx *cx);
	void (*release)(struct bp_ctx *cx, struct bp_mark m);
	size_t (*peak)(const struct bp_ctx *cx);
	void (*peak_reset)(struct bp_ctx *cx);
	int (*rehearse)(struct bp_rehearsal *r, struct bp_ctx *cx);
	size_t (*rehearsed)(struct bp_rehearsal *r, struct bp_ctx *cx);
	size_t (*free)(const struct bp_ctx *cx);
	int (*upload)(struct bp_ctx *cx, const void **dst, const void *src, size_t n);
	int (*feed)(struct bp_ctx *cx, const void **dst, const void *src, size_t n);
	int (*settle)(struct bp_ctx *cx);
	int (*download)(struct bp_ctx *cx, void *dst, const void *src, size_t n);
	int (*copy)(struct bp_ctx *cx, void *dst, const void *src, size_t n);
	int (*zero)(struct bp_ctx *cx, void *dst, size_t n);
	/* Timings: stamp number i is set when the device has come so far; stamps waits and fills *at = seconds, from any beginning, for the
	 * first n. at is the same array in both, at[i] in stamp. */
	int (*stamp)(struct bp_ctx *cx, int i, double *at);
	int (*stamps)(struct bp_ctx *cx, int n, double *at);
	int (*record)(struct bp_ctx *cx);
	int (*recorded)(struct bp_ctx *cx, void **recording, bool keep);
	int (*replay)(struct bp_ctx *cx, void *recording);
	void (*forget)(struct bp_ctx *cx, void *recording);
	int64_t (*reached)(struct bp_ctx *cx, int64_t now);
	int (*attach)(struct bp_ctx *cx);
	size_t (*idle)(const struct bp_ctx *cx);
	void (*trim)(struct bp_ctx *cx);
	int (*turn)(struct bp_ctx *cx, void *room, size_t bytes, double share); /* what follows is aside; room NULL: no longer */
	int (*join)(struct bp_ctx *cx);
};
extern const struct bp_memory bp_cpu_memory;

/* p = n floats of device memory, or return BP_EMEM from the calling function */
#define BP_DEV_NEW(p, n, cx)                                              \
	do {                                                              \
		(p) = bp_dev_alloc(cx, (size_t)(n) * sizeof *(p));        \
		if (!(p))                                                 \
			return BP_EMEM;                                   \
	} while (0)

/* Run an op: BP_OP(cx, linear, .x = x, .rows = n, ...). Fields not named are 0 or NULL. */
#define BP_OP(cx, op, ...) (cx)->ops->op(cx, &(const struct bp_##op){ __VA_ARGS__ })

#ifdef __cplusplus
}
#endif
#endif
