/* lib/ops/lane.h: lanes are contexts of one device that work at the same time, each from a thread of its own: on a card with their own stream, memory pool and cuBLAS. They share the
 * weights and the bound rows, so that each computes what a context alone would, to the last bit. */
#ifndef BP_LANE_H
#define BP_LANE_H

#include <pthread.h>

#include "ops/ctx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What lanes and the context that they come from have in common: nobody takes memory that another counts on. */
struct bp_share {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct bp_ctx *main, *const *lane; /* [n] */
	int n;
	bool on;                          /* they are at work                                       */
	size_t room, claimed;             /* bytes for all of them, while they are; taken of these  */
	int claims;
};

/* A lane of main, with `threads` CPU threads. What main's device was asked for so far, weights above all, is done on return. Closed by bp_ctx_close, before main. */
int bp_ctx_open_lane(struct bp_ctx **ret, struct bp_ctx *main, int threads, struct bp_err *err) BP_MUST_USE;

/* s->main, lane and n are set; all contexts stand still in begin and end. Between them each bp_lane_claim waits for its part of the room. */
void bp_share_open(struct bp_share *s);
void bp_share_close(struct bp_share *s);
void bp_share_begin(struct bp_share *s);
void bp_share_end(struct bp_share *s);

/* For the plan of a run (model/plan.c), on any context. room: bytes it may count on, were it alone. reclaim: the lanes that stand still gave memory back; false: they had none. */
size_t bp_lane_room(const struct bp_ctx *cx);
bool bp_lane_reclaim(struct bp_ctx *cx);
void bp_lane_claim(struct bp_ctx *cx, size_t bytes);
void bp_lane_release(struct bp_ctx *cx, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
