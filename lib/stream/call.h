/* lib/stream/call.h: questions and answers over ZeroMQ, a record each: REQ and REP on the wire, so that a server or a client is a few
 * lines in any language (doc/guides.md). */
#ifndef BP_CALL_H
#define BP_CALL_H

#include "stream/io.h"

struct bp_call; /* one end; a thread uses it */

/* server: bind, else connect (when somebody is there). o NULL: the defaults; it must outlive the call. */
int bp_call_open(struct bp_call **ret, const char *endpoint, bool server, const struct bp_wire_opt *o, struct bp_err *err)
    BP_MUST_USE;
void bp_call_close(struct bp_call *c);

/* How long bp_call_take and bp_call_send may wait, from now; 0: for ever. */
void bp_call_within(struct bp_call *c, double seconds);

/* Send what a record's bytes are: to the server; or to the client whose question was taken last. BP_EINPUT: not within that time. */
int bp_call_send(struct bp_call *c, const struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;
/* The next record. BP_EINPUT: none within that time. BP_ESTREAM: what came is none. BP_EMEM: it does not fit into mem. */
int bp_call_take(struct bp_call *c, struct bp_rec **rec, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* A number for the client whose question was taken last, below BP_CALL_CLIENTS. *fresh: it was another's until now. */
enum { BP_CALL_CLIENTS = 16 };
int bp_call_client(struct bp_call *c, bool *fresh);

#endif
