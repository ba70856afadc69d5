/* lib/model/replay.h: work that a device does again and again with the same arguments, within a target and for the next one of
 * its shape, is recorded and replayed as a whole (bp_dev_record in ops/ctx.h). */
#ifndef BP_REPLAY_H
#define BP_REPLAY_H

#include "model/feats.h"

/* Everything that the work depends on but what is in device memory: sizes, addresses, switches. Begin with { 0 }. */
struct bp_key {
	size_t n; /* above sizeof b: too long, such work is never recorded */
	unsigned char b[32768]; /* the features of 64 targets are 24 KB */
};
void bp_key_add(struct bp_key *k, const void *p, size_t n);
#define BP_KEY_ADD(k, lvalue) bp_key_add(k, &(lvalue), sizeof(lvalue)) /* a number or a pointer: no padding */
void bp_key_feats(struct bp_key *k, const struct bp_feats *f); /* device features */

/* The last work and its recording. Begin with { 0 }. */
struct bp_replay {
	struct bp_key key;
	void *recording; /* NULL: not yet recorded */
	unsigned epoch;  /* cx's, then             */
};

/* Do work(self, cx). When it is what was done last, by key, it is recorded now and replayed from then on: by then its memory is there,
 * and what a first run sets up is done. Work with another key is run, and takes that one's place. */
int bp_replay(struct bp_replay *r, struct bp_ctx *cx, const struct bp_key *key, int (*work)(void *self, struct bp_ctx *cx),
    void *self) BP_MUST_USE;
/* Waits for replays under way. Before cx is closed. */
void bp_replay_forget(struct bp_replay *r, struct bp_ctx *cx);

#endif
