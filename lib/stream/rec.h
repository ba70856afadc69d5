/* lib/stream/rec.h: records, the units of a stream (doc/wire.md). A record and all it holds live in one arena. */
#ifndef BP_REC_H
#define BP_REC_H

#include "base/val.h"
#include "tensor/tensor.h"

enum bp_kind { BP_FEATURES, BP_TRUNK, BP_STRUCTURES, BP_TRAJECTORY, BP_ERROR, BP_DONE, BP_END, BP_OTHER };

struct bp_rec {
	enum bp_kind kind;
	const char *kind_name; /* the word on the wire; for BP_OTHER the unknown one */
	const char *id;        /* target name, unique in a run; "" in an end record  */
	int64_t index;         /* position in the stream, from 0                     */
	struct bp_val *meta;   /* a map, never NULL                                  */
	struct bp_val *trail;  /* an array of maps, never NULL                       */
	struct bp_val *extra;  /* map of top-level keys we do not know: forwarded    */
	struct bp_named *tensor;
	int n, cap;
	bool received; /* came from a stream as it is: not made here         */
	struct bp_arena *mem;
	struct bp_spare *spare; /* rec.c's own: room for bp_rec_failure              */
};

/* A new empty record of a kind. id is copied. */
int bp_rec_new(
    struct bp_rec **ret, enum bp_kind kind, const char *id, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
const char *bp_kind_name(enum bp_kind k);
enum bp_kind bp_kind_from(const char *name); /* BP_OTHER: not one of ours */

/* Put a tensor under a name, replacing one of that name. The name is copied; the tensor is not: it lives as long
 * as the record. */
int bp_rec_put(struct bp_rec *r, const char *name, const struct bp_tensor *t, struct bp_err *err) BP_MUST_USE;
/* A new cleared tensor, put into the record. */
int bp_rec_add(struct bp_tensor **ret, struct bp_rec *r, const char *name, enum bp_dtype dtype, int ndim,
    const int64_t *shape, struct bp_err *err) BP_MUST_USE;
void bp_rec_drop(struct bp_rec *r, const char *name); /* nothing happens when there is none */

const struct bp_tensor *bp_rec_get(const struct bp_rec *r, const char *name); /* NULL: none */

/* The tensor of that name as dtype (converted when needed), checked: ndim axes, and shape[i] where shape[i] >= 0;
 * shape[i] = -1 is filled in with what was found. BP_EINPUT names tensor, found and wanted. */
int bp_rec_want(const struct bp_tensor **ret, const struct bp_rec *r, const char *name, enum bp_dtype dtype, int ndim,
    int64_t *shape, struct bp_err *err) BP_MUST_USE;

/* The record that stands for a failed target: kind error, same id, index and trail; meta {stage, message, hint, code}.
 * Always succeeds, also when memory is exhausted: it lies in room that r has kept for it (one failure a record). */
struct bp_rec *bp_rec_failure(const struct bp_rec *r, const char *stage, const struct bp_err *why);

#endif
