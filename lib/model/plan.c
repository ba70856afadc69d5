/* lib/model/plan.c: see plan.h */
#include "model/plan.h"

#include <unistd.h>

static size_t
allowed(const struct bp_ctx *cx, size_t cap)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	if (cap || cx->device != BP_CPU || pages <= 0 || page <= 0)
		return cap;
	return (size_t)pages * (size_t)page;
}

/* one pass; *peak = bytes above what was taken before */
static int
pass(size_t *peak, struct bp_ctx *cx, bool dry, int (*work)(void *self, struct bp_ctx *cx), void *self)
{
	struct bp_mark m = bp_dev_mark(cx);
	size_t base;
	int st;

	bp_dev_peak_reset(cx);
	base = bp_dev_peak(cx);
	cx->dry = dry;
	st = work(self, cx);
	cx->dry = false;
	*peak = bp_dev_peak(cx) - base;
	bp_dev_release(cx, m);
	return st;
}

int
bp_plan_run(size_t *peak, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self, const struct bp_arena *mem,
    size_t cap, const char *size, const char *hint, struct bp_err *err)
{
	size_t host = cx->device == BP_CPU ? bp_arena_used(mem) : 0, most = allowed(cx, cap);

	cx->err = err;
	BP_TRY(pass(peak, cx, true, work, self));
	if (most && *peak + host > most)
		return BP_FAIL(err, BP_EMEM, hint, "%s need %.1f MB of memory, %s %.1f MB", size, (double)(*peak + host) / 1e6,
		    cap ? "the cap is" : "the machine has", (double)most / 1e6);
	BP_TRY(pass(peak, cx, false, work, self));
	*peak += cx->device == BP_CPU ? bp_arena_used(mem) : 0;
	return BP_OK;
}
