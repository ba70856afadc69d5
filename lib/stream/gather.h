/* lib/stream/gather.h: targets kept until enough of one shape are there for a batch (stream/batch.h). Targets that are not kept overtake those that are, by a bounded
 * number of places. */
#ifndef BP_GATHER_H
#define BP_GATHER_H

#include "stream/batch.h"
#include "stream/io.h"

enum { BP_GATHER_SHAPES = 8 }; /* at once */

/* Begin with .size and .tool set; as a filter's keeper it is bp_gather_keeper's self, or the first field of it. */
struct bp_gather {
	int size;         /* targets of a batch, 2 to BP_BATCH_MAX */
	const char *tool; /* for error records                     */
	int64_t seen;     /* targets so far                        */
	struct bp_gather_shape {
		int64_t tokens, atoms, since; /* since: `seen` when the first came */
		int n;
		struct bp_rec *rec[BP_BATCH_MAX];
		struct bp_arena *mem[BP_BATCH_MAX]; /* of rec; kept for the next one there */
		struct bp_duty *kept[BP_BATCH_MAX];
	} shape[BP_GATHER_SHAPES];
};

/* Keep rec, a record alone in mem, whose contents are taken out; mem is empty then. A batch that is full, or has waited while 8 batches' targets came, goes to out. */
int bp_gather_keep(struct bp_gather *g, struct bp_rec *rec, int64_t tokens, int64_t atoms, struct bp_arena *mem, struct bp_out *out,
    struct bp_err *err) BP_MUST_USE;
/* A target that is not kept has come: batches that have waited so long go to out. */
int bp_gather_pass(struct bp_gather *g, struct bp_out *out, struct bp_err *err) BP_MUST_USE;

/* For struct bp_keeper. */
bool bp_gather_keeps(const void *self);
int bp_gather_flush(void *self, struct bp_out *out, struct bp_err *err) BP_MUST_USE;
void bp_gather_forget(void *self); /* and frees all memory */

#endif
