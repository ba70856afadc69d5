/* lib/stream/batch.h: several targets in one record (doc/wire.md, "Batches"): meta.batch lists them, tensors have an axis of targets
 * in front. Every target stays a record of its own to the stages: these functions are the way there and back. */
#ifndef BP_BATCH_H
#define BP_BATCH_H

#include "stream/rec.h"

enum { BP_BATCH_MAX = 64 }; /* targets of a record */

bool bp_is_batch(const struct bp_rec *rec); /* meta.batch is a list */
/* Targets of a record: the items of meta.batch, else 1. What streams count are these. */
int64_t bp_batch_count(const struct bp_rec *rec);
/* The name of the i-th; rec's own where there is none. */
const char *bp_batch_id(const struct bp_rec *rec, int64_t i);

/* *ret = a record that holds the n members, n >= 1, all of one kind: a new one of copies; their metas and trails are shared. BP_EUNSUP: they
 * cannot travel together (their runs or kinds differ, or a tensor's name is of the form NAME#NUMBER); BP_EMEM. */
int bp_batch_stack(struct bp_rec **ret, struct bp_rec *const *member, int n, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* The targets of any record: *n members of a batch, in order, as records in rec's arena that share its data, each with the index that it would have alone; or
 * rec itself. Once a record. st: what came of reading rec, BP_OK or the BP_EMEM of its tensors. Otherwise than BP_OK: this is the fate of all *n >= 1 targets; where
 * meta.batch cannot be read (BP_EINPUT), rec stands for them. */
int bp_batch_open(struct bp_rec *member[BP_BATCH_MAX], int *n, struct bp_rec *rec, int st, struct bp_err *err) BP_MUST_USE;

#endif
