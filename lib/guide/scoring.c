/* lib/guide/scoring.c */
#include "guide/scoring.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"

const char *
bp_scoring_path(const char *path, const struct bp_rec *rec, struct bp_err *err)
{
	const char *source = bp_val_cstr(bp_val_get(rec->meta, "source"), ""), *slash = strrchr(source, '/');
	const char *beside;

	if (*path == '/' || !slash || access(path, R_OK) == 0)
		return path;
	beside = bp_sprintf(rec->mem, err, "%.*s/%s", (int)(slash - source), source, path);
	return !beside ? NULL : access(beside, R_OK) == 0 ? beside : path;
}

/* the scorer of the record's own section scoring; *ret NULL: it has none */
static int
own_scorer(struct bp_scorer **ret, struct bp_scoring *s, const struct bp_rec *rec, struct bp_err *err)
{
	struct bp_guide_params *p;
	int n;

	*ret = NULL;
	BP_TRY(bp_guide_section(&p, &n, bp_val_get(rec->meta, "scoring"), true, rec->mem, err));
	if (n == 0)
		return BP_OK;
	if (n > 1)
		return BP_FAIL(err, BP_EINPUT, "give the others to guide-saxs --score",
		    "scoring.saxs: %d curves, one is scored", n);
	if (!(p->experimental_data = bp_scoring_path(p->experimental_data, rec, err)))
		return BP_EMEM;
	bool tell = strcmp(s->told, p->experimental_data) != 0;
	snprintf(s->told, sizeof s->told, "%s", p->experimental_data);
	return bp_score_open(ret, s->cx, p, tell, rec->mem, err);
}

int
bp_scoring_saxs(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct bp_scoring *s = self;
	struct bp_scorer *own = NULL;
	const double start = bp_seconds();
	int st = BP_OK;

	(void)out;
	if (!s->scorer)
		st = own_scorer(&own, s, *rec, err);
	if (st == BP_OK && (s->scorer || own)
	    && (st = bp_score_record(*rec, s->scorer ? s->scorer : own, err)) == BP_OK)
		st = bp_trail_add(*rec, s->tool, s->variant, s->device, NULL, bp_seconds() - start, bp_arena_peak(mem),
		    s->changed, err);
	bp_score_close(own);
	return st;
}
