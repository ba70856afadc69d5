/* lib/stream/sum.h: the XXH64 (seed 0) of a tensor's data while they go or come. Those of a large tensor are summed by a thread of their own, beside
 * the one that writes or reads, where there are processors for both. One thread uses a struct bp_sum. */
#ifndef BP_SUM_H
#define BP_SUM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XXH_STATIC_LINKING_ONLY /* its state as a complete type */
#include <xxhash.h>

struct bp_sum {
	XXH64_state_t state;
	bool helped; /* by `thread`; what follows is shared with it, but for itself */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more, through; /* there is something to sum; all of it is summed */
	const char *at, *end;         /* what is left */
	bool sleeps, last;
};

/* Begin a sum of about n bytes, which bp_sum_end must end. */
void bp_sum_begin(struct bp_sum *s, size_t n);
/* The next n bytes. They must stay where and as they are until bp_sum_wait or bp_sum_end returns. */
void bp_sum_add(struct bp_sum *s, const void *p, size_t n);
void bp_sum_wait(struct bp_sum *s);
uint64_t bp_sum_end(struct bp_sum *s);

#endif
