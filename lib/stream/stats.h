/* lib/stream/stats.h: what a program has read and written so far. The loop over records and the threads of its sockets count here,
 * `top` and --metrics look: any thread may do either at any time. */
#ifndef BP_STATS_H
#define BP_STATS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

struct bp_stats {
	const char *tool, *device; /* set before the first record; device may be NULL */
	double start;              /* bp_seconds() when it began                      */
	/* records, without the end record */
	atomic_llong in, out;    /* read, and put: error records and duplicates included                      */
	atomic_llong failed;     /* targets that failed here                                                  */
	atomic_llong in_flight;  /* read and not yet safe: in work, waiting, or not yet acknowledged behind us */
	atomic_llong waiting;    /* came over a socket and not begun                                          */
	atomic_llong resent;     /* handed to another consumer because the first was lost                     */
	atomic_llong duplicates; /* dropped by write: they had come before                                    */
	/* bytes of records */
	atomic_llong bytes_in, bytes_out;
	/* of sockets */
	atomic_llong peers;     /* connected now                                    */
	atomic_llong strangers; /* peers and messages refused: unknown or malformed */
	atomic_llong target;    /* bytes that the last target took on the device at its peak; -1: none yet */
	pthread_mutex_t lock;
	char error[512]; /* the last error, guarded by lock; "" none */
};

/* What to show. */
struct bp_stats_view {
	char tool[32], device[32], error[512];
	long long in, out, failed, in_flight, waiting, resent, duplicates, bytes_in, bytes_out, peers, strangers, target;
	long long memory; /* bytes resident in this process, from /proc; -1: unknown */
	double seconds;   /* since the start                                         */
	double rate;      /* records out (in, for a program that puts none) a second, over the time since the last look */
};

void bp_stats_open(struct bp_stats *s, const char *tool, const char *device);
void bp_stats_close(struct bp_stats *s);
/* Remember the error to show; s may be NULL. */
void bp_stats_error(struct bp_stats *s, const struct bp_err *err);
/* *v: the last look of this caller, cleared before the first: the rate is over the time between. */
void bp_stats_look(struct bp_stats_view *v, struct bp_stats *s);

/* add to a counter of s, which may be NULL */
#define BP_COUNT(s, field, n) ((s) ? (void)atomic_fetch_add_explicit(&(s)->field, (n), memory_order_relaxed) : (void)0)

#endif
