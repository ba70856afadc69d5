/* lib/model/members.c: see members.h */
#include "model/members.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

const char *
bp_members_label(char buf[32], int members)
{
	buf[0] = 0;
	if (members > 1)
		snprintf(buf, 32, "%d targets of ", members);
	return buf;
}

struct work {
	const struct bp_members_stage *p;
	void *stage;
	struct bp_rec *const *member;
	struct bp_err *fate;
	/* of the members that could be prepared */
	int n, of[BP_BATCH_MAX];
	char *target;
	const struct bp_feats *f[BP_BATCH_MAX];
};

static void *
target(const struct work *w, int i)
{
	return w->target + (size_t)i * w->p->size;
}

static int
run(struct work *w, struct bp_arena *mem, struct bp_err *err)
{
	double start = bp_seconds(), seconds;
	struct bp_feats all;
	size_t peak;

	for (int i = 1; i < w->n; i++)
		if (w->f[i]->n != w->f[0]->n || w->f[i]->atoms != w->f[0]->atoms || w->f[i]->s != w->f[0]->s)
			return BP_FAIL(err, BP_EUNSUP, NULL, "%s and %s are not of one size", w->member[w->of[0]]->id, w->member[w->of[i]]->id);
	if (w->n > 1)
		BP_TRY(bp_feats_join(&all, w->f, w->n, mem, err));
	BP_TRY(w->p->run(&peak, w->stage, w->target, w->n, w->n > 1 ? &all : NULL, mem, err));
	seconds = (bp_seconds() - start) / w->n;
	for (int i = 0; i < w->n; i++) {
		struct bp_err *fate = &w->fate[w->of[i]];
		if (w->p->finish(w->stage, target(w, i), seconds, peak / (size_t)w->n, fate) == BP_OK)
			fate->code = BP_OK;
	}
	return BP_OK;
}

int
bp_members_run(const struct bp_members_stage *p, void *stage, struct bp_rec *const *member, struct bp_err *fate, int n, struct bp_err *err)
{
	struct bp_arena *mem = member[0]->mem;
	struct work w = { .p = p, .stage = stage, .member = member, .fate = fate };
	int st = BP_OK;

	if (!(w.target = bp_calloc(mem, (size_t)n, p->size, err)))
		return BP_EMEM;
	for (int i = 0; i < n; i++)
		if (p->prepare(target(&w, w.n), stage, member[i], &fate[i]) == BP_OK) {
			w.f[w.n] = p->feats(target(&w, w.n));
			w.of[w.n++] = i;
		} else {
			if (p->close)
				p->close(target(&w, w.n));
			memset(target(&w, w.n), 0, p->size); /* for the next */
		}
	if (w.n)
		st = run(&w, mem, err);
	for (int i = 0; i < w.n && p->close; i++)
		p->close(target(&w, i));
	return st;
}
