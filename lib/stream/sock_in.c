#include "stream/sock_in_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

/* ---- units and duties ---- */

void
bp_sock_in_free(struct unit *u)
{
	if (!u)
		return;
	for (int i = u->at; i < u->n; i++)
		zmq_msg_close(&u->frame[i]);
	free(u->frame);
	free(u);
}

void
bp_duty_hold(struct bp_duty *d)
{
	if (d)
		atomic_fetch_add(&d->held, 1);
}

void
bp_duty_drop(struct bp_duty *d, bool lost)
{
	struct bp_sock_in *s;
	bool wake;

	if (!d)
		return;
	if (lost)
		atomic_store(&d->lost, true);
	if (atomic_fetch_sub(&d->held, 1) > 1)
		return;
	s = d->to;
	BP_COUNT(s->stats, in_flight, -1);
	if (atomic_load(&d->lost)) {
		free(d);
		return;
	}
	pthread_mutex_lock(&s->lock);
	d->next = NULL;
	*s->done_last = d;
	s->done_last = &d->next;
	/* Its producer may wait for it a little (the thread looks up by itself), but not when there is little to do here meanwhile. */
	wake = 4 * ++s->ndone >= (uint64_t)s->opt->queue || !s->first || 4 * s->held_bytes >= s->opt->queue_bytes;
	pthread_mutex_unlock(&s->lock);
	if (wake)
		bp_net_wake(s->net);
}

/* ---- the caller's side ---- */

static int
start(struct bp_sock_in *s, struct bp_err *err)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->cond, &attr);
	pthread_condattr_destroy(&attr);
	return bp_net_thread(&s->thread, bp_sock_in_thread, s, err);
}

int
bp_sock_in_open(struct bp_sock_in **ret, const char *endpoints, const struct bp_wire_opt *o, struct bp_stats *stats,
    struct bp_err *err)
{
	struct bp_sock_in *s = calloc(1, sizeof *s);
	int st;

	*ret = NULL;
	if (!s)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for sockets");
	s->opt = o;
	s->stats = stats;
	s->last = &s->first;
	s->done_last = &s->done;
	if ((st = bp_net_open(&s->net, endpoints, BP_NET_CONSUMER, o, stats, err)) != BP_OK) {
		free(s);
		return st;
	}
	s->ep = calloc((size_t)s->net->n, sizeof *s->ep);
	st = s->ep ? bp_net_catch_stop(&s->net->stop, err) : BP_FAIL(err, BP_EMEM, NULL, "no memory for sockets");
	if (st == BP_OK)
		st = start(s, err);
	if (st != BP_OK) {
		bp_net_close(s->net, 0);
		free(s->link);
		free(s->ep);
		free(s);
		return st;
	}
	*ret = s;
	return BP_OK;
}

/* the caller is through with its unit; with the lock */
static struct bp_duty *
finish(struct bp_sock_in *s)
{
	struct bp_duty *d = s->duty;
	struct unit *u = s->unit;

	s->duty = NULL;
	s->unit = NULL;
	s->works = false;
	if (!u)
		return NULL;
	if (u->end && d) { /* confirmed at the very end */
		d->next = s->ends;
		s->ends = d;
		d = NULL;
	} else if (!u->end) {
		s->held--;
		s->held_bytes -= u->bytes;
	}
	bp_sock_in_free(u);
	return d;
}

int
bp_sock_in_next(struct bp_sock_in *s, bool *end, struct bp_err *err)
{
	struct bp_duty *before, *d = calloc(1, sizeof *d);
	struct unit *u;
	bool hungry;

	if (!d)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for a record's duty");
	pthread_mutex_lock(&s->lock);
	before = finish(s);
	hungry = s->held <= s->hungry;
	pthread_mutex_unlock(&s->lock);
	bp_duty_drop(before, false);
	if (hungry)
		bp_net_wake(s->net);
	pthread_mutex_lock(&s->lock);
	while (!s->first && !s->finished && !s->stopped && !s->err.code)
		pthread_cond_wait(&s->cond, &s->lock);
	u = s->first;
	if (u) {
		s->first = u->next;
		if (!s->first)
			s->last = &s->first;
		s->works = pthread_getcpuclockid(pthread_self(), &s->clock) == 0;
	}
	if (!u && s->err.code)
		*err = s->err;
	pthread_mutex_unlock(&s->lock);
	if (!u) {
		free(d);
		return s->finished || s->stopped ? BP_EOS : s->err.code;
	}
	*d = (struct bp_duty) { .to = s, .session = u->session, .seq = u->seq, .held = 1 };
	if (!u->end)
		BP_COUNT(s->stats, waiting, -1);
	BP_COUNT(s->stats, in_flight, 1);
	s->unit = u;
	s->duty = d;
	*end = u->end;
	return BP_OK;
}

int
bp_sock_in_read(void *self, void *buf, size_t n, size_t *got, struct bp_err *err)
{
	struct bp_sock_in *s = *(struct bp_sock_in **)self;
	struct unit *u = s->unit;

	(void)err;
	*got = 0;
	while (u && *got < n && u->at < u->n) {
		zmq_msg_t *m = &u->frame[u->at];
		size_t stop = u->stop ? u->stop : zmq_msg_size(m), now = stop - u->off;
		now = now < n - *got ? now : n - *got;
		memcpy((char *)buf + *got, (const char *)zmq_msg_data(m) + u->off, now);
		*got += now;
		u->off += now;
		if (u->off == stop) { /* its memory goes at once */
			zmq_msg_close(m);
			u->at++;
			u->off = 0;
		}
	}
	return BP_OK;
}

size_t
bp_sock_in_left(const struct bp_sock_in *s)
{
	return s->unit ? (size_t)(s->unit->n - s->unit->at) : 0;
}

bool
bp_sock_in_idle(struct bp_sock_in *s, double seconds)
{
	struct timespec until;
	bool idle;

	if (bp_sock_in_left(s))
		return false;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)seconds;
	until.tv_nsec += (long)(1e9 * (seconds - (double)(time_t)seconds));
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&s->lock);
	while (!s->first && !s->finished && !s->stopped && !s->err.code && pthread_cond_timedwait(&s->cond, &s->lock, &until) == 0)
		;
	idle = !s->first && !s->finished && !s->stopped && !s->err.code;
	pthread_mutex_unlock(&s->lock);
	return idle;
}

void
bp_sock_in_rest(struct bp_sock_in *s, bool rests)
{
	pthread_mutex_lock(&s->lock);
	s->works = s->unit && !rests;
	pthread_mutex_unlock(&s->lock);
}

void
bp_sock_in_refuse(struct bp_sock_in *s, const char *why)
{
	struct bp_duty *d;

	bp_log(BP_LOG_INFO, "%s: refused: %s", s->net->ep[s->unit->ep].name, why);
	pthread_mutex_lock(&s->lock);
	s->refused = s->unit->session;
	if (s->unit->end) {
		s->unit->end = false;
		s->held++;
		s->held_bytes += s->unit->bytes;
	}
	d = finish(s);
	pthread_mutex_unlock(&s->lock);
	bp_duty_drop(d, true);
	bp_net_wake(s->net);
}

void
bp_sock_in_run(struct bp_sock_in *s, const char *run, bool ended)
{
	int i = 0;

	if (!s->unit)
		return;
	pthread_mutex_lock(&s->lock);
	while (i < BP_SOCK_RUNS && s->run[i] && strcmp(s->run[i], run) != 0)
		i++;
	if (i < BP_SOCK_RUNS && !s->run[i])
		s->run[i] = strdup(run);
	if (i < BP_SOCK_RUNS && s->run[i]) {
		s->ep[s->unit->ep].runs |= (uint64_t)1 << i;
		if (ended)
			s->ended_runs |= (uint64_t)1 << i;
	}
	if (ended)
		s->any_end = s->ep[s->unit->ep].ended = true;
	pthread_mutex_unlock(&s->lock);
}

struct bp_duty *
bp_sock_in_duty(struct bp_sock_in *s)
{
	return s->duty;
}

bool
bp_sock_in_stopped(struct bp_sock_in *s)
{
	bool stopped;

	pthread_mutex_lock(&s->lock);
	stopped = s->stopped && !s->finished;
	pthread_mutex_unlock(&s->lock);
	return stopped;
}

bool
bp_sock_in_orphan(struct bp_sock_in *s)
{
	return atomic_load(&s->orphan);
}

void
bp_sock_in_end(struct bp_sock_in *s)
{
	struct bp_duty *d, *next;
	struct unit *u;

	pthread_mutex_lock(&s->lock);
	d = finish(s);
	bp_assert(!d);
	for (u = s->first; u; u = u->next) /* ends that came again */
		if (u->end && (d = calloc(1, sizeof *d))) {
			*d = (struct bp_duty) {
				.next = s->ends, .to = s, .session = u->session, .seq = u->seq, .held = 1
			};
			s->ends = d;
		}
	d = s->ends;
	s->ends = NULL;
	s->confirmed = true;
	pthread_mutex_unlock(&s->lock);
	for (; d; d = next) {
		next = d->next;
		bp_duty_drop(d, false);
	}
}

void
bp_sock_in_forget(struct bp_sock_in *s)
{
	bp_duty_drop(finish(s), true);
	for (struct unit *u = s->first, *next; u; u = next) {
		next = u->next;
		bp_sock_in_free(u);
	}
	for (int i = 0; i < s->nlinks; i++)
		bp_sock_in_free(s->link[i].coming);
	for (int i = 0; i < 2; i++)
		for (struct bp_duty *p = i ? s->ends : s->done, *next; p; p = next) {
			next = p->next;
			free(p);
		}
	for (int i = 0; i < BP_SOCK_RUNS; i++)
		free(s->run[i]);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->cond);
	free(s->link);
	free(s->ep);
	free(s);
}

void
bp_sock_in_close(struct bp_sock_in *s)
{
	struct bp_net *net;

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->quit = true;
	pthread_mutex_unlock(&s->lock);
	net = s->net;
	bp_net_wake(net);
	pthread_join(s->thread, NULL);
	bp_net_close(net, 1000);
	bp_sock_in_forget(s);
}
