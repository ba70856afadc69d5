/* Contents: clients; sending; handing over; receiving; time; the thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stream/pack.h"
#include "stream/sock_out_part.h"

enum { TURN = 256, MOST_GIVEN = 10, LONG = (int)(1000 * BP_NET_LOOK_S) };

/* ---- clients ---- */

static struct client *
find(struct bp_sock_out *s, int ep, uint64_t peer)
{
	for (int i = 0; i < s->nclients; i++)
		if (s->client[i]->ep == ep && s->client[i]->peer == peer)
			return s->client[i];
	return NULL;
}

static struct client *
add(struct bp_sock_out *s, int ep, const struct bp_rid *rid, uint64_t peer, uint64_t session)
{
	struct client *c;

	if (s->nclients == s->clients_cap) {
		int cap = s->clients_cap ? 2 * s->clients_cap : 16;
		struct client **p = cap <= BP_NET_PEERS ? realloc(s->client, (size_t)cap * sizeof *p) : NULL;
		if (!p)
			return NULL;
		s->client = p;
		s->clients_cap = cap;
	}
	if (!(c = calloc(1, sizeof *c)))
		return NULL;
	*c = (struct client) {
		.ep = ep, .rid = *rid, .peer = peer, .session = session, .in = 1, .heard = bp_seconds()
	};
	c->last = &c->first;
	s->client[s->nclients++] = c;
	BP_COUNT(s->stats, peers, 1);
	bp_log(BP_LOG_INFO, "%s: a consumer is there", s->net->ep[ep].name);
	return c;
}

/* the error record of one of the unit's targets */
static void
give_up_target(struct bp_sock_out *s, struct unit *u, struct bp_sink *sink, const char *id, struct bp_arena *mem, struct bp_err why)
{
	struct bp_err err;
	struct bp_rec *rec;

	if (bp_rec_new(&rec, BP_FEATURES, id, mem, &err) != BP_OK)
		return;
	rec = bp_rec_failure(rec, bp_log_program(), &why);
	if ((u->run && bp_val_set(rec->extra, "run", bp_val_str(mem, u->run, &err), mem, &err) != BP_OK)
	    || bp_pack_rec(sink, rec, &err) != BP_OK)
		bp_log(BP_LOG_ERROR, "%s: %s", id, err.msg);
	bp_err_where(&why, "%s", id);
	bp_log_err(&why);
	bp_stats_error(s->stats, &why);
	BP_COUNT(s->stats, failed, 1);
}

/* Targets that so many consumers were lost with: their error records instead. */
static void
give_up(struct bp_sock_out *s, struct unit *u)
{
	struct bp_sink *sink = calloc(1, sizeof *sink);
	struct bp_arena *mem = NULL;
	struct bp_err why, err;
	uint64_t before = u->bytes;
	const char *id;

	BP_FAIL(&why, BP_EINPUT, "run it alone to see why", "%d consumers were lost with it", u->given);
	if (sink && bp_arena_open(&mem, 0, &err) == BP_OK) {
		bp_unit_clear(u);
		*sink = (struct bp_sink) { .write = bp_unit_append, .self = u, .part = BP_NET_CHUNK };
		for (const char *at = u->id, *end; at; at = *end ? end + 1 : NULL) {
			end = at + strcspn(at, "\n");
			if ((id = bp_strndup(mem, at, (size_t)(end - at), &err)))
				give_up_target(s, u, sink, id, mem, why);
		}
		u->given = 0;
		s->held_bytes += u->bytes - before;
	}
	bp_arena_close(mem);
	free(sink);
}

/* a unit is to be given to another; in front, as it has waited longest */
static void
take_back(struct bp_sock_out *s, struct unit *u)
{
	pthread_mutex_lock(&s->lock);
	if (u->given >= MOST_GIVEN)
		give_up(s, u);
	u->next = s->first;
	if (!s->first)
		s->last = &u->next;
	s->first = u;
	s->pending++;
	pthread_mutex_unlock(&s->lock);
	BP_COUNT(s->stats, resent, 1);
}

static void
session_over(struct bp_sock_out *s, struct client *c)
{
	struct unit *u, *reversed = NULL;
	int i = 0;

	for (; (u = c->first); reversed = u) { /* so that the oldest is in front at the end */
		c->first = u->next;
		u->next = reversed;
	}
	while ((u = reversed)) {
		reversed = u->next;
		take_back(s, u);
	}
	while (s->client[i] != c)
		i++;
	s->client[i] = s->client[--s->nclients];
	BP_COUNT(s->stats, peers, -1);
	if (!c->end_done)
		bp_log(BP_LOG_INFO, "%s: a consumer is gone", s->net->ep[c->ep].name);
	free(c);
}

/* ---- sending: false, and c is gone, or over ---- */

static bool
say(struct bp_sock_out *s, struct client *c, struct bp_net_head h, zmq_msg_t *body)
{
	h.session = c->session;
	h.serial = c->out++;
	if (bp_net_send(s->net, c->ep, &c->rid, h, body)) {
		c->said = bp_seconds();
		return true;
	}
	c->gone = true; /* over with the next beat */
	return false;
}

static uint64_t
next_bytes(struct bp_sock_out *s)
{
	uint64_t n;

	pthread_mutex_lock(&s->lock);
	n = s->first ? s->first->bytes : 0;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static bool
send_have(struct bp_sock_out *s, struct client *c)
{
	struct bp_net_head h = { .type = BP_NET_HAVE, .flags = s->orphan ? BP_NET_ORPHAN : 0, .a = c->answered };

	h.b = c->told = next_bytes(s);
	return say(s, c, h, NULL);
}

/* all pieces of a unit, uncopied */
static bool
send_unit(struct bp_sock_out *s, struct client *c, const struct unit *u, uint64_t seq, uint8_t flags, uint64_t next)
{
	size_t at = 0;

	for (int i = 0; i < u->n;) {
		struct bp_net_head h = { .type = BP_NET_DATA, .a = seq, .b = u->bytes, .c = next };
		struct chunk *k = u->chunk[i];
		size_t now = k->n - at < BP_NET_CHUNK ? k->n - at : BP_NET_CHUNK;
		bool last = at + now == k->n;
		zmq_msg_t body;
		h.flags = flags | (last && i + 1 == u->n ? BP_NET_LAST : 0);
		atomic_fetch_add(&k->held, 1);
		if (zmq_msg_init_data(&body, k->b + at, now, bp_chunk_drop, k) != 0) {
			bp_chunk_drop(NULL, k);
			session_over(s, c);
			return false;
		}
		if (!say(s, c, h, &body))
			return false;
		at = last ? 0 : at + now;
		i += last;
	}
	return true;
}

/* several small units after each other in one frame: that costs less than a message each */
static bool
send_several(struct bp_sock_out *s, struct client *c, const struct unit *run, uint64_t next)
{
	struct bp_net_head h = { .type = BP_NET_DATA, .flags = BP_NET_SEVERAL, .a = run->seq, .c = next };
	unsigned char *p;
	zmq_msg_t body;

	for (const struct unit *u = run; u; u = u->next)
		h.b += 4 + u->bytes;
	if (zmq_msg_init_size(&body, h.b) != 0) {
		session_over(s, c);
		return false;
	}
	p = zmq_msg_data(&body);
	for (const struct unit *u = run; u; u = u->next) {
		for (int i = 0; i < 4; i++)
			*p++ = (unsigned char)(u->bytes >> 8 * i);
		for (int i = 0; i < u->n; p += u->chunk[i++]->n)
			memcpy(p, u->chunk[i]->b, u->chunk[i]->n);
	}
	return say(s, c, h, &body);
}

/* ---- handing over ---- */

static bool
fits(const struct unit *u, const struct client *c)
{
	return u && c->want > 0 && u->bytes <= c->bytes;
}

/* What is sent next to c, as one message: a unit, or several small ones. They are c's from now on. NULL: nothing that it asked for is there. */
static struct unit *
take(struct bp_sock_out *s, struct client *c, uint64_t *next)
{
	struct unit **run = c->last, *u;
	uint64_t bytes = 0;

	pthread_mutex_lock(&s->lock);
	while (fits(u = s->first, c) && (!bytes || (bytes + 4 + u->bytes <= BP_NET_BATCH && u->bytes <= BP_NET_SMALL))) {
		bytes += u->bytes <= BP_NET_SMALL ? 4 + u->bytes : BP_NET_BATCH;
		if (!(s->first = u->next))
			s->last = &s->first;
		s->pending--;
		u->next = NULL;
		u->seq = c->seq++;
		u->given++;
		*c->last = u;
		c->last = &u->next;
		c->want--;
		c->bytes -= u->bytes;
		c->answered++;
	}
	*next = s->first ? s->first->bytes : 0;
	if (2 * s->pending <= (uint64_t)s->opt->queue) /* not for each: the caller shall have something to do when it wakes */
		pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
	return *run;
}

/* as much as c asked for and we have; what is left of its wish lapses */
static void
serve(struct bp_sock_out *s, struct client *c)
{
	while (c->want > 0) {
		uint64_t next;
		struct unit *run = take(s, c, &next);
		if (!run) {
			c->answered += c->want;
			c->want = 0;
			(void)send_have(s, c);
			return;
		}
		c->told = next;
		if (!(run->next ? send_several(s, c, run, next) : send_unit(s, c, run, run->seq, 0, next)))
			return;
	}
}

/* there is something to ask for: tell those who do not know */
static void
announce(struct bp_sock_out *s)
{
	if (next_bytes(s))
		for (int i = s->nclients - 1; i >= 0; i--)
			if (!s->client[i]->told && !s->client[i]->gone)
				(void)send_have(s, s->client[i]);
}

/* The end record, to everyone who has not got it. It says that all is safe and stays true: with one confirmation (which
 * comes from the last stage) the others get some time and no more. */
static void
announce_end(struct bp_sock_out *s)
{
	struct unit *end;
	bool waits = false;

	pthread_mutex_lock(&s->lock);
	end = s->held ? NULL : s->end;
	pthread_mutex_unlock(&s->lock);
	if (!end)
		return;
	for (int i = s->nclients - 1; i >= 0; i--) {
		struct client *c = s->client[i];
		if (c->gone)
			continue;
		if (!c->end_sent) {
			c->end_sent = true;
			if (!send_unit(s, c, end, c->seq, BP_NET_END, 0))
				continue;
		}
		waits |= !c->end_done;
	}
	pthread_mutex_lock(&s->lock);
	s->ended |= s->confirmed > 0 && (!waits || bp_seconds() - s->confirmed > BP_NET_GONE_S);
	if (s->ended)
		pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

/* ---- receiving ---- */

static void
safe(struct bp_sock_out *s, struct unit *u)
{
	pthread_mutex_lock(&s->lock);
	s->held--;
	s->held_bytes -= u->bytes;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
	if (!u->duty && !u->nkept)
		BP_COUNT(s->stats, in_flight, -1);
	bp_unit_free(u, false);
}

/* DONE or BACK of one unit */
static void
settle(struct bp_sock_out *s, struct client *c, uint64_t seq, bool done)
{
	struct unit **p = &c->first, *u;

	if (c->end_sent && seq == c->seq) {
		c->end_done |= done;
		if (done && s->confirmed <= 0)
			s->confirmed = bp_seconds();
		return;
	}
	while ((u = *p) && u->seq != seq)
		p = &u->next;
	if (!u)
		return; /* said twice */
	if (!(*p = u->next))
		c->last = p;
	if (done) {
		safe(s, u);
	} else {
		u->given--;
		take_back(s, u);
	}
}

static void
on_open(struct bp_sock_out *s, int ep, const struct bp_rid *rid, const struct bp_net_head *h)
{
	struct client *c = find(s, ep, h->peer);

	if (c && c->session == h->session)
		return;
	if (c)
		session_over(s, c);
	if ((c = add(s, ep, rid, h->peer, h->session)))
		(void)send_have(s, c);
	else
		bp_net_stranger(s->net, ep, "more peers than can be served");
}

static void
handle(struct bp_sock_out *s, int ep, const struct bp_rid *rid, const struct bp_net_head *h, zmq_msg_t *body)
{
	struct client *c = find(s, ep, h->peer);
	uint64_t number[BP_NET_NUMBERS];
	int n;

	if (h->type == BP_NET_OPEN) {
		on_open(s, ep, rid, h);
		return;
	}
	if (h->type > BP_NET_BEAT && h->type != BP_NET_BYE) {
		bp_net_stranger(s->net, ep, "a producer, too: --in and --out are mixed up");
		return;
	}
	if (!c || c->session != h->session || c->in != h->serial) {
		struct bp_net_head reset = { .type = BP_NET_RESET, .session = h->session };
		if (c && c->session == h->session)
			session_over(s, c);
		if (h->type != BP_NET_BYE)
			(void)bp_net_send(s->net, ep, rid, reset, NULL);
		return;
	}
	c->in++;
	c->rid = *rid;
	c->heard = bp_seconds();
	if (h->type == BP_NET_ASK) {
		c->want += h->a < BP_NET_PEERS * 16 ? h->a : 0;
		c->bytes = h->b;
		if (!c->gone)
			serve(s, c);
	} else if (h->type == BP_NET_BYE) {
		session_over(s, c);
	} else if (h->type != BP_NET_BEAT) {
		if ((n = bp_net_numbers(number, body)) < 0)
			bp_net_stranger(s->net, ep, "numbers that are none");
		for (int i = 0; i < n; i++)
			settle(s, c, number[i], h->type == BP_NET_DONE);
	}
}

/* ---- time ---- */

/* we connect: the other side cannot know of us */
static void
knock(struct bp_sock_out *s)
{
	struct bp_rid none = { 0 };

	for (int e = 0; e < s->net->n; e++) {
		bool known = s->net->ep[e].bound;
		for (int i = 0; i < s->nclients && !known; i++)
			known = s->client[i]->ep == e;
		if (!known)
			(void)bp_net_send(s->net, e, &none, (struct bp_net_head) { .type = BP_NET_KNOCK }, NULL);
	}
}

/* silence is not good: say what is waited for, and give up in the end */
static void
alone(struct bp_sock_out *s, double now)
{
	bool needed;

	s->alone = s->nclients ? 0 : s->alone > 0 ? s->alone : now;
	pthread_mutex_lock(&s->lock);
	needed = s->held || s->end;
	s->needy = s->nclients || !needed ? 0 : s->needy > 0 ? s->needy : now;
	if (s->needy > 0 && s->opt->timeout > 0 && now - s->needy > s->opt->timeout && s->end && !s->held
	    && s->orphan) {
		/* All is safe, our own producers have left: the end reached the last stage on another way. We came
		 * late. */
		s->ended = s->late = true;
		pthread_cond_signal(&s->cond);
	} else if (s->needy > 0 && s->opt->timeout > 0 && now - s->needy > s->opt->timeout && !s->err.code) {
		BP_FAIL(&s->err, BP_EIO, "is the next stage running? see its messages", "%s: nobody there for %g s",
		    s->net->ep[0].name, s->opt->timeout);
		pthread_cond_signal(&s->cond);
	}
	pthread_mutex_unlock(&s->lock);
	if (s->nclients)
		s->net->ep[0].said = false;
	if (s->nclients || s->net->ep[0].said || now - s->alone < 2)
		return;
	s->net->ep[0].said = true;
	bp_log(BP_LOG_WARN, "%s: waiting for a consumer", s->net->ep[0].name);
}

static void
beat(struct bp_sock_out *s, double now)
{
	pthread_mutex_lock(&s->lock);
	s->orphan = s->in && bp_sock_in_orphan(s->in);
	pthread_mutex_unlock(&s->lock);
	for (int i = s->nclients - 1; i >= 0; i--) {
		struct client *c = s->client[i];
		if (c->gone || now - c->heard > BP_NET_GONE_S)
			session_over(s, c);
		else if (now - c->said > BP_NET_BEAT_S)
			(void)send_have(s, c);
	}
	if (now - s->knocked > BP_NET_BEAT_S) {
		s->knocked = now;
		knock(s);
	}
	alone(s, now);
}

/* ---- the thread ---- */

static bool
quits(struct bp_sock_out *s)
{
	bool quit;

	pthread_mutex_lock(&s->lock);
	quit = s->quit;
	pthread_mutex_unlock(&s->lock);
	return quit;
}

void *
bp_sock_out_thread(void *self)
{
	struct bp_sock_out *s = self;
	struct bp_net_head h;
	struct bp_rid rid;
	zmq_msg_t body;
	double looked = 0;
	int ep, n = 0;

	while (atomic_store(&s->net->asleep, true), !quits(s)) {
		double now = bp_seconds();
		announce(s);
		announce_end(s);
		if (now - looked > BP_NET_LOOK_S) {
			looked = now;
			beat(s, now);
			bp_pool_trim(&s->pool, now);
		}
		(void)bp_net_wait(s->net, n ? 0 : LONG);
		for (n = 0; n < TURN && bp_net_recv(s->net, &ep, &rid, &h, &body); n++) {
			handle(s, ep, &rid, &h, &body);
			zmq_msg_close(&body);
		}
	}
	while (s->nclients > 0) {
		(void)say(s, s->client[0], (struct bp_net_head) { .type = BP_NET_BYE }, NULL);
		session_over(s, s->client[0]);
	}
	return NULL;
}
