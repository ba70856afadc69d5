/* lib/stream/metrics.h: the counters of a program (stream/stats.h) as Prometheus text over HTTP, and how `top` reads
 * them again. */
#ifndef BP_METRICS_H
#define BP_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "stream/stats.h"

struct bp_metrics;

/* Serve GET /metrics on a port of this machine's loopback address, with open of all addresses. A thread of its own
 * looks at stats, which must outlive it. port 0: nothing is served, *ret is NULL. BP_EUSAGE: the port is taken.
 * BP_EUNSUP: this build has no libmicrohttpd. */
int bp_metrics_open(
    struct bp_metrics **ret, int port, bool open, struct bp_stats *stats, struct bp_err *err) BP_MUST_USE;
void bp_metrics_close(struct bp_metrics *m); /* NULL is fine */

/* The page of a view, into buf [size]; returns its length as snprintf does. */
int bp_metrics_print(char *buf, size_t size, const struct bp_stats_view *v);
/* And back: what a page says; what it does not name is 0 (memory: -1). BP_EINPUT: it is no such page. */
int bp_metrics_parse(struct bp_stats_view *v, const char *page, struct bp_err *err) BP_MUST_USE;

/* The page of a stage at HOST:PORT (or PORT: of this machine), within so many seconds. BP_EUSAGE: no such address;
 * BP_EIO: nobody answers, or not so. */
int bp_metrics_get(struct bp_stats_view *v, const char *where, double seconds, struct bp_err *err) BP_MUST_USE;

#endif
