/* lib/stream/sock_in.h: the consumer's side of a socket (doc/wire.md, "Sockets"). A thread of its own asks, receives, acknowledges and
 * says that we are here, while the caller works. Calls are for one thread, but for the last two. */
#ifndef BP_SOCK_IN_H
#define BP_SOCK_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"
#include "stream/stats.h"

struct bp_sock_in;

/* What is owed for one unit: when the last of those who hold it has let it go, its producer is told that it is safe. */
struct bp_duty {
	struct bp_duty *next;
	struct bp_sock_in *to;
	uint64_t session, seq;
	atomic_int held;
	atomic_bool lost; /* it will not be done here */
};

/* Returns without waiting for anybody. o and stats (may be NULL) must outlive it. */
int bp_sock_in_open(struct bp_sock_in **ret, const char *endpoints, const struct bp_wire_opt *o, struct bp_stats *stats,
    struct bp_err *err) BP_MUST_USE;

/* Wait for the next unit; the one before is finished here (what came of it may be under way). BP_OK; *end: an end record. BP_EOS: all has
 * come, or SIGTERM asked to stop. BP_ESTREAM: nobody there for --timeout. */
int bp_sock_in_next(struct bp_sock_in *s, bool *end, struct bp_err *err) BP_MUST_USE;
/* Bytes of the unit; got 0: its end. */
int bp_sock_in_read(void *self, void *buf, size_t n, size_t *got, struct bp_err *err);
size_t bp_sock_in_left(const struct bp_sock_in *s);
bool bp_sock_in_idle(struct bp_sock_in *s, double seconds); /* nothing to be had, for so long? */
/* What is done with the unit waits for others (who take its results): that is no standstill of ours. From when to when. */
void bp_sock_in_rest(struct bp_sock_in *s, bool rests);
/* The unit was no record: its producer gets it back, and is left. */
void bp_sock_in_refuse(struct bp_sock_in *s, const char *why);
/* The unit belongs to this run; or: it is an end record, and this run ended with it. */
void bp_sock_in_run(struct bp_sock_in *s, const char *run, bool ended);
struct bp_duty *bp_sock_in_duty(struct bp_sock_in *s); /* of the unit in work; NULL: none */
bool bp_sock_in_stopped(struct bp_sock_in *s);          /* by SIGTERM */

/* All that came is safe: confirm the ends. */
void bp_sock_in_end(struct bp_sock_in *s);
void bp_sock_in_close(struct bp_sock_in *s); /* what is not safe goes back */

/* From any thread. lost: it was not done. */
void bp_duty_hold(struct bp_duty *d);
void bp_duty_drop(struct bp_duty *d, bool lost);
/* Is nobody there to give us anything? */
bool bp_sock_in_orphan(struct bp_sock_in *s);

#endif
