/* lib/guide/serve.c: contents: a request; the loop; main. */
#include "guide/serve.h"

#include <string.h>

#include "base/log.h"
#include "base/main.h"
#include "guide/atoms.h"
#include "guide/protocol.h"
#include "guide/score.h"
#include "stream/call.h"

/* ---- a request ---- */

struct server {
	const char *tool;
	struct bp_ctx *cx;
	struct bp_guide_params *p;
	struct bp_arena *target, *work; /* what the target's first request brought, and its source; this request's */
	const char *id;                 /* of the target; NULL: none yet                                           */
	struct bp_atoms *atoms;
	struct bp_guide_source *source;
	int room; /* samples that the source was opened for                                  */
};

static int
open_source(struct server *s, int samples, struct bp_err *err)
{
	s->room = samples;
	return (s->p->section == BP_GUIDE_RG ? bp_source_rg : bp_source_saxs)(
	    &s->source, s->cx, s->atoms, s->p, samples, s->target, err);
}

/* A target's first request: its record lies in s->work, which becomes s->target. */
static int
begin_target(struct server *s, const struct bp_guide_request *q, struct bp_err *err)
{
	struct bp_arena *old = s->target;

	s->id = NULL;
	s->source = NULL;
	s->target = s->work;
	s->work = old;
	bp_arena_reset(s->work);
	BP_TRY(bp_atoms_of_record(&s->atoms, q->of_atoms, err));
	if (s->atoms->n != q->atoms)
		return BP_FAIL(
		    err, BP_EINPUT, NULL, "the tables have %d atoms, the coordinates %d", s->atoms->n, q->atoms);
	BP_TRY(open_source(s, q->samples, err));
	s->id = q->target;
	return BP_OK;
}

/* an array of maps: the source's columns of each sample */
static int
sample_maps(struct bp_val **ret, const struct server *s, int samples, const double *values, struct bp_err *err)
{
	*ret = bp_val_arr(s->work, err);
	for (int i = 0; i < samples; i++) {
		struct bp_val *m = bp_val_map(s->work, err);
		BP_TRY(bp_val_push(*ret, m, s->work, err));
		for (int k = 0; k < s->source->columns; k++)
			BP_TRY(bp_val_set(m, s->source->column[k],
			    bp_val_real(s->work, values[i * s->source->columns + k], err), s->work, err));
	}
	return BP_OK;
}

/* the keys of the step, for the first answer */
static int
step_keys(struct bp_val **ret, const struct server *s, struct bp_err *err)
{
	static const char *const keys[] = { "guidance_weight", "guidance_interval", "step", "smoothing",
		"max_displacement_per_step", "start_time", "ramp_steps" };
	const struct bp_val *all = bp_guide_to_val(s->p, s->work, err);

	if (!all || !(*ret = bp_val_map(s->work, err)))
		return BP_EMEM;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (bp_val_get(all, keys[i]))
			BP_TRY(bp_val_set(*ret, keys[i], bp_val_get(all, keys[i]), s->work, err));
	return bp_val_get(all, "smoothing") ? BP_OK /* the section rg has no such key: its steps are not smoothed */
	                                    : bp_val_set(*ret, "smoothing", bp_val_real(s->work, 0, err), s->work, err);
}

static int
answer(struct bp_rec **ret, struct server *s, const struct bp_rec *rec, struct bp_err *err)
{
	struct bp_guide_reply reply = { 0 };
	struct bp_guide_request q;
	double *energy, *gradient, *values;
	bool found = false;

	s->cx->err = err; /* where ops tell */
	BP_TRY(bp_guide_request_read(&q, rec, err));
	if (q.of_atoms)
		BP_TRY(begin_target(s, &q, err));
	else if (!s->id || strcmp(s->id, q.target) != 0)
		return BP_FAIL(err, BP_EINPUT, "meta.first is true in a target's first request",
		    "request %lld of target %s came before its first", (long long)q.request, q.target);
	if (q.atoms != s->atoms->n)
		return BP_FAIL(
		    err, BP_EINPUT, NULL, "%d atoms now, %d in the target's first request", q.atoms, s->atoms->n);
	if (q.samples > s->room) {
		BP_TRY(open_source(s, q.samples, err));
		found = true; /* what is held in a diffusion step must be found anew */
	}
	BP_NEW(energy, q.samples, s->work, err);
	BP_NEW(gradient, 3 * (size_t)q.samples * (size_t)q.atoms, s->work, err);
	BP_NEW(values, (size_t)q.samples * (size_t)s->source->columns, s->work, err);
	const struct bp_guide_call call = { q.step, q.steps, found ? 0 : q.gd_step, q.sigma, q.samples, q.coords,
		energy, q.step < q.steps ? gradient : NULL, values };
	BP_TRY(s->source->eval(s->source, &call, s->work, err));
	reply.energy = energy, reply.gradient = gradient, reply.goal = s->source->goal;
	BP_TRY(sample_maps(&reply.samples, s, q.samples, values, err));
	if (q.of_atoms)
		BP_TRY(step_keys(&reply.guidance, s, err));
	return bp_guide_reply_write(ret, &q, &reply, s->work, err);
}

/* ---- the loop ---- */

/* the answer to rec, or st and *err as reading it gave them: a reply or an error record */
static struct bp_rec *
respond(struct server *s, struct bp_rec *rec, int st, struct bp_err *err)
{
	struct bp_rec *reply = NULL;
	struct bp_err told;

	if (st == BP_OK && answer(&reply, s, rec, err) == BP_OK)
		return reply;
	told = *err;
	bp_err_where(&told, "%s", rec->id);
	bp_log_err(&told);
	return bp_rec_failure(rec, s->tool, err);
}

static int
loop(struct server *s, struct bp_in *in, struct bp_out *out, struct bp_err *err)
{
	int st;

	for (;;) {
		struct bp_rec *rec = NULL;
		bp_arena_reset(s->work);
		st = bp_in_next(in, s->work, &rec, err);
		if (st == BP_EOS)
			return bp_out_end(out, err);
		if (st != BP_OK && !(st == BP_EMEM && rec))
			return st;
		BP_TRY(bp_out_put(out, respond(s, rec, st, err), err));
	}
}

int
bp_guide_serve(const char *tool, struct bp_ctx *cx, struct bp_guide_params *p, size_t mem_cap)
{
	struct server s = { .tool = tool, .cx = cx, .p = p };
	struct bp_out *out = NULL;
	struct bp_in *in = NULL;
	struct bp_err err = { 0 };
	int st, status;

	if ((st = bp_arena_open(&s.target, mem_cap, &err)) != BP_OK
	    || (st = bp_arena_open(&s.work, mem_cap, &err)) != BP_OK || (st = bp_in_open(&in, NULL, &err)) != BP_OK
	    || (st = bp_out_open(&out, NULL, &err)) != BP_OK) {
		bp_log_err(&err);
		status = BP_EXIT_USAGE;
	} else {
		st = loop(&s, in, out, &err);
		if (st != BP_OK)
			bp_log_err(&err);
		status = st != BP_OK ? BP_EXIT_STREAM : bp_out_failures(out) > 0 ? BP_EXIT_TARGETS : BP_EXIT_OK;
	}
	bp_out_close(out);
	bp_in_close(in);
	bp_arena_close(s.work);
	bp_arena_close(s.target);
	return status;
}

/* one question over a socket; each client has a state of its own */
static int
serve_one(struct server *all, struct bp_call *call, struct bp_arena **mem, size_t mem_cap, struct bp_err *err)
{
	struct bp_rec *rec = NULL;
	struct server *s;
	bool fresh;
	int st;

	bp_arena_reset(*mem);
	st = bp_call_take(call, &rec, *mem, err);
	if (!rec && st == BP_ESTREAM) /* a REP socket must say something */
		BP_TRY(bp_rec_new(&rec, BP_OTHER, "", *mem, err));
	if (!rec)
		return st;
	s = &all[bp_call_client(call, &fresh)];
	if (fresh)
		s->id = NULL;
	if (!s->target)
		BP_TRY(bp_arena_open(&s->target, mem_cap, err));
	s->work = *mem; /* which a first request exchanges for s->target */
	rec = respond(s, rec, st, err);
	st = bp_call_send(call, rec, err);
	*mem = s->work;
	return st;
}

int
bp_guide_serve_at(
    const char *tool, struct bp_ctx *cx, struct bp_guide_params *p, const char *endpoint, const struct bp_common *c)
{
	struct server all[BP_CALL_CLIENTS];
	struct bp_arena *mem = NULL;
	struct bp_call *call = NULL;
	struct bp_err err = { 0 };
	int st;

	for (int i = 0; i < BP_CALL_CLIENTS; i++)
		all[i] = (struct server) { .tool = tool, .cx = cx, .p = p };
	if ((st = bp_arena_open(&mem, c->mem_cap, &err)) == BP_OK)
		st = bp_call_open(&call, endpoint, true, &c->wire, &err);
	while (st == BP_OK)
		st = serve_one(all, call, &mem, c->mem_cap, &err);
	st = bp_main_fail(&err);
	bp_call_close(call);
	bp_arena_close(mem);
	for (int i = 0; i < BP_CALL_CLIENTS; i++)
		bp_arena_close(all[i].target);
	return st;
}

/* ---- main ---- */

/* the program's own options, then the section's keys */
static int
all_options(struct bp_optdef **ret, const struct bp_guide_program *p, struct bp_arena *mem, struct bp_err *err)
{
	enum { KEYS = 65 };
	struct bp_optdef *d;
	int own = 0, n = 0;

	while (p->about.options[own].name)
		own++;
	BP_NEW(d, own + KEYS, mem, err);
	memcpy(d, p->about.options, (size_t)own * sizeof *d);
	n = own + bp_guide_options(d + own, KEYS - 1, p->section, offsetof(struct bp_guide_base, p), mem, err);
	for (int i = own; i < n; i++)
		for (const size_t *h = p->hidden; *h; h++)
			if (d[i].field == *h) {
				memmove(d + i, d + i + 1, (size_t)(n - i) * sizeof *d);
				n--, i--;
				break;
			}
	*ret = d;
	return BP_OK;
}

/* what a curve holds is told once, before the first request */
static int
tell_curve(const struct bp_guide_params *p, struct bp_arena *mem, struct bp_err *err)
{
	const char *path = p->section == BP_GUIDE_RG ? p->saxs_file_path : p->experimental_data;
	struct bp_curve_opt o;
	struct bp_curve *c;
	int st;

	if (!path)
		return BP_OK;
	bp_guide_curve_opt(&o, p);
	if ((st = bp_curve_read(&c, path, &o, mem, err)) == BP_OK)
		bp_curve_tell(c, mem);
	return st == BP_EINPUT ? (err->code = BP_EUSAGE) : st;
}

static int
run(const struct bp_guide_program *p, void *opt, const struct bp_program *about, const void *defaults,
    const struct bp_strlist *args, struct bp_arena *mem)
{
	struct bp_guide_base *o = opt;
	const struct bp_common *c = &o->common;
	struct bp_strlist changed = { 0 };
	struct bp_ctx *cx = NULL;
	struct bp_err err = { 0 };
	const char *idle;
	int status;

	if (o->serve && args->n)
		BP_FAIL(&err, BP_EUSAGE, NULL, "--serve %s: it takes no files", o->serve);
	if (err.code != BP_OK || bp_opt_changed(&changed, about, opt, defaults, mem, &err) != BP_OK
	    || p->check(opt, args, &err) != BP_OK || bp_guide_idle(&idle, &o->p, p->section, mem, &err) != BP_OK
	    || (o->serve && tell_curve(&o->p, mem, &err) != BP_OK)
	    || bp_ctx_open(&cx, c->device, c->variant, c->op.v, c->op.n, "fp32", c->threads, 0, &err) != BP_OK)
		return bp_main_fail(&err);
	if (idle)
		bp_log(BP_LOG_WARN, "without effect%s: %s", o->serve ? "" : " in scoring", idle);
	if (!o->serve)
		status = p->run(opt, cx, args, &changed, mem);
	else if (strcmp(o->serve, "-") == 0)
		status = bp_guide_serve(about->name, cx, &o->p, c->mem_cap);
	else
		status = bp_guide_serve_at(about->name, cx, &o->p, o->serve, c);
	bp_ctx_close(cx);
	return status;
}

int
bp_guide_main(const struct bp_guide_program *p, int argc, char **argv)
{
	struct bp_program about = p->about;
	struct bp_arena *keys = NULL, *mem = NULL;
	struct bp_strlist args = { 0 };
	struct bp_guide_base *opt;
	struct bp_optdef *options;
	struct bp_err err = { 0 };
	void *defaults;
	int st;

	if (bp_arena_open(&keys, 0, &err) != BP_OK || !(opt = bp_calloc(keys, 1, p->size, &err))
	    || !(defaults = bp_calloc(keys, 1, p->size, &err)) || all_options(&options, p, keys, &err) != BP_OK)
		return bp_main_fail(&err);
	opt->common = (struct bp_common)BP_COMMON_INIT;
	bp_guide_defaults(&opt->p, p->section);
	memcpy(defaults, opt, p->size);
	about.options = options;
	if ((st = bp_main_start(&about, opt, &opt->common, &args, argc, argv, &mem)) < 0) {
		st = run(p, opt, &about, defaults, &args, mem);
		bp_arena_close(mem);
	}
	bp_arena_close(keys);
	return st;
}
