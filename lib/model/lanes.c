/* lib/model/lanes.c: see lanes.h */
#include "model/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "ops/lane.h"
#include "stream/batch.h"

enum { MOST = 8 }; /* lanes, the stage's own context among them */

struct bp_lanes {
	const struct bp_stage_program *p;
	size_t mem_cap;
	int n;                     /* lanes there are, 0: not opened yet                     */
	struct bp_ctx *cx[MOST];   /* [0] is the stage's, and so is                          */
	void *stage[MOST];
	struct bp_arena *config;   /* for the others                                         */
	struct bp_arena *mem[BP_BATCH_MAX]; /* of the members; opened when needed            */
	struct bp_share share;
	/* the batch in work */
	struct bp_rec *const *member;
	struct bp_err *fate;
	int count, next;           /* next: to be taken, guarded by share.lock               */
};

struct worker {
	struct bp_lanes *l;
	int lane;
	pthread_t thread;
};

int
bp_lanes_open(struct bp_lanes **ret, const struct bp_stage_program *p, void *stage, struct bp_ctx *cx, size_t mem_cap,
    struct bp_err *err)
{
	struct bp_lanes *l = calloc(1, sizeof *l);

	*ret = NULL;
	if (!l || bp_arena_open(&l->config, 0, err) != BP_OK) {
		free(l);
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for lanes");
	}
	l->p = p;
	l->mem_cap = mem_cap;
	l->cx[0] = cx;
	l->stage[0] = stage;
	l->share.main = cx;
	l->share.lane = &l->cx[1];
	bp_share_open(&l->share);
	*ret = l;
	return BP_OK;
}

void
bp_lanes_close(struct bp_lanes *l)
{
	if (!l)
		return;
	for (int i = 1; i < l->n; i++) {
		if (l->p->lane_close)
			l->p->lane_close(l->stage[i]);
		bp_ctx_close(l->cx[i]);
	}
	l->cx[0]->share = NULL;
	for (int i = 0; i < BP_BATCH_MAX; i++)
		bp_arena_close(l->mem[i]);
	bp_arena_close(l->config);
	bp_share_close(&l->share);
	free(l);
}

/* The other lanes, on the CPU at most one a thread. Where one cannot be had, there are fewer: it is a matter of time alone. */
static void
open_lanes(struct bp_lanes *l)
{
	struct bp_ctx *main = l->cx[0];
	int most = main->profile ? 1 : main->device == BP_CPU && main->threads < MOST ? main->threads : MOST;
	int threads = main->threads / most > 1 ? main->threads / most : 1;
	struct bp_err err = { 0 };

	for (l->n = 1; l->n < most; l->n++) {
		int i = l->n;
		if (bp_ctx_open_lane(&l->cx[i], main, threads, &err) != BP_OK) {
			bp_log(BP_LOG_INFO, "%d lanes for batches: %s", i, err.msg);
			break;
		}
		if (l->p->lane(&l->stage[i], l->stage[0], l->cx[i], l->config, &err) != BP_OK) {
			bp_log(BP_LOG_INFO, "%d lanes for batches: %s", i, err.msg);
			bp_ctx_close(l->cx[i]);
			break;
		}
	}
	l->share.n = l->n - 1;
	for (int i = 0; i < l->n; i++)
		l->cx[i]->share = &l->share;
	for (int i = 1; i < l->n; i++)
		l->cx[i]->err = NULL; /* it gets its members' */
}

static void
run_member(struct bp_lanes *l, int lane, int i)
{
	struct bp_rec *rec = l->member[i];

	if (l->p->run(l->stage[lane], &rec, l->mem[i], NULL, &l->fate[i]) == BP_OK) {
		bp_assert(rec == l->member[i]);
		l->fate[i].code = BP_OK;
	}
}

static void *
work(void *self)
{
	const struct worker *w = self;
	struct bp_lanes *l = w->l;
	int i;

	if (w->lane && bp_dev_attach(l->cx[w->lane]) != BP_OK)
		return NULL; /* the others take its members */
	for (;;) {
		pthread_mutex_lock(&l->share.lock);
		i = l->next < l->count ? l->next++ : -1;
		pthread_mutex_unlock(&l->share.lock);
		if (i < 0)
			return NULL;
		run_member(l, w->lane, i);
	}
}

/* all members, by this thread and one for each other lane */
static void
run_all(struct bp_lanes *l)
{
	struct worker w[MOST];
	int lanes = l->n < l->count ? l->n : l->count, threads = l->cx[0]->threads, started = 1;

	l->next = 0;
	bp_share_begin(&l->share);
	for (int i = 0; i < lanes; i++)
		w[i] = (struct worker) { .l = l, .lane = i };
	while (started < lanes && pthread_create(&w[started].thread, NULL, work, &w[started]) == 0)
		started++;
	l->cx[0]->threads = threads / lanes > 1 ? threads / lanes : 1;
	work(&w[0]);
	for (int i = 1; i < started; i++)
		pthread_join(w[i].thread, NULL);
	l->cx[0]->threads = threads;
	bp_share_end(&l->share);
}

/* by the lanes, and once more alone where one ran out of memory beside others */
static void
run_lanes(struct bp_lanes *l, int n, struct bp_err *err)
{
	struct bp_err *fate = l->fate;

	if (!l->n)
		open_lanes(l);
	run_all(l);
	for (int i = 0; i < l->n; i++)
		l->cx[i]->err = err; /* fate goes */
	for (int i = 0; i < n; i++)
		if (fate[i].code == BP_EMEM && l->n > 1) {
			bp_lane_reclaim(l->cx[0]);
			fate[i] = (struct bp_err) { 0 };
			run_member(l, 0, i);
		}
}

/* all at once; false: it could not be */
static bool
run_at_once(struct bp_lanes *l, int n, int *st, struct bp_err *err)
{
	if (!l->p->batch || l->cx[0]->device == BP_CPU)
		return false;
	*st = l->p->batch(l->stage[0], l->member, l->fate, n, err);
	l->cx[0]->err = err;
	if (*st == BP_EMEM || *st == BP_EUNSUP) {
		bp_log(BP_LOG_INFO, "%d targets of a batch not at once: %s", n, err->msg);
		*err = (struct bp_err) { 0 };
		memset(l->fate, 0, (size_t)n * sizeof *l->fate);
		*st = BP_OK;
		return false;
	}
	if (*st != BP_OK && *st != BP_ELOST) { /* it befell all of those that had come so far */
		for (int i = 0; i < n; i++)
			if (l->fate[i].code == BP_OK)
				l->fate[i] = *err;
		*st = BP_OK;
	}
	return true;
}

int
bp_lanes_run(void *self, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err)
{
	struct bp_lanes *l = self;
	int st = BP_OK;

	l->member = member;
	l->fate = fate;
	l->count = n;
	for (int i = 0; i < n; i++) {
		if (!l->mem[i])
			BP_TRY(bp_arena_open(&l->mem[i], l->mem_cap, err));
		bp_arena_reset(l->mem[i]);
		member[i]->mem = l->mem[i];
	}
	if (!run_at_once(l, n, &st, err))
		run_lanes(l, n, err);
	BP_TRY(st);
	for (int i = 0; i < n; i++)
		if (fate[i].code == BP_ELOST) {
			*err = fate[i];
			return BP_ELOST;
		}
	return BP_OK;
}
