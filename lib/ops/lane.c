/* lib/ops/lane.c: see lane.h. Opening is ops.c, which knows what a context is made of. */
#include "ops/lane.h"

void
bp_share_open(struct bp_share *s)
{
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->freed, NULL);
}

void
bp_share_close(struct bp_share *s)
{
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->freed);
}

void
bp_share_begin(struct bp_share *s)
{
	s->room = bp_dev_free(s->main);
	for (int i = 0; i < s->n; i++)
		s->room += bp_dev_idle(s->lane[i]);
	if (bp_dev_idle(s->main) > s->room / 2) /* of a large target: the lanes need it now */
		bp_dev_trim(s->main);
	s->claimed = 0;
	s->claims = 0;
	s->on = true;
}

void
bp_share_end(struct bp_share *s)
{
	s->on = false;
}

size_t
bp_lane_room(const struct bp_ctx *cx)
{
	return cx->share && cx->share->on ? cx->share->room : bp_dev_free(cx);
}

bool
bp_lane_reclaim(struct bp_ctx *cx)
{
	struct bp_share *s = cx->share;
	bool some = false;

	if (!s || s->on)
		return false;
	for (int i = 0; i < s->n; i++)
		if (bp_dev_idle(s->lane[i]) > 0) {
			bp_dev_trim(s->lane[i]);
			some = true;
		}
	return some;
}

void
bp_lane_claim(struct bp_ctx *cx, size_t bytes)
{
	struct bp_share *s = cx->share;

	if (!s || !s->on)
		return;
	pthread_mutex_lock(&s->lock);
	while (s->claims && (bytes > s->room || s->claimed > s->room - bytes))
		pthread_cond_wait(&s->freed, &s->lock);
	s->claims++;
	s->claimed += bytes;
	pthread_mutex_unlock(&s->lock);
}

void
bp_lane_release(struct bp_ctx *cx, size_t bytes)
{
	struct bp_share *s = cx->share;

	if (!s || !s->on)
		return;
	pthread_mutex_lock(&s->lock);
	s->claims--;
	s->claimed -= bytes;
	pthread_cond_broadcast(&s->freed);
	pthread_mutex_unlock(&s->lock);
}
