/* Contents: links; sending; asking; receiving; time; the thread. Its fields of struct bp_sock_in are its own. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "stream/sock_in_part.h"

enum { TURN = 256, MOST_END = 1 << 30, LONG = (int)(1000 * BP_NET_LOOK_S), SHORT = (int)(1000 * BP_NET_SEEK_S) };

/* ---- links ---- */

static struct link *
find_peer(struct bp_sock_in *s, int ep, uint64_t peer)
{
	for (int i = 0; i < s->nlinks; i++)
		if (s->link[i].ep == ep && (!s->net->ep[ep].bound || s->link[i].peer == peer))
			return &s->link[i];
	return NULL;
}

static struct link *
find_session(struct bp_sock_in *s, uint64_t session)
{
	for (int i = 0; i < s->nlinks; i++)
		if (s->link[i].live && s->link[i].session == session)
			return &s->link[i];
	return NULL;
}

/* NULL: too many, or no memory */
static struct link *
add_link(struct bp_sock_in *s, int ep, uint64_t peer, const struct bp_rid *rid)
{
	if (s->nlinks == s->links_cap) {
		int cap = s->links_cap ? 2 * s->links_cap : 16;
		struct link *p = cap <= BP_NET_PEERS ? realloc(s->link, (size_t)cap * sizeof *p) : NULL;
		if (!p)
			return NULL;
		s->link = p;
		s->links_cap = cap;
	}
	s->link[s->nlinks] = (struct link) { .ep = ep, .peer = peer, .rid = *rid };
	return &s->link[s->nlinks++];
}

static void
drop_coming(struct bp_sock_in *s, struct link *l)
{
	if (l->coming) {
		s->coming--;
		s->coming_bytes -= l->coming->bytes;
		bp_sock_in_free(l->coming);
	}
	l->coming = NULL;
}

/* its units that wait are not to be done here: the producer takes them back */
static void
drop_waiting(struct bp_sock_in *s, uint64_t session, uint64_t *seq, int *n, int most)
{
	struct unit **p, *u;

	pthread_mutex_lock(&s->lock);
	for (p = &s->first; (u = *p);) {
		if (u->session != session || u->end || (seq && *n == most)) {
			p = &u->next;
			continue;
		}
		*p = u->next;
		s->held--;
		s->held_bytes -= u->bytes;
		BP_COUNT(s->stats, waiting, -1);
		if (seq)
			seq[(*n)++] = u->seq;
		bp_sock_in_free(u);
	}
	s->last = p;
	pthread_mutex_unlock(&s->lock);
}

static void
set_live(struct bp_sock_in *s, struct link *l, bool live)
{
	if (l->live != live)
		BP_COUNT(s->stats, peers, live ? 1 : -1);
	if (!l->live && live)
		bp_log(BP_LOG_INFO, "%s: a producer is there", s->net->ep[l->ep].name);
	if (l->live && !live && !l->ended)
		bp_log(BP_LOG_INFO, "%s: the producer is gone", s->net->ep[l->ep].name);
	l->live = live;
	s->met |= live;
}

/* ---- sending ---- */

static void
lost(struct bp_sock_in *s, struct link *l)
{
	set_live(s, l, false);
	drop_coming(s, l);
	l->next = 0;
}

static void
say(struct bp_sock_in *s, struct link *l, struct bp_net_head h)
{
	h.session = l->session;
	h.serial = l->out;
	if (!bp_net_send(s->net, l->ep, &l->rid, h, NULL)) {
		lost(s, l);
		return;
	}
	l->out++;
	l->said = bp_seconds();
}

static void
send_numbers(struct bp_sock_in *s, struct link *l, uint8_t type, const uint64_t *v, int n)
{
	struct bp_net_head h = { .type = type, .session = l->session, .serial = l->out };

	if (!bp_net_send_numbers(s->net, l->ep, &l->rid, h, v, n)) {
		lost(s, l);
		return;
	}
	l->out++;
	l->said = bp_seconds();
}

/* Begin anew with a producer. keep: it is gone, and what waits of it may be all that there is; else it takes that back.
 */
static void
open_session(struct bp_sock_in *s, struct link *l, bool keep)
{
	if (!keep)
		drop_waiting(s, l->session, NULL, NULL, 0);
	drop_coming(s, l);
	l->session = bp_net_random();
	l->out = l->in = l->asked = l->answered = l->allowed = l->next = 0;
	l->orphan = l->ended = false;
	l->said = bp_seconds();
	say(s, l, (struct bp_net_head) { .type = BP_NET_OPEN });
}

static void
send_done(struct bp_sock_in *s)
{
	uint64_t seq[BP_NET_NUMBERS];
	struct bp_duty *list, *d, **p;

	pthread_mutex_lock(&s->lock);
	list = s->done;
	s->done = NULL;
	s->done_last = &s->done;
	s->ndone = 0;
	pthread_mutex_unlock(&s->lock);
	while (list) { /* those of one session at a time */
		struct link *l = find_session(s, list->session);
		uint64_t session = list->session;
		int n = 0;
		for (p = &list; (d = *p);) {
			if (d->session != session || n == BP_NET_NUMBERS) {
				p = &d->next;
				continue;
			}
			seq[n++] = d->seq;
			*p = d->next;
			free(d);
		}
		if (l)
			send_numbers(s, l, BP_NET_DONE, seq, n);
	}
}

/* ---- asking ---- */

/* Room is asked for from one producer after the other, as each has something to give. */
static void
ask(struct bp_sock_in *s)
{
	uint64_t held, bytes, out = 0, allowed = 0, largest = 0, room, queue = (uint64_t)s->opt->queue;
	int askable = 0;

	for (int i = 0; i < s->nlinks; i++) {
		struct link *l = &s->link[i];
		if (!l->live)
			continue;
		out += l->asked - l->answered;
		allowed += l->asked > l->answered ? l->allowed : 0;
		if (l->next > 0 && l->asked == l->answered) {
			askable++;
			largest = l->next > largest ? l->next : largest;
		}
	}
	pthread_mutex_lock(&s->lock);
	held = s->held + s->coming;
	bytes = s->held_bytes + s->coming_bytes;
	/* the caller wakes us when it has worked off so much that it is worth asking again */
	s->hungry = bytes + allowed + largest > s->opt->queue_bytes ? UINT64_MAX : out + queue / 4 < queue ? queue - out - queue / 4 : 0;
	pthread_mutex_unlock(&s->lock);
	if (!askable || held + out >= queue || (queue - held - out < queue / 4 && held))
		return;
	room = queue - held - out;
	bytes += allowed;
	for (int i = 0; i < s->nlinks && room > 0; i++) {
		struct link *l = &s->link[(s->turn + i) % s->nlinks];
		uint64_t free_bytes = s->opt->queue_bytes > bytes ? s->opt->queue_bytes - bytes : 0,
		         k = room / (uint64_t)askable;
		if (!l->live || !l->next || l->asked != l->answered)
			continue;
		if (free_bytes < l->next && held + out > 0)
			continue; /* when there is more room */
		k = k ? k : 1;
		if (free_bytes < l->next) { /* one record is always taken */
			free_bytes = l->next;
			k = 1;
		}
		l->asked += k;
		l->allowed = free_bytes;
		bytes += free_bytes;
		room -= k;
		out += k;
		say(s, l, (struct bp_net_head) { .type = BP_NET_ASK, .a = k, .b = free_bytes });
	}
	s->turn = s->nlinks ? (s->turn + 1) % s->nlinks : 0;
}

/* ---- receiving ---- */

/* what a producer sent is not as it should be: start over with it */
static void
malformed(struct bp_sock_in *s, struct link *l, const char *why)
{
	bp_net_stranger(s->net, l->ep, why);
	open_session(s, l, false);
}

/* the next frame of u, to be initialized; NULL: no memory */
static zmq_msg_t *
add_frame(struct unit *u)
{
	if (u->n == u->cap) {
		int cap = u->cap ? 2 * u->cap : 1;
		zmq_msg_t *p = realloc(u->frame, (size_t)cap * sizeof *p);
		if (!p)
			return NULL;
		u->frame = p;
		u->cap = cap;
	}
	zmq_msg_init(&u->frame[u->n]);
	return &u->frame[u->n++];
}

static void
enqueue(struct bp_sock_in *s, struct link *l)
{
	struct unit *u = l->coming;

	l->coming = NULL;
	s->coming--;
	s->coming_bytes -= u->bytes;
	BP_COUNT(s->stats, bytes_in, (long long)u->bytes);
	l->ended |= u->end;
	pthread_mutex_lock(&s->lock);
	if (u->end && s->confirmed) { /* once more, as the session was lost */
		pthread_mutex_unlock(&s->lock);
		send_numbers(s, l, BP_NET_DONE, &u->seq, 1);
		bp_sock_in_free(u);
		return;
	}
	if (!u->end)
		BP_COUNT(s->stats, waiting, 1);
	s->held += !u->end;
	s->held_bytes += u->end ? 0 : u->bytes;
	*s->last = u;
	s->last = &u->next;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

/* a unit begins to come; NULL: we have left its producer */
static struct unit *
begin(struct bp_sock_in *s, struct link *l, uint64_t seq, uint64_t bytes, bool end)
{
	struct unit *u;

	if (end ? bytes > MOST_END : l->answered == l->asked || bytes > l->allowed) {
		malformed(s, l, "a record that was not asked for");
		return NULL;
	}
	if (!(u = calloc(1, sizeof *u))) {
		lost(s, l); /* no memory: the heartbeat's silence hands it to another */
		return NULL;
	}
	*u = (struct unit) { .session = l->session, .seq = seq, .bytes = bytes, .ep = l->ep, .end = end };
	l->coming = u;
	s->coming++;
	s->coming_bytes += u->bytes;
	l->answered += !end;
	l->allowed -= end ? 0 : u->bytes;
	return u;
}

/* several small units in one frame, which they share */
static void
on_several(struct bp_sock_in *s, struct link *l, const struct bp_net_head *h, zmq_msg_t *body)
{
	const unsigned char *p = zmq_msg_data(body);
	size_t at = 0, size = zmq_msg_size(body);
	uint64_t seq = h->a;

	do {
		uint64_t n = size - at < 4 ? 0 : p[at] | p[at + 1] << 8 | p[at + 2] << 16 | (uint64_t)p[at + 3] << 24;
		struct unit *u;
		zmq_msg_t *m;
		if (l->coming || !n || n > size - at - 4) {
			malformed(s, l, "its pieces of a record do not fit");
			return;
		}
		if (!(u = begin(s, l, seq++, n, false)))
			return;
		if (!(m = add_frame(u)) || zmq_msg_copy(m, body) != 0) {
			lost(s, l);
			return;
		}
		u->off = at + 4;
		u->stop = at += 4 + n;
		enqueue(s, l);
	} while (at < size);
	l->next = h->c;
}

static void
on_data(struct bp_sock_in *s, struct link *l, const struct bp_net_head *h, zmq_msg_t *body)
{
	struct unit *u = l->coming;
	size_t n = zmq_msg_size(body);
	zmq_msg_t *m;

	if (!u && !(u = begin(s, l, h->a, h->b, h->flags & BP_NET_END)))
		return;
	l->next = h->c;
	if (u->seq != h->a || u->bytes != h->b || n > u->bytes - u->got || !n) {
		malformed(s, l, "its pieces of a record do not fit");
	} else if (!(m = add_frame(u))) {
		lost(s, l);
	} else {
		zmq_msg_move(m, body);
		u->got += n;
		if ((h->flags & BP_NET_LAST) && u->got != u->bytes)
			malformed(s, l, "its pieces of a record do not fit");
		else if (h->flags & BP_NET_LAST)
			enqueue(s, l);
	}
}

/* someone who speaks to us first: a producer that connects */
static void
on_knock(struct bp_sock_in *s, int ep, const struct bp_rid *rid, const struct bp_net_head *h)
{
	struct link *l = find_peer(s, ep, h->peer);
	double now = bp_seconds();

	if (!s->net->ep[ep].bound || s->stopping)
		return;
	if (!l && !(l = add_link(s, ep, h->peer, rid))) {
		bp_net_stranger(s->net, ep, "more peers than can be served");
		return;
	}
	l->rid = *rid;
	l->heard = now;
	if (l->live && l->in == 0 && now - l->said < 1)
		return; /* our OPEN is on its way */
	set_live(s, l, true);
	open_session(s, l, false);
}

static void
handle(struct bp_sock_in *s, int ep, const struct bp_rid *rid, const struct bp_net_head *h, zmq_msg_t *body)
{
	struct link *l = find_peer(s, ep, h->peer);

	if (h->type == BP_NET_KNOCK) {
		on_knock(s, ep, rid, h);
		return;
	}
	if (!l || h->session != l->session) {
		if (l && l->live && h->type == BP_NET_HAVE)
			l->heard = bp_seconds();
		return; /* of a session that is over */
	}
	if (h->type < BP_NET_HAVE) {
		malformed(s, l, "a consumer, too: --in and --out are mixed up");
		return;
	}
	l->heard = bp_seconds();
	l->rid = *rid;
	if (h->type == BP_NET_RESET || h->serial != l->in) {
		open_session(s, l, false);
		return;
	}
	l->in++;
	l->peer = h->peer;
	set_live(s, l, true);
	if (h->type == BP_NET_DATA) {
		(h->flags & BP_NET_SEVERAL ? on_several : on_data)(s, l, h, body);
	} else if (h->type == BP_NET_HAVE) {
		if (h->a > l->asked || h->a < l->answered) {
			malformed(s, l, "it counts otherwise");
			return;
		}
		l->answered = h->a;
		l->next = h->b;
		l->orphan = h->flags & BP_NET_ORPHAN;
	} else { /* BYE */
		lost(s, l);
	}
}

/* ---- time ---- */

static void
beat(struct bp_sock_in *s, double now)
{
	/* A producer's last word is lost when its connection ends before we have read it; that we can't speak to it any more tells the same. */
	const bool leaving = s->leaving > 0;
	bool any = false;

	s->seeks = leaving;
	for (int i = 0; i < s->nlinks; i++) {
		struct link *l = &s->link[i];
		if (l->live && now - l->heard > BP_NET_GONE_S)
			lost(s, l);
		if (l->live && now - l->said > (leaving ? BP_NET_SEEK_S : BP_NET_BEAT_S))
			say(s, l, (struct bp_net_head) { .type = BP_NET_BEAT });
		if (!l->live && !l->ended && !s->net->ep[l->ep].bound && !s->stopping) {
			s->seeks = true;
			if (now - l->said > (l->out ? 2 : BP_NET_SEEK_S))
				open_session(s, l, true); /* is somebody there now? */
		}
		any |= l->live;
		if (!l->live && s->net->ep[l->ep].bound && !l->coming && now - l->heard > 60)
			*l = s->link[--s->nlinks];
	}
	pthread_mutex_lock(&s->lock);
	s->alone = any || s->held ? 0 : s->alone ? s->alone : now;
	pthread_mutex_unlock(&s->lock);
	atomic_store(&s->orphan, !any);
}

/* SIGTERM: what waits goes back, what is in work is finished */
static void
stop(struct bp_sock_in *s)
{
	uint64_t seq[BP_NET_NUMBERS];

	s->stopping = true;
	s->net->stop = -1;
	for (int i = 0; i < s->nlinks; i++) {
		struct link *l = &s->link[i];
		int n = 0;
		drop_coming(s, l);
		drop_waiting(s, l->session, seq, &n, BP_NET_NUMBERS);
		if (l->live && n)
			send_numbers(s, l, BP_NET_BACK, seq, n);
		l->next = 0;
	}
	pthread_mutex_lock(&s->lock);
	s->stopped = true;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

/* ---- the thread ---- */

/* what the caller wants; false: end */
static bool
orders(struct bp_sock_in *s)
{
	uint64_t refused;
	bool quit, done, end;

	pthread_mutex_lock(&s->lock);
	refused = s->refused;
	s->refused = 0;
	quit = s->quit;
	done = s->done != NULL;
	end = s->any_end && !s->finished;
	pthread_mutex_unlock(&s->lock);
	if (done)
		send_done(s);
	if (refused) {
		struct link *l = find_session(s, refused);
		bp_net_stranger(s->net, l ? l->ep : 0, "its bytes are no record");
		if (l)
			open_session(s, l, false);
	}
	if (end)
		bp_sock_in_look_for_end(s, bp_seconds());
	return !quit;
}

/* After confirmed ends the producers leave first: what we have said has then arrived. */
static bool
may_leave(const struct bp_sock_in *s, double since)
{
	bool live = false;

	for (int i = 0; i < s->nlinks && s->confirmed; i++)
		live |= s->link[i].live && s->link[i].ended;
	return !live || bp_seconds() - since > 2;
}

static void
say_goodbye(struct bp_sock_in *s)
{
	for (int i = 0; i < s->nlinks; i++)
		if (s->link[i].live)
			say(s, &s->link[i], (struct bp_net_head) { .type = BP_NET_BYE });
}

/* those that we connect to are links from the start */
static void
know_endpoints(struct bp_sock_in *s)
{
	struct bp_rid none = { 0 };

	for (int e = 0; e < s->net->n; e++)
		if (!s->net->ep[e].bound && !add_link(s, e, 0, &none)) {
			pthread_mutex_lock(&s->lock);
			BP_FAIL(&s->err, BP_EMEM, NULL, "no memory for sockets");
			pthread_mutex_unlock(&s->lock);
		}
}

bool
bp_sock_in_turn(struct bp_sock_in *s)
{
	double now = bp_seconds();
	struct bp_net_head h;
	struct bp_rid rid;
	zmq_msg_t body;
	int ep, n;

	atomic_store(&s->net->asleep, true);
	if (!orders(s)) {
		s->leaving = s->leaving > 0 ? s->leaving : now;
		s->seeks = true;
		if (may_leave(s, s->leaving))
			return false;
	}
	if (!s->stopping && !s->finished)
		ask(s);
	if (now - s->looked > (s->seeks ? BP_NET_SEEK_S : BP_NET_LOOK_S)) {
		bp_sock_in_look_for_stall(s, now, now - s->looked > 1);
		s->looked = now;
		beat(s, now);
		bp_sock_in_tell_waiting(s, now);
		bp_sock_in_look_for_end(s, now);
	}
	if (bp_net_wait(s->net, s->busy ? 0 : s->seeks ? SHORT : LONG) && !s->stopping)
		stop(s);
	for (n = 0; n < TURN && bp_net_recv(s->net, &ep, &rid, &h, &body); n++) {
		handle(s, ep, &rid, &h, &body);
		zmq_msg_close(&body);
	}
	s->busy = n > 0;
	return true;
}

void *
bp_sock_in_thread(void *self)
{
	struct bp_sock_in *s = self;

	know_endpoints(s);
	while (bp_sock_in_turn(s))
		;
	say_goodbye(s);
	return NULL;
}
