/* lib/stream/sock_out_part.h: the insides of stream/sock_out.h, shared by sock_out.c (the caller's side) and sock_out_thread.c. */
#ifndef BP_SOCK_OUT_PART_H
#define BP_SOCK_OUT_PART_H

#include "stream/net.h"
#include "stream/sock_out.h"

/* Memory of large chunks, which go from one record to the next: pages that were touched once need not be cleared again. Any thread's. */
struct pool {
	pthread_mutex_t lock;
	struct chunk *first;
	int n, least; /* that are free; the fewest since bp_pool_trim */
	double trimmed;
};

/* bytes that are in our unit and, uncopied, in ZeroMQ's messages: up to BP_NET_CHUNK of them in each, or BP_CHUNK_LARGE from a pool */
struct chunk {
	atomic_int held;
	size_t n, cap;
	struct pool *pool; /* NULL: malloc's */
	struct chunk *next;
	unsigned char b[];
};
enum { BP_CHUNK_LARGE = 32 << 20 };

struct unit {
	struct unit *next;
	struct pool *pool;
	struct chunk **chunk;
	int n, cap, given;
	uint64_t bytes, seq;
	char *id, *run;
	struct bp_duty *duty, **kept; /* what it answers: [nkept] beside the first */
	int nkept;
};

/* a consumer's session */
struct client {
	int ep;
	struct bp_rid rid;
	uint64_t peer, session, out, in;
	uint64_t want, bytes, answered;
	uint64_t told; /* bytes of the unit that it was told of, 0: that there is none */
	bool end_sent, end_done;
	bool gone; /* nothing can be sent to it any more; what it said before, DONE above all, may still be on its way */
	double heard, said;
	uint64_t seq;
	struct unit *first, **last; /* what it has, by rising number */
};

struct bp_sock_out {
	const struct bp_wire_opt *opt;
	struct bp_stats *stats;
	struct bp_sock_in *in;
	struct bp_net *net;
	pthread_t thread;
	/* of the thread */
	struct client **client;
	int nclients, clients_cap;
	double alone, needy, knocked; /* since when without clients; and with something for them; when we last knocked */
	bool orphan;
	double confirmed; /* when the end first was; 0: not yet */
	/* shared, guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct unit *first, **last; /* pending */
	uint64_t pending, held, held_bytes;
	struct unit *end;
	bool ended, late, quit; /* late: the end was not confirmed to us */
	struct bp_err err;
	/* of the caller */
	struct unit *making;
	struct pool pool;
};

/* Give back to the system what was not needed since the last call, if that was 5 s ago. */
void bp_pool_trim(struct pool *p, double now);

void bp_chunk_drop(void *data, void *chunk); /* as ZeroMQ calls it */
void bp_unit_clear(struct unit *u);
void bp_unit_free(struct unit *u, bool lost); /* NULL is fine. lost: its duty was not done */
int bp_unit_append(void *unit, const void *buf, size_t n, struct bp_err *err) BP_MUST_USE;
void *bp_sock_out_thread(void *s); /* until s->quit */

#endif
