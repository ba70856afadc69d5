#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "model/replay.h"

/* a device that only counts what it is asked for */
static struct {
	int runs, records, replays, forgotten;
	bool recording, keeps; /* keeps: a recording succeeds */
	void *last;
} dev;

static int
record(struct bp_ctx *cx)
{
	(void)cx;
	dev.recording = true;
	return BP_OK;
}

static int
recorded(struct bp_ctx *cx, void **recording, bool keep)
{
	static int names[100];

	dev.recording = false;
	*recording = NULL;
	if (!keep)
		return BP_OK;
	if (!dev.keeps)
		return BP_FAIL(cx->err, BP_ELOST, NULL, "no recording");
	*recording = &names[dev.records++];
	return BP_OK;
}

static int
replay(struct bp_ctx *cx, void *recording)
{
	(void)cx;
	dev.replays++;
	dev.last = recording;
	return BP_OK;
}

static void
forget(struct bp_ctx *cx, void *recording)
{
	(void)cx;
	assert_non_null(recording);
	dev.forgotten++;
}

/* work aside: a letter for each call, in their order; w: the work itself */
static char calls[16];

static void
note(char c)
{
	size_t n = strlen(calls);

	assert_true(n + 1 < sizeof calls);
	calls[n] = c, calls[n + 1] = 0;
}

static int
turn(struct bp_ctx *cx, void *room, size_t bytes, double share)
{
	(void)cx;
	assert_true(!room || (bytes == 256 && share == 0.5));
	note(room ? 'a' : 'b');
	return BP_OK;
}

static int
join(struct bp_ctx *cx)
{
	(void)cx;
	note('j');
	return BP_OK;
}

static const struct bp_memory memory = { .record = record, .recorded = recorded, .replay = replay, .forget = forget, .turn = turn, .join = join };

static int
work(void *self, struct bp_ctx *cx)
{
	int *fails = self;

	dev.runs += !dev.recording;
	return *fails ? BP_FAIL(cx->err, BP_ENUM, NULL, "failed") : BP_OK;
}

static struct bp_err err;
static struct bp_ctx cx = { .memory = &memory, .err = &err };

static void
check(int line, int runs, int records, int replays, int forgotten)
{
	if (dev.runs != runs || dev.records != records || dev.replays != replays || dev.forgotten != forgotten)
		fail_msg("line %d: %d runs, %d recordings, %d replays, %d forgotten", line, dev.runs, dev.records, dev.replays, dev.forgotten);
}
#define CHECK(...) check(__LINE__, __VA_ARGS__)

static struct bp_key
key_of(int x)
{
	struct bp_key k = { 0 };

	BP_KEY_ADD(&k, x);
	return k;
}

static void
same_work(void **state)
{
	struct bp_replay r = { 0 };
	struct bp_key a = key_of(1), b = key_of(2);
	int fails = 0;

	(void)state;
	memset(&dev, 0, sizeof dev);
	dev.keeps = true;
	assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_OK);
	CHECK(1, 0, 0, 0);
	for (int i = 1; i < 4; i++) { /* recorded once */
		assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_OK);
		CHECK(1, 1, i, 0);
	}
	assert_int_equal(bp_replay(&r, &cx, &b, work, &fails), BP_OK); /* other work: run, and what was recorded is gone */
	CHECK(2, 1, 3, 1);
	assert_int_equal(bp_replay(&r, &cx, &b, work, &fails), BP_OK);
	CHECK(2, 2, 4, 1);
	assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_OK);
	CHECK(3, 2, 4, 2);
	cx.dry = true; /* a rehearsal is no run */
	assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_OK);
	cx.dry = false;
	CHECK(4, 2, 4, 2);
	assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_OK);
	CHECK(4, 3, 5, 2);
	bp_replay_forget(&r, &cx);
	CHECK(4, 3, 5, 3);
	bp_replay_forget(&r, &cx);
	CHECK(4, 3, 5, 3);
}

static int
work_aside(void *self, struct bp_ctx *cx)
{
	note('w');
	return work(self, cx);
}

/* Whoever goes aside comes back, also when the work fails; where there are no sides all is done in turn. */
static void
aside(void **state)
{
	static const struct bp_memory plain;
	struct bp_ctx one = cx;
	int fails = 0, room;

	(void)state;
	calls[0] = 0;
	assert_int_equal(bp_dev_aside(&one, &room, 256, 0.5, work_aside, &fails), BP_OK);
	assert_int_equal(bp_dev_join(&one), BP_OK);
	fails = 1;
	assert_int_equal(bp_dev_aside(&one, &room, 256, 0.5, work_aside, &fails), BP_ENUM);
	assert_string_equal(calls, "awbjawb");
	calls[0] = 0, fails = 0;
	one.profile = (struct bp_profile *)&room; /* ops are being timed */
	assert_false(bp_dev_sides(&one));
	assert_int_equal(bp_dev_aside(&one, &room, 256, 0.5, work_aside, &fails), BP_OK);
	one.profile = NULL, one.memory = &plain;
	assert_false(bp_dev_sides(&one));
	assert_int_equal(bp_dev_aside(&one, NULL, 0, 1, work_aside, &fails), BP_OK);
	assert_int_equal(bp_dev_join(&one), BP_OK);
	assert_string_equal(calls, "ww");
}

static void
failures(void **state)
{
	struct bp_replay r = { 0 };
	struct bp_key a = key_of(1);
	int fails = 1;

	(void)state;
	memset(&dev, 0, sizeof dev);
	dev.keeps = true;
	assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_ENUM); /* does not count as run */
	fails = 0;
	assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_OK);
	CHECK(2, 0, 0, 0);
	fails = 1;
	assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_ENUM); /* while it is recorded */
	CHECK(2, 0, 0, 0);
	fails = 0;
	assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_OK);
	CHECK(3, 0, 0, 0);
	dev.keeps = false;
	assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_ELOST);
	dev.keeps = true;
	assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_OK);
	assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_OK);
	CHECK(4, 1, 1, 0);
	bp_replay_forget(&r, &cx);
}

/* every field of features counts: a pointer that only one op reads, too */
static void
keys(void **state)
{
	static const unsigned char use[2] = { 1, 1 }, other[2] = { 1, 0 };
	static unsigned char many[40000];
	struct bp_feats f = { .n = 5, .t = 2, .use_template = use, .visibility = (const float *)use }, g = f;
	struct bp_key a = { 0 }, b = { 0 };

	(void)state;
	bp_key_feats(&a, &f);
	bp_key_feats(&b, &g);
	assert_true(a.n == b.n && a.n < sizeof a.b);
	assert_memory_equal(a.b, b.b, a.n);
	for (int i = 0; i < 4; i++) {
		g = f;
		if (i == 0)
			g.cyclic = true;
		else if (i == 1)
			g.use_template = other;
		else if (i == 2)
			g.rep_atom = (const int32_t *)use;
		else
			g.asym_id = (const int32_t *)use;
		b.n = 0;
		bp_key_feats(&b, &g);
		assert_int_equal(a.n, b.n);
		assert_memory_not_equal(a.b, b.b, a.n);
	}
	for (int i = 1; i < 64; i++) /* of a batch */
		bp_key_feats(&b, &g);
	assert_true(b.n < sizeof b.b);
	f.t = sizeof many; /* too long a key: never recorded */
	f.use_template = many;
	a.n = 0;
	bp_key_feats(&a, &f);
	assert_true(a.n > sizeof a.b);
	bp_key_add(&a, use, 1);
	assert_true(a.n > sizeof a.b);
	memset(&dev, 0, sizeof dev);
	struct bp_replay r = { 0 };
	for (int i = 0, fails = 0; i < 3; i++) {
		assert_int_equal(bp_replay(&r, &cx, &a, work, &fails), BP_OK);
	}
	CHECK(3, 0, 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(same_work), cmocka_unit_test(aside), cmocka_unit_test(failures), cmocka_unit_test(keys) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
