/* lib/stream/guard.h: what ZeroMQ does not bound. It hands over a message when all its frames are there, keeps them until then, and limits a frame's
 * size (ZMQ_MAXMSGSIZE) but not their number: a stranger who never ends a message fills memory. So the connections to a TCP socket that binds
 * are watched: when more has come than the program was handed, beyond a limit, the connection with most of it is cut. For the thread that owns the
 * socket. */
#ifndef BP_GUARD_H
#define BP_GUARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct bp_guard;
/* most: bytes that may have come and not been handed over, of all connections together. Before the socket binds. */
int bp_guard_open(struct bp_guard **ret, void *ctx, void *sock, uint64_t most, struct bp_err *err) BP_MUST_USE;
void bp_guard_close(struct bp_guard *g); /* before the socket; NULL is fine */
/* A frame of n bytes was handed over, from the connection fd (ZMQ_SRCFD). g NULL: nothing is watched. */
void bp_guard_saw(struct bp_guard *g, int fd, size_t n);
/* Look at the connections, at most 50 times a second: how many were cut. */
int bp_guard_look(struct bp_guard *g);

#endif
