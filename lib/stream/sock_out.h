/* lib/stream/sock_out.h: the producer's side of a socket (doc/wire.md, "Sockets"). A thread of its own hands units out, keeps those that are
 * not safe yet, and says that we are here, while the caller works. Calls are for one thread. */
#ifndef BP_SOCK_OUT_H
#define BP_SOCK_OUT_H

#include "base/opt.h"
#include "stream/sock_in.h"
#include "stream/stats.h"

struct bp_sock_out;

/* Returns without waiting for anybody. in: where our records come from; NULL: no socket. o, stats (may be NULL) and in must outlive it. */
int bp_sock_out_open(struct bp_sock_out **ret, const char *endpoints, const struct bp_wire_opt *o, struct bp_stats *stats,
    struct bp_err *err) BP_MUST_USE;
void bp_sock_out_from(struct bp_sock_out *s, struct bp_sock_in *in);

/* Append bytes to the unit being made. */
int bp_sock_out_write(void *self, const void *buf, size_t n, struct bp_err *err) BP_MUST_USE;
/* The unit is whole: id and run of its target (of several: their ids, one a line). When it is safe, so is what `in` gave last, and the n kept. Waits for room. BP_EIO: nobody there for
 * --timeout. */
int bp_sock_out_commit(struct bp_sock_out *s, const char *id, const char *run, struct bp_duty *const *kept, int n,
    struct bp_err *err) BP_MUST_USE;
bool bp_sock_out_begun(const struct bp_sock_out *s); /* is a unit being made? */
/* Wait until everything is safe. */
int bp_sock_out_drain(struct bp_sock_out *s, struct bp_err *err) BP_MUST_USE;
/* The unit being made is the end record: send it to all, wait until they have confirmed it. After bp_sock_out_drain. */
int bp_sock_out_end(struct bp_sock_out *s, struct bp_err *err) BP_MUST_USE;
bool bp_sock_out_late(struct bp_sock_out *s); /* after it: nobody was there any more, as others had told the end */
void bp_sock_out_close(struct bp_sock_out *s);

#endif
