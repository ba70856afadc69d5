/* lib/model/plan.c: see plan.h */
#include "model/plan.h"

#define MIB(bytes) ((double)(bytes) / 1048576)

int
bp_plan_bytes(size_t *bytes, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self)
{
	struct bp_rehearsal r;
	int st;

	BP_TRY(bp_dev_rehearse(&r, cx));
	st = work(self, cx);
	*bytes = bp_dev_rehearsed(&r, cx);
	return st;
}

/* held: host bytes that are taken already */
static int
check(const struct bp_ctx *cx, size_t needed, size_t held, size_t cap, const char *size, const char *hint,
    struct bp_err *err)
{
	size_t has = bp_dev_free(cx);

	if (cap && needed + held > cap)
		return BP_FAIL(err, BP_EMEM, hint, "%s need %.1f MiB of memory, the cap is %.1f MiB", size,
		    MIB(needed + held), MIB(cap));
	if (needed > has)
		return BP_FAIL(err, BP_EMEM, hint, "%s need %.1f MiB of memory more, %.1f MiB are free", size,
		    MIB(needed), MIB(has));
	return BP_OK;
}

int
bp_plan_run(size_t *peak, struct bp_ctx *cx, int (*work)(void *self, struct bp_ctx *cx), void *self,
    const struct bp_arena *mem, size_t adds, size_t cap, const char *size, const char *hint, struct bp_err *err)
{
	bool host = cx->device == BP_CPU; /* where device memory and the record's are one */
	struct bp_mark m;
	size_t before;
	int st;

	cx->err = err;
	BP_TRY(bp_plan_bytes(peak, cx, work, self));
	BP_TRY(check(cx, *peak + (host ? adds : 0), host ? bp_arena_used(mem) : 0, cap, size, hint, err));
	m = bp_dev_mark(cx);
	bp_dev_peak_reset(cx);
	before = bp_dev_peak(cx);
	st = work(self, cx);
	*peak = bp_dev_peak(cx) - before + (host ? bp_arena_used(mem) : 0);
	bp_dev_release(cx, m);
	return st;
}
