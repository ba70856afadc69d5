/* the members of a batch beside each other: lib/model/lanes.h, lib/ops/lane.h, with a stage that only takes memory */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/lanes.h"
#include "ops/lane.h"
#include "stream/batch.h"

enum { MEMBERS = 20, LANES = 4, MIB = 1 << 20 };

struct stage {
	struct bp_ctx *cx;
	int lane; /* 0: the stage itself */
};

static struct {
	atomic_int now, most, lanes, closed, in_lane[LANES]; /* now: running; in_lane: runs of each */
	int fails, short_of, lost; /* members, or -1 */
	size_t room;
} seen;

static void
highest(atomic_int *most, int now)
{
	for (int was = atomic_load(most); now > was && !atomic_compare_exchange_weak(most, &was, now);)
		;
}

/* 4 MiB of the device for a moment */
static int
work(void *self, struct bp_ctx *cx)
{
	unsigned char *p;

	(void)self;
	BP_DEV_NEW(p, 4 * MIB, cx);
	if (cx->dry)
		return BP_OK;
	memset(p, 1, 4 * MIB);
	highest(&seen.most, atomic_fetch_add(&seen.now, 1) + 1);
	if (cx->share && seen.room)
		assert_true(cx->share->claimed <= seen.room || cx->share->claims == 1);
	nanosleep(&(struct timespec) { 0, 20000000 }, NULL);
	atomic_fetch_sub(&seen.now, 1);
	return BP_OK;
}

static int
run(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct stage *s = self;
	int i = atoi((*rec)->id);
	struct bp_tensor *t;
	size_t peak;

	assert_null(out);
	assert_ptr_equal((*rec)->mem, mem);
	if (s->cx->share && s->cx->share->on && seen.room)
		s->cx->share->room = seen.room; /* a small device */
	atomic_fetch_add(&seen.in_lane[s->lane], 1);
	BP_TRY(bp_plan_run(&peak, s->cx, work, NULL, mem, 0, 0, "a target", NULL, err));
	if (i == seen.fails)
		return BP_FAIL(err, BP_EINPUT, NULL, "member %d is bad", i);
	if (i == seen.lost)
		return BP_FAIL(err, BP_ELOST, NULL, "gone");
	if (i == seen.short_of && s->cx->share->on)
		return BP_FAIL(err, BP_EMEM, NULL, "short");
	BP_TRY(bp_rec_add(&t, *rec, "result", BP_I32, BP_SHAPE(1), err));
	*(int32_t *)t->data = i * i;
	return BP_OK;
}

static int
lane(void **ret, const void *stage, struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err)
{
	struct stage *s;

	(void)stage;
	BP_NEW(s, 1, mem, err);
	s->cx = cx;
	s->lane = atomic_fetch_add(&seen.lanes, 1) + 1;
	assert_true(s->lane < LANES && cx->threads == 1 && cx->mem);
	*ret = s;
	return BP_OK;
}

static void
lane_close(void *self)
{
	(void)self;
	atomic_fetch_add(&seen.closed, 1);
}

static const struct bp_stage_program program = { .run = run, .lane = lane, .lane_close = lane_close };

/* one batch; returns what bp_lanes_run does */
static int
batch(struct bp_lanes *l, struct bp_arena *mem, struct bp_err *fate, struct bp_err *err)
{
	struct bp_rec *member[MEMBERS];
	int st;

	memset(fate, 0, MEMBERS * sizeof *fate);
	for (int i = 0; i < MEMBERS; i++) {
		char id[16];
		snprintf(id, sizeof id, "%d", i);
		assert_int_equal(bp_rec_new(&member[i], BP_FEATURES, id, mem, err), BP_OK);
	}
	st = bp_lanes_run(l, member, fate, MEMBERS, err);
	for (int i = 0; i < MEMBERS && st == BP_OK; i++)
		if (i == seen.fails) {
			assert_int_equal(fate[i].code, BP_EINPUT);
			assert_string_equal(fate[i].msg, "member 3 is bad");
		} else {
			assert_int_equal(fate[i].code, BP_OK);
			assert_int_equal(*(int32_t *)bp_rec_get(member[i], "result")->data, i * i);
		}
	return st;
}

static void
open_lanes(struct bp_lanes **l, struct bp_arena **mem, struct stage *self, const struct bp_stage_program *p)
{
	struct bp_err err = { 0 };

	memset(&seen, 0, sizeof seen);
	seen.fails = seen.short_of = seen.lost = -1;
	assert_int_equal(bp_arena_open(mem, 0, &err), BP_OK);
	assert_int_equal(bp_ctx_open(&self->cx, "cpu", "optimized", NULL, 0, "fp32", LANES, 0, &err), BP_OK);
	assert_int_equal(bp_lanes_open(l, p, self, self->cx, 0, &err), BP_OK);
}

static void
batches(void **state)
{
	struct bp_err err = { 0 }, fate[MEMBERS];
	struct bp_arena *mem;
	struct bp_lanes *l;
	struct stage self = { 0 };
	size_t peak;

	(void)state;
	open_lanes(&l, &mem, &self, &program);
	assert_int_equal(atomic_load(&seen.lanes), 0); /* not before they are needed */
	assert_int_equal(batch(l, mem, fate, &err), BP_OK);
	assert_int_equal(atomic_load(&seen.lanes), LANES - 1);
	assert_true(atomic_load(&seen.most) > 1 && atomic_load(&seen.most) <= LANES);
	for (int i = 0; i < LANES; i++)
		assert_true(atomic_load(&seen.in_lane[i]) > 0);
	assert_int_equal(self.cx->threads, LANES);

	seen.room = 6 * MIB; /* for one at a time */
	atomic_store(&seen.most, 0);
	seen.fails = 3;
	assert_int_equal(batch(l, mem, fate, &err), BP_OK);
	assert_int_equal(atomic_load(&seen.most), 1);
	seen.room = 9 * MIB; /* for two */
	atomic_store(&seen.most, 0);
	assert_int_equal(batch(l, mem, fate, &err), BP_OK);
	assert_int_equal(atomic_load(&seen.most), 2);
	seen.room = 0;

	seen.short_of = 7; /* once more, alone */
	assert_int_equal(batch(l, mem, fate, &err), BP_OK);
	seen.short_of = -1;
	seen.lost = 5;
	assert_int_equal(batch(l, mem, fate, &err), BP_ELOST);
	assert_string_equal(err.msg, "gone");

	assert_true(bp_dev_idle(self.cx) > 0); /* what the lanes keep is there for a target alone */
	self.cx->err = &err;
	assert_true(bp_lane_reclaim(self.cx));
	assert_false(bp_lane_reclaim(self.cx));
	assert_int_equal(bp_plan_run(&peak, self.cx, work, NULL, mem, 0, 0, "a target", NULL, &err), BP_OK);
	bp_lanes_close(l);
	assert_int_equal(atomic_load(&seen.closed), LANES - 1);
	assert_null(self.cx->share);
	bp_ctx_close(self.cx);
	bp_arena_close(mem);
}

/* what bp_stage_program.batch came to: member 1 fails by itself, and the whole as told */
static int says;

static int
all_at_once(void *self, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err)
{
	struct stage *s = self;

	for (int i = 0; i < n; i++)
		assert_non_null(member[i]->mem);
	if (says == BP_EMEM) { /* it comes to lanes, of a CPU here */
		s->cx->device = BP_CPU;
		return BP_FAIL(err, BP_EMEM, NULL, "too many");
	}
	(void)BP_FAIL(&fate[1], BP_EINPUT, NULL, "member 1 is bad");
	return says == BP_OK ? BP_OK : BP_FAIL(err, says, NULL, "all are");
}

/* On a card a stage may take all members at once. */
static void
at_once(void **state)
{
	const struct bp_stage_program p = { .run = run, .lane = lane, .lane_close = lane_close, .batch = all_at_once };
	struct bp_err err = { 0 }, fate[MEMBERS];
	struct bp_rec *member[MEMBERS];
	struct stage self = { 0 };
	struct bp_arena *mem;
	struct bp_lanes *l;
	static const int outcomes[] = { BP_OK, BP_ENUM, BP_ELOST, BP_EMEM };

	(void)state;
	open_lanes(&l, &mem, &self, &p);
	for (size_t k = 0; k < sizeof outcomes / sizeof *outcomes; k++) {
		says = outcomes[k];
		self.cx->device = BP_CUDA; /* to lanes it is one */
		memset(fate, 0, sizeof fate);
		for (int i = 0; i < MEMBERS; i++)
			assert_int_equal(bp_rec_new(&member[i], BP_FEATURES, "0", mem, &err), BP_OK);
		assert_int_equal(bp_lanes_run(l, member, fate, MEMBERS, &err), says == BP_ELOST ? BP_ELOST : BP_OK);
		for (int i = 0; i < MEMBERS && says != BP_ELOST; i++)
			assert_int_equal(fate[i].code, says == BP_EMEM ? BP_OK : i == 1 ? BP_EINPUT : says);
	}
	assert_int_equal(atomic_load(&seen.lanes), LANES - 1);
	bp_lanes_close(l);
	bp_ctx_close(self.cx);
	bp_arena_close(mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(batches), cmocka_unit_test(at_once) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
