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
	bool tell = strcmp(s->curve, p->experimental_data) != 0;
	snprintf(s->curve, sizeof s->curve, "%s", p->experimental_data);
	if (tell && p->unused)
		bp_log(BP_LOG_WARN, "scoring.saxs: without effect: %s", p->unused);
	return bp_score_open(ret, s->cx, p, tell, rec->mem, err);
}

static int
sign(const struct bp_scoring *s, struct bp_rec *rec, double start, struct bp_err *err)
{
	return bp_trail_add(
	    rec, s->tool, s->variant, s->device, NULL, bp_seconds() - start, bp_arena_peak(rec->mem), s->changed, err);
}

int
bp_scoring_saxs(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct bp_scoring *s = self;
	struct bp_scorer *own = NULL, *use = s->saxs;
	const double start = bp_seconds();
	int st = BP_OK;

	(void)mem, (void)out;
	if (!use) {
		st = own_scorer(&own, s, *rec, err);
		use = own;
	}
	if (own)
		own->told = s->told;
	if (st == BP_OK && use && (st = bp_score_record(*rec, use, s->ensemble, err)) == BP_OK && s->saxs)
		st = sign(s, *rec, start, err);
	if (own)
		s->told = own->told;
	bp_score_close(own);
	return st;
}

int
bp_scoring_rg(void *self, struct bp_rec **rec, struct bp_arena *mem, struct bp_out *out, struct bp_err *err)
{
	struct bp_scoring *s = self;
	const double start = bp_seconds();
	struct bp_val *list;
	struct bp_atoms *a;

	(void)out;
	BP_TRY(bp_atoms_of_next(&a, *rec, &s->told, err));
	if (!a->samples)
		return BP_FAIL(err, BP_EINPUT, "run diffuse first", "there are no coordinates");
	BP_TRY(bp_rg_scores(&list, &s->rg, a, mem, err));
	BP_TRY(bp_scores_put(*rec, "rg", list, err));
	return sign(s, *rec, start, err);
}

int
bp_scoring_run(struct bp_scoring *s, bp_stage_fn *stage, bool signs, const struct bp_common *c)
{
	const struct bp_filter f = { .tool = s->tool,
		.changed = s->changed,
		.no_trail = !signs,
		.want = BP_STRUCTURES,
		.stage = stage,
		.self = s,
		.in = c->in,
		.out = c->out,
		.wire = &c->wire,
		.device = c->device,
		.mem_cap = c->mem_cap };

	s->variant = c->variant;
	s->device = c->device;
	return bp_filter_run(&f);
}
