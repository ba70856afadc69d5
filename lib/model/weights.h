/* lib/model/weights.h: a network's parameters by upstream's names, from a safetensors file that stays mapped. Nothing
 * is read before it is bound, and what a stage does not bind costs nothing. fp32 parameters are used where they lie;
 * bf16, f16 and unaligned ones are converted when they are bound, once. Faults of the file are BP_EUSAGE: no target can
 * work with it. */
#ifndef BP_WEIGHTS_H
#define BP_WEIGHTS_H

#include "base/val.h"
#include "ops/ops.h"

struct bp_weights;

/* Open path; NULL: $BOLTZPIPE_WEIGHTS, else ~/.boltz/boltz2.safetensors, else the demonstration weights (installed, or
 * in the share folder of the source tree that this program was built in). The first that exists is taken; err lists all
 * when none does. */
int bp_weights_open(struct bp_weights **ret, const char *path, struct bp_err *err) BP_MUST_USE;
void bp_weights_close(struct bp_weights *w); /* NULL is fine; everything bound from it is gone */

/* Whether the file is whole: the checksum that `weights import` puts in is worked out beside the first target, and a stage asks
 * here before it hands a result on. BP_EUSAGE: the file is damaged. A file without a checksum passes. */
int bp_weights_check(struct bp_weights *w, struct bp_err *err) BP_MUST_USE;

const char *bp_weights_path(const struct bp_weights *w);
/* What the file is, as a hash (base/hash.h) of its header, which has the checksum of all; of one without a checksum also
 * its size and the time of its last change. It does not depend on the file's place. */
const char *bp_weights_id(const struct bp_weights *w);
/* The same for the file that bp_weights_open would take, in mem. */
int bp_weights_find_id(const char **ret, const char *path, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
bool bp_weights_demo(const struct bp_weights *w); /* they know 25 inputs and no other */
void bp_weights_warn(const struct bp_weights *w); /* says so on stderr, if so          */
bool bp_weights_has(const struct bp_weights *w, const char *name);

/* A hyper-parameter that no shape tells, "fix_sym_check" or "diffusion_process_args.rho", from the file's metadata
 * (hyper_parameters or config), else `otherwise`: upstream's published value. */
double bp_weights_num(const struct bp_weights *w, const char *name, double otherwise);
bool bp_weights_flag(const struct bp_weights *w, const char *name, bool otherwise);
/* BP_EUNSUP when the flag is there and is not `want`: a kind of network that this program does not have. */
int bp_weights_expect(const struct bp_weights *w, const char *name, bool want, struct bp_err *err) BP_MUST_USE;
/* {file, demo}: what a record's meta.weights says. NULL and BP_EMEM. */
struct bp_val *bp_weights_meta(const struct bp_weights *w, struct bp_arena *mem, struct bp_err *err);
/* Warn when a record's meta.weights names another file: its tensors mean nothing to this network. */
void bp_weights_compare(const struct bp_weights *w, const struct bp_val *meta, const char *id);

/* Binding: parameters are asked for by name below a scope ("pairformer_module.layers.3"). The first fault stays in st
 * and makes the later calls do nothing, so a whole layer is bound before st is looked at; sizes read from weights
 * (w->n) are to be used for arithmetic only after that. Bound weights live in device memory until w or cx is closed. */
struct bp_bind {
	struct bp_weights *w;
	struct bp_ctx *cx;
	struct bp_arena *mem; /* for the caller's arrays of layers */
	struct bp_err *err;
	int st;
	bool keep;            /* matrices get their prepared copy (bp_weight_keep)  */
	size_t len;
	char scope[512];
};
#define BP_BIND(weights, ctx, arena, e) { .w = (weights), .cx = (ctx), .mem = (arena), .err = (e) }

/* Go into a scope relative to the present one; leave(b, what enter returned). */
size_t bp_bind_enter(struct bp_bind *b, const char *fmt, ...) BP_PRINTF(2, 3);
void bp_bind_leave(struct bp_bind *b, size_t at);
/* Blocks named LIST.0. to LIST.(count-1). below the scope, 0 when there are none. */
int bp_bind_count(struct bp_bind *b, const char *list);
bool bp_bind_has(struct bp_bind *b, const char *name);
/* A matrix [n,k] and a vector [n]; -1 takes any size of at least 1. */
void bp_bind_mat(struct bp_bind *b, struct bp_weight *w, int n, int k, const char *name);
void bp_bind_vec(struct bp_bind *b, struct bp_weight *w, int n, const char *name);
/* NAME.weight and NAME.bias of a layer norm or a linear layer [n,k]. */
void bp_bind_norm(struct bp_bind *b, struct bp_weight *w, struct bp_weight *bias, int n, const char *name);
void bp_bind_linear(struct bp_bind *b, struct bp_weight *w, struct bp_weight *bias, int n, int k, const char *name);
/* A cleared array of the caller's, or NULL and st = BP_EMEM. */
void *bp_bind_new(struct bp_bind *b, int count, size_t size);
/* A fault that the caller found: "FILE: SCOPE: ..." */
void bp_bind_fail(struct bp_bind *b, const char *fmt, ...) BP_PRINTF(2, 3);

/* Layers that several modules have. c is the width they work on; everything else comes from the shapes. */
struct bp_transition_weights {
	struct bp_weight norm, norm_b, fc1, fc2, fc3; /* [c], [c], [hidden,c] twice, [c,hidden] */
};
void bp_bind_tri_mul(struct bp_bind *b, struct bp_tri_mul_weights *w, int c, const char *name);
void bp_bind_tri_attn(struct bp_bind *b, struct bp_tri_attn_weights *w, int c, const char *name);
void bp_bind_transition(struct bp_bind *b, struct bp_transition_weights *w, int c, const char *name);
void bp_bind_attn(struct bp_bind *b, struct bp_attn_weights *w, int c, const char *name);
/* NAME.0 a layer norm over c, NAME.1 a matrix [heads,c]; heads -1: any. */
void bp_bind_pair_bias(struct bp_bind *b, struct bp_pair_bias_weights *w, int heads, int c, const char *name);

/* x += transition(x), rows of w->norm.n channels. */
int bp_transition_add(struct bp_ctx *cx, const struct bp_transition_weights *w, int64_t rows, float *x);

#endif
