#include "stream/sock_out_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { POOL_S = 5 };

/* ---- chunks and units ---- */

/* a large chunk that is free, or a new one; NULL: no memory */
static struct chunk *
pool_take(struct pool *p)
{
	struct chunk *c;

	pthread_mutex_lock(&p->lock);
	if ((c = p->first)) {
		p->first = c->next;
		p->n--;
		p->least = p->n < p->least ? p->n : p->least;
	}
	pthread_mutex_unlock(&p->lock);
	if (c)
		return c;
	c = mmap(NULL, BP_CHUNK_LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c == MAP_FAILED)
		return NULL;
	(void)madvise(c, BP_CHUNK_LARGE, MADV_HUGEPAGE); /* the system may refuse, and nothing is lost */
	return c;
}

static void
pool_give(struct pool *p, struct chunk *c)
{
	pthread_mutex_lock(&p->lock);
	c->next = p->first;
	p->first = c;
	p->n++;
	pthread_mutex_unlock(&p->lock);
}

/* what was not needed, or all */
static void
pool_shrink(struct pool *p, bool all)
{
	struct chunk *c;

	pthread_mutex_lock(&p->lock);
	for (int keep = all ? 0 : p->n - p->least; p->n > keep; p->n--) {
		c = p->first;
		p->first = c->next;
		munmap(c, BP_CHUNK_LARGE);
	}
	p->least = p->n;
	pthread_mutex_unlock(&p->lock);
}

void
bp_pool_trim(struct pool *p, double now)
{
	if (now - p->trimmed < POOL_S)
		return;
	p->trimmed = now;
	pool_shrink(p, false);
}

void
bp_chunk_drop(void *data, void *chunk)
{
	struct chunk *c = chunk;

	(void)data;
	if (atomic_fetch_sub(&c->held, 1) > 1)
		return;
	if (c->pool)
		pool_give(c->pool, c);
	else
		free(c);
}

void
bp_unit_clear(struct unit *u)
{
	for (int i = 0; i < u->n; i++)
		bp_chunk_drop(NULL, u->chunk[i]);
	u->n = 0;
	u->bytes = 0;
}

void
bp_unit_free(struct unit *u, bool lost)
{
	if (!u)
		return;
	bp_unit_clear(u);
	bp_duty_drop(u->duty, lost);
	for (int i = 0; i < u->nkept; i++)
		bp_duty_drop(u->kept[i], lost);
	free(u->kept);
	free(u->chunk);
	free(u->id);
	free(u->run);
	free(u);
}

/* A chunk at the unit's end, for n bytes and what may follow; NULL: no memory. A record of one chunk takes no more than it has, a large one
 * large chunks. */
static struct chunk *
add_chunk(struct unit *u, size_t n)
{
	bool large = u->pool && 4 * u->bytes >= BP_CHUNK_LARGE;
	size_t cap = u->n || n >= BP_NET_CHUNK ? BP_NET_CHUNK : n;
	struct chunk *c;

	if (u->n == u->cap) {
		int more = u->cap ? 2 * u->cap : 1;
		struct chunk **p = realloc(u->chunk, (size_t)more * sizeof *p);
		if (!p)
			return NULL;
		u->chunk = p;
		u->cap = more;
	}
	if (!(c = large ? pool_take(u->pool) : malloc(sizeof *c + cap)))
		return NULL;
	atomic_init(&c->held, 1);
	c->n = 0;
	c->cap = large ? BP_CHUNK_LARGE - sizeof *c : cap;
	c->pool = large ? u->pool : NULL;
	return u->chunk[u->n++] = c;
}

int
bp_unit_append(void *unit, const void *buf, size_t n, struct bp_err *err)
{
	const unsigned char *p = buf;
	struct unit *u = unit;

	while (n > 0) {
		struct chunk *c = u->n ? u->chunk[u->n - 1] : NULL;
		size_t now;
		if ((!c || c->n == c->cap) && !(c = add_chunk(u, n)))
			return BP_FAIL(err, BP_EMEM, NULL, "no memory to keep a record of %llu bytes",
			    (unsigned long long)u->bytes);
		now = n < c->cap - c->n ? n : c->cap - c->n;
		memcpy(c->b + c->n, p, now);
		c->n += now;
		u->bytes += now;
		p += now;
		n -= now;
	}
	return BP_OK;
}

/* ---- the caller's side ---- */

static int
start(struct bp_sock_out *s, struct bp_err *err)
{
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->pool.lock, NULL);
	pthread_cond_init(&s->cond, NULL);
	return bp_net_thread(&s->thread, bp_sock_out_thread, s, err);
}

int
bp_sock_out_open(struct bp_sock_out **ret, const char *endpoints, const struct bp_wire_opt *o, struct bp_stats *stats,
    struct bp_err *err)
{
	struct bp_sock_out *s = calloc(1, sizeof *s);
	int st;

	*ret = NULL;
	if (!s)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for sockets");
	s->opt = o;
	s->stats = stats;
	s->last = &s->first;
	if ((st = bp_net_open(&s->net, endpoints, BP_NET_PRODUCER, o, stats, err)) == BP_OK
	    && (st = start(s, err)) != BP_OK)
		bp_net_close(s->net, 0);
	if (st != BP_OK) {
		free(s);
		return st;
	}
	*ret = s;
	return BP_OK;
}

void
bp_sock_out_from(struct bp_sock_out *s, struct bp_sock_in *in)
{
	pthread_mutex_lock(&s->lock);
	s->in = in;
	pthread_mutex_unlock(&s->lock);
}

int
bp_sock_out_write(void *self, const void *buf, size_t n, struct bp_err *err)
{
	struct bp_sock_out *s = *(struct bp_sock_out **)self;

	if (!s->making && !(s->making = calloc(1, sizeof *s->making)))
		return BP_FAIL(err, BP_EMEM, NULL, "no memory to keep a record");
	s->making->pool = &s->pool;
	return bp_unit_append(s->making, buf, n, err);
}

static int
failed(struct bp_sock_out *s, struct bp_err *err)
{
	*err = s->err;
	return s->err.code;
}

int
bp_sock_out_commit(struct bp_sock_out *s, const char *id, const char *run, struct bp_duty *const *kept, int n, struct bp_err *err)
{
	struct unit *u = s->making;
	bool first;
	int st = BP_OK;

	bp_assert(u);
	if (!(u->id = strdup(id)) || (run && !(u->run = strdup(run))) || (n && !(u->kept = calloc((size_t)n, sizeof *u->kept))))
		return BP_FAIL(err, BP_EMEM, NULL, "no memory to keep a record");
	if (s->in) {
		u->duty = bp_sock_in_duty(s->in);
		bp_duty_hold(u->duty);
	}
	s->making = NULL;
	pthread_mutex_lock(&s->lock);
	while (!s->err.code
	    && (s->pending >= (uint64_t)s->opt->queue || (s->held && s->held_bytes + u->bytes > s->opt->queue_bytes)))
		pthread_cond_wait(&s->cond, &s->lock);
	first = !s->pending; /* else the consumers know already that there is something */
	if (s->err.code) {
		st = failed(s, err);
	} else {
		*s->last = u;
		s->last = &u->next;
		s->pending++;
		s->held++;
		s->held_bytes += u->bytes;
		if (!u->duty && !n)
			BP_COUNT(s->stats, in_flight, 1);
	}
	if (st == BP_OK && n) { /* the caller's until here */
		memcpy(u->kept, kept, (size_t)n * sizeof *kept);
		u->nkept = n;
	}
	pthread_mutex_unlock(&s->lock);
	if (st != BP_OK)
		bp_unit_free(u, true);
	else if (first)
		bp_net_wake(s->net);
	return st;
}

bool
bp_sock_out_begun(const struct bp_sock_out *s)
{
	return s->making != NULL;
}

int
bp_sock_out_drain(struct bp_sock_out *s, struct bp_err *err)
{
	int st;

	pthread_mutex_lock(&s->lock);
	while (s->held && !s->err.code)
		pthread_cond_wait(&s->cond, &s->lock);
	st = s->held ? failed(s, err) : BP_OK;
	pthread_mutex_unlock(&s->lock);
	return st;
}

int
bp_sock_out_end(struct bp_sock_out *s, struct bp_err *err)
{
	int st;

	bp_assert(s->making);
	pthread_mutex_lock(&s->lock);
	s->end = s->making;
	s->making = NULL;
	pthread_mutex_unlock(&s->lock);
	bp_net_wake(s->net);
	pthread_mutex_lock(&s->lock);
	while (!s->ended && !s->err.code)
		pthread_cond_wait(&s->cond, &s->lock);
	st = s->ended ? BP_OK : failed(s, err);
	pthread_mutex_unlock(&s->lock);
	return st;
}

bool
bp_sock_out_late(struct bp_sock_out *s)
{
	bool late;

	pthread_mutex_lock(&s->lock);
	late = s->late;
	pthread_mutex_unlock(&s->lock);
	return late;
}

void
bp_sock_out_close(struct bp_sock_out *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->quit = true;
	pthread_mutex_unlock(&s->lock);
	bp_net_wake(s->net);
	pthread_join(s->thread, NULL);
	bp_net_close(s->net, 500);
	for (struct unit *u = s->first, *next; u; u = next) {
		next = u->next;
		bp_unit_free(u, true);
	}
	bp_unit_free(s->end, true);
	bp_unit_free(s->making, true);
	pool_shrink(&s->pool, true);
	pthread_mutex_destroy(&s->pool.lock);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->cond);
	free(s->client);
	free(s);
}
