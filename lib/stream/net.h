/* lib/stream/net.h: endpoints, their ZeroMQ sockets, and the messages of doc/wire.md ("Sockets"). One thread uses a struct bp_net; others
 * may only wake it. */
#ifndef BP_NET_H
#define BP_NET_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

#include "base/opt.h"
#include "stream/stats.h"

enum bp_net_type {
	BP_NET_OPEN = 1,
	BP_NET_ASK,
	BP_NET_DONE,
	BP_NET_BACK,
	BP_NET_BEAT,
	BP_NET_KNOCK,
	BP_NET_HAVE,
	BP_NET_DATA,
	BP_NET_RESET,
	BP_NET_BYE
};
enum { BP_NET_LAST = 1, BP_NET_END = 2, BP_NET_SEVERAL = 4, BP_NET_ORPHAN = 1 }; /* flags of DATA; of HAVE */
enum {
	BP_NET_CHUNK = 1 << 20, /* most bytes of a frame                          */
	BP_NET_CALL = 1 << 30,  /* the same between a client and its server       */
	BP_NET_HEAD = 56,       /* of a head                                      */
	BP_NET_BATCH = 1 << 16, /* most bytes of several small units in one frame */
	BP_NET_SMALL = 1 << 13, /* of one of them                                 */
	BP_NET_NUMBERS = 4096,  /* most unit numbers in one DONE or BACK          */
	BP_NET_ENDPOINTS = 256,
	BP_NET_PEERS = 4096 /* most peers of one endpoint that binds */
};
#define BP_NET_BEAT_S 0.5  /* everyone says something that often              */
#define BP_NET_LOOK_S 0.25 /* looks up so often when there is nothing to do   */
#define BP_NET_SEEK_S 0.05 /* and so often while nobody is at the other end   */
#define BP_NET_GONE_S 5.0  /* who has said nothing for so long is gone        */

struct bp_net_head {
	uint8_t type, flags;
	uint64_t peer, session, serial, a, b, c;
};

/* A ROUTER socket's name for a connection; n = 0 for a DEALER socket, which has only one. */
struct bp_rid {
	uint8_t n, b[31];
};

struct bp_curve; /* stream/curve.h */
struct bp_guard; /* stream/guard.h */

struct bp_endpoint {
	char *name; /* as the user wrote it */
	void *sock;
	struct bp_guard *guard; /* NULL: who connects is known, or is this user */
	bool bound;
	bool said; /* that it is waited for */
};

struct bp_net {
	void *ctx, *zap;
	struct bp_curve *keys; /* NULL: no encryption */
	int wake, stop;       /* descriptors that end a wait; stop may be -1 */
	atomic_bool asleep;
	uint64_t self; /* our random name */
	struct bp_stats *stats;
	bool told;      /* of a stranger */
	int n, turn;    /* endpoints; the one to be read next */
	struct bp_endpoint ep[];
};

/* Sockets for a list of endpoints with commas between. A producer binds ipc and what begins with '*', a consumer only the latter; a server binds,
 * a client does not. BP_EUSAGE: not understood, or not safe. */
enum bp_net_role { BP_NET_CONSUMER, BP_NET_PRODUCER, BP_NET_SERVER, BP_NET_CLIENT };
int bp_net_open(struct bp_net **ret, const char *list, enum bp_net_role role, const struct bp_wire_opt *o, struct bp_stats *stats,
    struct bp_err *err) BP_MUST_USE;
/* What was sent gets linger_ms to leave. */
void bp_net_close(struct bp_net *net, int linger_ms);

/* Sleep until a message comes, bp_net_wake was called, or for some time (but for ms at most). True: bp_net_stop says that we shall end. */
bool bp_net_wait(struct bp_net *net, long ms);
void bp_net_wake(struct bp_net *net); /* from any thread; cheap when the owner is awake */

/* The next message of any endpoint, *ep. What is not as doc/wire.md says is dropped. body is initialized, and empty when there is none; the caller
 * closes it when true was returned. */
bool bp_net_recv(struct bp_net *net, int *ep, struct bp_rid *rid, struct bp_net_head *h, zmq_msg_t *body);
/* The body of a message without a head, as REQ and REP sockets have it. False: there is none, or it was dropped. */
bool bp_net_recv_plain(struct bp_net *net, struct bp_rid *rid, zmq_msg_t *body);
/* Send a head and body (NULL: none), which is closed in any case. h->peer is filled in. False: that connection is gone. */
bool bp_net_send(struct bp_net *net, int ep, const struct bp_rid *rid, struct bp_net_head h, zmq_msg_t *body);
/* The same with n numbers as body. */
bool bp_net_send_numbers(struct bp_net *net, int ep, const struct bp_rid *rid, struct bp_net_head h, const uint64_t *v,
    int n) BP_MUST_USE;
/* The numbers of a body; -1: not as they should be. */
int bp_net_numbers(uint64_t v[BP_NET_NUMBERS], zmq_msg_t *body);

/* Count a stranger, and say so the first time. */
void bp_net_stranger(struct bp_net *net, int ep, const char *why);
uint64_t bp_net_random(void); /* never 0 */

/* SIGTERM makes *fd readable, in this process, from now on. For stages that can finish: those that read from a socket. */
int bp_net_catch_stop(int *fd, struct bp_err *err) BP_MUST_USE;

/* A thread of a stream's, as one that owns sockets; signals go to the program's own threads. */
int bp_net_thread(pthread_t *thread, void *(*run)(void *), void *self, struct bp_err *err) BP_MUST_USE;

#endif
