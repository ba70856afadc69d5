#include "stream/sum.h"

#include <sched.h>

#include "stream/net.h"

/* from how many bytes on there is a thread; how much it sums at a time, and for how much it is woken; processors for two programs, their
 * threads for sums, and nobody in the way (on two the sums are slower for being made elsewhere: bench/wire.md) */
enum { LARGE = 4 << 20, STEP = 1 << 18, WAKE = 1 << 20, PROCESSORS = 4 };

static void *
helper(void *self)
{
	struct bp_sum *s = self;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		const char *at = s->at;
		size_t n = (size_t)(s->end - at) < STEP ? (size_t)(s->end - at) : STEP;
		if (!n) {
			pthread_cond_signal(&s->through);
			if (s->last)
				break;
			s->sleeps = true;
			pthread_cond_wait(&s->more, &s->lock);
			s->sleeps = false;
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		XXH64_update(&s->state, at, n);
		pthread_mutex_lock(&s->lock);
		s->at += n;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static bool
spare(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) >= PROCESSORS;
}

void
bp_sum_begin(struct bp_sum *s, size_t n)
{
	XXH64_reset(&s->state, 0);
	s->helped = false;
	if (n < LARGE || !spare())
		return;
	s->at = s->end = NULL;
	s->sleeps = s->last = false;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->more, NULL);
	pthread_cond_init(&s->through, NULL);
	s->helped = bp_net_thread(&s->thread, helper, s, NULL) == BP_OK; /* else we sum ourselves */
}

/* with the lock */
static void
drain(struct bp_sum *s)
{
	pthread_cond_signal(&s->more);
	while (s->at != s->end)
		pthread_cond_wait(&s->through, &s->lock);
}

void
bp_sum_add(struct bp_sum *s, const void *p, size_t n)
{
	if (!s->helped) {
		XXH64_update(&s->state, p, n);
		return;
	}
	pthread_mutex_lock(&s->lock);
	if (p != s->end) {
		drain(s);
		s->at = p;
		s->end = p;
	}
	s->end += n;
	if (s->sleeps && s->end - s->at >= WAKE)
		pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
}

void
bp_sum_wait(struct bp_sum *s)
{
	if (!s->helped)
		return;
	pthread_mutex_lock(&s->lock);
	drain(s);
	pthread_mutex_unlock(&s->lock);
}

uint64_t
bp_sum_end(struct bp_sum *s)
{
	if (s->helped) {
		pthread_mutex_lock(&s->lock);
		s->last = true;
		pthread_cond_signal(&s->more);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
		pthread_cond_destroy(&s->through);
		pthread_cond_destroy(&s->more);
		pthread_mutex_destroy(&s->lock);
		s->helped = false;
	}
	return XXH64_digest(&s->state);
}
