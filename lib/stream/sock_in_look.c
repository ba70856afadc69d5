/* What the thread of a consumer finds out by looking at the time: that the caller hangs, who is waited for, that all has come. */
#include <unistd.h>

#include "base/log.h"
#include "stream/sock_in_part.h"

/* Our beats say that this program lives, not that its work goes on: a caller with a record that uses no processor for so long hangs. Nobody but this
 * thread can end the program then; its records are handed to others, as if it had been killed. late: we ourselves were stopped. */
void
bp_sock_in_look_for_stall(struct bp_sock_in *s, double now, bool late)
{
	struct timespec t = { 0 };
	double used = 0;

	pthread_mutex_lock(&s->lock);
	if (s->works && clock_gettime(s->clock, &t) == 0)
		used = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
	pthread_mutex_unlock(&s->lock);
	if (!(used > 0) || used > s->used || used < s->used || late) {
		s->used = used;
		s->moved = now;
	} else if (s->opt->stall > 0 && now - s->moved > s->opt->stall) {
		bp_log(BP_LOG_ERROR, "stands still: no processor time for %g s with a record in work (--stall): others get it", s->opt->stall);
		_exit(BP_EXIT_STREAM);
	}
}

/* silence is not good: say what is waited for */
void
bp_sock_in_tell_waiting(struct bp_sock_in *s, double now)
{
	for (int e = 0; e < s->net->n; e++) {
		bool live = false;
		for (int i = 0; i < s->nlinks; i++)
			live |= s->link[i].ep == e && (s->link[i].live || s->link[i].ended);
		s->ep[e].away = live ? 0 : s->ep[e].away ? s->ep[e].away : now;
		if (live)
			s->net->ep[e].said = false;
		if (live || s->net->ep[e].said || now - s->ep[e].away < 2 || s->stopping)
			continue;
		s->net->ep[e].said = true;
		bp_log(BP_LOG_WARN, "waiting for %s", s->net->ep[e].name);
	}
}

/* Is nothing more to come from endpoint e? With the lock. */
static bool
settled(struct bp_sock_in *s, int e, double now)
{
	struct endpoint *ep = &s->ep[e];
	bool covered = !(ep->runs & ~s->ended_runs), known = ep->ended || ep->runs;

	for (int i = 0; i < s->nlinks; i++) {
		const struct link *l = &s->link[i];
		if (l->ep == e && l->live && !l->ended && !(l->orphan && ep->runs && covered))
			return false; /* it is working */
		if (l->ep == e && l->ended && !s->net->ep[e].bound)
			return ep->ended; /* and its end record was read */
	}
	if (known && covered)
		return true;
	if (!s->any_end || !ep->away || s->opt->timeout <= 0 || now - ep->away < s->opt->timeout)
		return false;
	if (!ep->away_told)
		bp_log(BP_LOG_WARN, "%s: nobody came back for %g s: the run has ended without", s->net->ep[e].name,
		    s->opt->timeout);
	ep->away_told = true;
	return true;
}

void
bp_sock_in_look_for_end(struct bp_sock_in *s, double now)
{
	double most = s->opt->first > 0 && !s->met ? s->opt->first : s->opt->timeout;
	bool all = true;

	pthread_mutex_lock(&s->lock);
	for (int e = 0; e < s->net->n && all && s->any_end; e++)
		all = settled(s, e, now);
	if (s->any_end && all && !s->first && !s->held && !s->finished) {
		s->finished = true;
		pthread_cond_signal(&s->cond);
	}
	if (!s->any_end && s->alone && most > 0 && now - s->alone > most && !s->err.code) {
		BP_FAIL(&s->err, BP_ESTREAM, "is it running? see its messages", "%s: nobody there for %g s",
		    s->net->ep[0].name, most);
		pthread_cond_signal(&s->cond);
	}
	pthread_mutex_unlock(&s->lock);
}
