/* lib/model/plan.c: see plan.h */
#include "model/plan.h"

/* bytes that a dry run takes */
static int
rehearse(size_t *peak, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self)
{
	struct bp_rehearsal r;
	int st;

	BP_TRY(bp_dev_rehearse(&r, cx));
	st = work(self, cx);
	*peak = bp_dev_rehearsed(&r, cx);
	return st;
}

static int
check(const struct bp_ctx *cx, size_t needed, size_t host, size_t cap, const char *size, const char *hint, struct bp_err *err)
{
	size_t has = bp_dev_free(cx);

	if (cap && needed + host > cap)
		return BP_FAIL(err, BP_EMEM, hint, "%s need %.1f MB of memory, the cap is %.1f MB", size, (double)(needed + host) / 1e6,
		    (double)cap / 1e6);
	if (needed > has)
		return BP_FAIL(err, BP_EMEM, hint, "%s need %.1f MB of memory more, %.1f MB are free", size, (double)needed / 1e6,
		    (double)has / 1e6);
	return BP_OK;
}

int
bp_plan_run(size_t *peak, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self, const struct bp_arena *mem,
    size_t cap, const char *size, const char *hint, struct bp_err *err)
{
	struct bp_mark m;
	size_t before;
	int st;

	cx->err = err;
	BP_TRY(rehearse(peak, cx, work, self));
	BP_TRY(check(cx, *peak, cx->device == BP_CPU ? bp_arena_used(mem) : 0, cap, size, hint, err));
	m = bp_dev_mark(cx);
	bp_dev_peak_reset(cx);
	before = bp_dev_peak(cx);
	st = work(self, cx);
	*peak = bp_dev_peak(cx) - before + (cx->device == BP_CPU ? bp_arena_used(mem) : 0);
	bp_dev_release(cx, m);
	return st;
}
