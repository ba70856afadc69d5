/* lib/stream/sock_in_part.h: the insides of stream/sock_in.h, shared by sock_in.c (the caller's side) and sock_in_thread.c. */
#ifndef BP_SOCK_IN_PART_H
#define BP_SOCK_IN_PART_H

#include <time.h>
#include <zmq.h>

#include "stream/net.h"
#include "stream/sock_in.h"

enum { BP_SOCK_RUNS = 64 };

/* a unit that came, or is coming */
struct unit {
	struct unit *next;
	uint64_t session, seq, bytes, got;
	int ep;
	bool end;
	zmq_msg_t *frame;
	int n, cap, at; /* frame[at] is being read, from byte `off` */
	size_t off, stop; /* stop: of its only frame, which it shares; 0: its frames are its own */
};

/* a producer that we know */
struct link {
	int ep;
	struct bp_rid rid;
	uint64_t peer;                 /* 0: none has answered yet */
	uint64_t session, out, in;     /* serials */
	uint64_t asked, answered;      /* units */
	uint64_t allowed, next;        /* bytes that may come; of the unit that it could send, 0: none */
	bool live, ended, orphan;
	double heard, said;
	struct unit *coming;
};

struct endpoint {
	bool ended, away_told;
	uint64_t runs; /* bits: those that came by it */
	double away;   /* since when there has been nobody */
};

struct bp_sock_in {
	const struct bp_wire_opt *opt;
	struct bp_stats *stats;
	struct bp_net *net;
	pthread_t thread;
	/* of the thread */
	struct link *link;
	int nlinks, links_cap, turn;
	struct endpoint *ep; /* [net->n] its fields `ended` and `runs` are guarded by lock */
	uint64_t coming, coming_bytes;
	double alone; /* since when no producer has been live; 0: one is */
	double looked, leaving; /* when we last looked at the time; since when we want to leave */
	double moved, used;     /* when the caller last used the processor; how much it had then, s */
	bool stopping, busy, met, seeks; /* met: a producer has been there; seeks: one of those that we connect to is not */
	/* shared, guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct unit *first, **last; /* waiting */
	uint64_t held, held_bytes;  /* waiting and in work */
	struct bp_duty *done, **done_last;
	uint64_t ndone;
	uint64_t hungry; /* so few are held, that the thread wants to ask for more */
	struct bp_duty *ends; /* end records to be confirmed */
	char *run[BP_SOCK_RUNS];
	uint64_t ended_runs;
	bool any_end, finished, stopped, quit, confirmed;
	uint64_t refused; /* a session to be left */
	bool works;       /* the caller has a unit, and waits for nobody */
	clockid_t clock;  /* of its processor time */
	struct bp_err err;
	atomic_bool orphan;
	/* of the caller */
	struct unit *unit;
	struct bp_duty *duty;
};

void bp_sock_in_free(struct unit *u); /* NULL is fine */
void bp_sock_in_forget(struct bp_sock_in *s); /* free all but s->net, when the thread has ended */
void *bp_sock_in_thread(void *s);     /* until s->quit */
/* sock_in_look.c. late: the thread itself was stopped */
void bp_sock_in_look_for_stall(struct bp_sock_in *s, double now, bool late);
void bp_sock_in_tell_waiting(struct bp_sock_in *s, double now);
void bp_sock_in_look_for_end(struct bp_sock_in *s, double now);
bool bp_sock_in_turn(struct bp_sock_in *s); /* one round of it: false at the end */

#endif
