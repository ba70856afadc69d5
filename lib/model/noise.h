/* lib/model/noise.h: the random draws of one target's sampling run: made from the seed, or replayed from a file, and
 * recorded on request. Such a file is safetensors with, for S steps, M samples, A atoms (padded):
 *   noise.init [M,A,3]   standard normal, the start is sigma_0 times it
 *   noise.R [S,M,3,3], noise.tr [S,M,1,3]   rotation (x R) and translation, A, of each step
 *   noise.eps [S,M,A,3]  standard normal of each step
 * A path that is a directory, or ends in '/', holds one such file a target, PATH/ID.noise.safetensors (see dump.h). */
#ifndef BP_MODEL_NOISE_H
#define BP_MODEL_NOISE_H

#include "ops/ctx.h"
#include "tensor/safetensors.h"

struct bp_draws {
	int steps, samples, atoms;
	bool still;                      /* no rotation, no translation                     */
	const float *R, *tr;             /* host [S,M,3,3], [S,M,3]                         */
	const float *init, *eps;         /* host [M,A,3], [S,M,A,3]: replayed, or NULL: drawn */
	float *kept_init, *kept_eps;     /* the same where every draw is recorded, or NULL  */
	uint64_t key;
	struct bp_st *file;
};

/* steps, samples, atoms and still are set by the caller. replay: a path, or NULL; record: keep every draw for
 * bp_draws_write. BP_EINPUT: a tensor is missing or has another shape (both are named); BP_EIO: no such file. mem
 * holds what is kept. */
int bp_draws_open(struct bp_draws *d, const char *id, uint64_t seed, const char *replay, bool record,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
int bp_draws_write(const struct bp_draws *d, const char *path, const char *id, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;
void bp_draws_close(struct bp_draws *d);

/* out on the device = the standard normal numbers of the start, of a step: [A,3] of each sample, which lie `apart` numbers apart. */
int bp_draws_init(const struct bp_draws *d, struct bp_ctx *cx, int64_t apart, float *out) BP_MUST_USE;
int bp_draws_step(const struct bp_draws *d, struct bp_ctx *cx, int step, int64_t apart, float *out) BP_MUST_USE;

#endif
