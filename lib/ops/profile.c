#include "ops/profile.h"

#include <stdlib.h>

#include "base/log.h"
#include "ops/ops.h"

enum {
#define X(op) OP_##op,
	BP_OPS(X)
#undef X
	OPS,
	CALLS = 2048 /* stamps are read when so many calls were made */
};

struct bp_profile {
	const struct bp_ops *bound;
	int op[CALLS], calls;    /* since the stamps were read last */
	double at[2 * CALLS];    /* seconds, before and after each  */
	struct {
		long calls;
		double seconds;
	} sum[OPS + 1];          /* the last: between ops           */
};

static int
collect(struct bp_ctx *cx)
{
	struct bp_profile *p = cx->profile;

	BP_TRY(cx->memory->stamps(cx, 2 * p->calls, p->at));
	for (int i = 0; i < p->calls; i++) {
		p->sum[p->op[i]].calls++;
		p->sum[p->op[i]].seconds += p->at[2 * i + 1] - p->at[2 * i];
		if (i)
			p->sum[OPS].seconds += p->at[2 * i] - p->at[2 * i - 1];
	}
	p->calls = 0;
	return BP_OK;
}

static int
before(struct bp_ctx *cx, int op)
{
	struct bp_profile *p = cx->profile;

	if (p->calls == CALLS)
		BP_TRY(collect(cx));
	p->op[p->calls] = op;
	return cx->memory->stamp(cx, 2 * p->calls, &p->at[2 * p->calls]);
}

static int
after(struct bp_ctx *cx)
{
	struct bp_profile *p = cx->profile;
	int i = 2 * p->calls++ + 1;

	return cx->memory->stamp(cx, i, &p->at[i]);
}

#define X(op)                                                                                                          \
	static int timed_##op(struct bp_ctx *cx, const struct bp_##op *a)                                              \
	{                                                                                                              \
		if (cx->dry)                                                                                           \
			return cx->profile->bound->op(cx, a);                                                          \
		BP_TRY(before(cx, OP_##op));                                                                           \
		BP_TRY(cx->profile->bound->op(cx, a));                                                                 \
		return after(cx);                                                                                      \
	}
BP_OPS(X)
#undef X

static const struct bp_ops timed = {
#define X(op) .op = timed_##op,
	BP_OPS(X)
#undef X
};

int
bp_profile_open(struct bp_ctx *cx, struct bp_err *err)
{
	struct bp_profile *p = calloc(1, sizeof *p);

	if (!p)
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for a profile");
	p->bound = cx->ops;
	cx->ops = &timed;
	cx->profile = p;
	return BP_OK;
}

void
bp_profile_tell(struct bp_ctx *cx)
{
	struct bp_profile *p = cx->profile;
	bool told[OPS + 1] = { false };
	struct bp_err err = { 0 };
	double all = 0;

	cx->err = &err; /* the last target's is gone */
	if (collect(cx) != BP_OK)
		return;
	for (int i = 0; i <= OPS; i++)
		all += p->sum[i].seconds;
	bp_log(BP_LOG_WARN, "%-22s %8s %10s %6s", "op", "calls", "ms", "share");
	for (;;) { /* the largest first */
		int most = -1;
		for (int i = 0; i <= OPS; i++)
			if (!told[i] && p->sum[i].seconds > 0 && (most < 0 || p->sum[i].seconds > p->sum[most].seconds))
				most = i;
		if (most < 0)
			break;
		told[most] = true;
		bp_log(BP_LOG_WARN, "%-22s %8ld %10.3f %5.1f%%", most == OPS ? "(between ops)" : bp_ops_name(most),
		    p->sum[most].calls, 1e3 * p->sum[most].seconds, 100 * p->sum[most].seconds / all);
	}
	bp_log(BP_LOG_WARN, "%-22s %8s %10.3f", "all", "", 1e3 * all);
}

void
bp_profile_close(struct bp_ctx *cx)
{
	if (!cx->profile)
		return;
	cx->ops = cx->profile->bound;
	free(cx->profile);
	cx->profile = NULL;
}
