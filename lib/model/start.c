#include "model/start.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/main.h"
#include "model/lanes.h"
#include "ops/profile.h"
#include "stream/origin.h"

int
bp_stage_sign(struct bp_rec *rec, const char *tool, const struct bp_stage_opt *o, double seconds, size_t peak,
    struct bp_err *err)
{
	const char *variant = o->variant;

	if (o->cx && o->cx->chunk && !(variant = bp_sprintf(rec->mem, err, "%s chunk=%d", variant, o->cx->chunk)))
		return BP_EMEM;
	return bp_trail_add(rec, tool, variant, o->device, o->weights, seconds, peak, o->changed, err);
}

/* The variant for the trail: "optimized", the precision if it is not fp32, and the ops that are bound otherwise:
 * "optimized bf16 tri_attn=original".
 * NULL: no memory. */
static char *
variant(const struct bp_ctx *cx, const struct bp_common *c, struct bp_arena *mem, struct bp_err *err)
{
	char *s = bp_strdup(mem, c->variant, err);

	if (s && cx->precision != BP_FP32)
		s = bp_sprintf(mem, err, "%s %s", s, cx->precision == BP_TF32 ? "tf32" : "bf16");
	for (int i = 0; s && i < bp_ops_count(); i++)
		if (strcmp(bp_ops_bound(cx, i), c->variant) != 0)
			s = bp_sprintf(mem, err, "%s %s=%s", s, bp_ops_name(i), bp_ops_bound(cx, i));
	return s;
}

/* --plan: the context is dry, and holds the weights */
static int
plan(const struct bp_stage_program *p, const void *opt, void *stage, struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_common *c = opt;
	const int samples = p->samples ? *(const int *)((const char *)opt + p->samples) : 1;
	size_t weights = bp_dev_peak(cx), free = bp_dev_free(cx), room;
	struct bp_plan_size size;
	struct bp_planned planned = { 0 };

	cx->err = err;
	free += free ? weights : 0; /* they are only counted */
	free = c->mem_cap ? c->mem_cap : free;
	room = free > weights ? free - weights : free > 0;
	if (bp_plan_parse(&size, c->plan, samples, err) != BP_OK || p->plan(&planned, stage, &size, room, mem, err) != BP_OK)
		return bp_main_fail(err);
	bp_plan_tell(stdout, p->program.name, c->device, &size, &planned, weights, free);
	return bp_stdout_flush(err) == BP_OK ? BP_EXIT_OK : bp_main_fail(err);
}

struct warming {
	const struct bp_stage_program *p;
	struct bp_ctx *cx;
	void *stage;
};

/* a bp_filter's warm */
static void
warm(void *self)
{
	enum { TOKENS = 256, ATOMS = 2048 };
	const struct warming *w = self;
	struct bp_mark m = bp_dev_mark(w->cx);
	double start = bp_seconds();
	struct bp_err err = { 0 }, *was = w->cx->err;
	struct bp_arena *mem;
	int st;

	if (bp_arena_open(&mem, 0, &err) != BP_OK)
		return;
	st = w->p->warm(w->stage, TOKENS, ATOMS, mem, &err);
	bp_dev_release(w->cx, m);
	w->cx->err = was;
	bp_arena_close(mem);
	if (st == BP_OK)
		bp_log(BP_LOG_INFO, "warmed up in %.3f s, while nothing had come", bp_seconds() - start);
	else
		bp_log(BP_LOG_INFO, "warmed up in %.3f s, but for: %s", bp_seconds() - start, err.msg);
}

/* before the loop over records */
static int
fail(const struct bp_common *c, const struct bp_err *err)
{
	int st = bp_main_fail(err);

	if (!c->plan)
		bp_out_abandon(NULL, c->out);
	return st;
}

static int
run(const struct bp_stage_program *p, void *opt, struct bp_ctx *cx, struct bp_weights *w, struct bp_arena *mem,
    struct bp_err *err)
{
	const struct bp_common *c = opt;
	double start = bp_seconds();
	struct bp_strlist changed = { 0 };
	struct bp_stage_opt o = { .seed = c->seed, .mem_cap = c->mem_cap, .device = c->device, .weights = bp_weights_id(w),
		.changed = &changed, .cx = cx };
	struct bp_filter filter = { .tool = p->program.name, .weights = o.weights, .changed = &changed, .want = p->want, .stage = p->run, .in = c->in, .out = c->out,
		.wire = &c->wire, .device = c->device, .mem_cap = c->mem_cap };
	struct warming warming = { p, cx, NULL };
	struct bp_lanes *lanes;
	int st;

	if (!(o.variant = variant(cx, c, mem, err)))
		return fail(c, err);
	bp_log(BP_LOG_INFO, "%s: %d threads, kernels %s; weights %s", c->device, cx->threads, o.variant, bp_weights_path(w));
	if (bp_origin_options(&changed, &p->program, opt, p->defaults, mem, err) != BP_OK
	    || p->open(&filter.self, cx, w, opt, &o, mem, err) != BP_OK)
		return fail(c, err);
	bp_log(BP_LOG_INFO, "%s: parameters bound in %.3f s", c->device, bp_seconds() - start);
	if (bp_lanes_open(&lanes, p, filter.self, cx, c->mem_cap, err) != BP_OK)
		return fail(c, err);
	filter.batch = bp_lanes_run;
	filter.batch_self = lanes;
	filter.together = p->together;
	warming.stage = filter.self;
	filter.warm = p->warm && cx->device != BP_CPU && !c->profile ? warm : NULL;
	filter.warm_self = &warming;
	st = c->plan ? plan(p, opt, filter.self, cx, mem, err) : bp_filter_run(&filter);
	bp_lanes_close(lanes);
	if (p->close)
		p->close(filter.self);
	return st;
}

/* --precision; auto is that of the stage on a card, and all that a CPU has */
static const char *
precision(const struct bp_stage_program *p, const struct bp_common *c)
{
	if (strcmp(c->precision, "auto"))
		return c->precision;
	return p->card_precision && strcmp(c->device, "cpu") ? p->card_precision : "fp32";
}

/* Three programs that start the driver at once take twice as long as one, and all wait for the first of the pipe: the others, while nothing comes
 * from it, stand back. */
static void
give_way(const struct bp_stage_program *p, const struct bp_common *c)
{
	enum { HEAD_START_MS = 200 };
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	if (p->warm && !c->plan && strcmp(c->device, "cpu") && (!c->in || !strcmp(c->in, "-")))
		(void)poll(&in, 1, HEAD_START_MS);
}

static int
open_context(struct bp_ctx **cx, const struct bp_stage_program *p, const struct bp_common *c, struct bp_err *err)
{
	give_way(p, c);
	BP_TRY(c->plan ? bp_ctx_open_dry(cx, c->device, c->variant, c->op.v, c->op.n, precision(p, c), c->threads, err)
	               : bp_ctx_open(cx, c->device, c->variant, c->op.v, c->op.n, precision(p, c), c->threads, 0, err));
	(*cx)->chunk = c->chunk;
	(*cx)->chunk_fixed = c->chunk > 0;
	return BP_OK;
}

int
bp_stage_main(const struct bp_stage_program *p, int argc, char **argv)
{
	struct bp_err err = { 0 };
	struct bp_arena *mem = NULL, *options;
	struct bp_weights *w = NULL;
	struct bp_ctx *cx = NULL;
	struct bp_common *c;
	void *opt;
	int st;

	if (bp_arena_open(&options, 0, &err) != BP_OK || !(opt = bp_alloc(options, p->size, &err)))
		return bp_main_fail(&err);
	memcpy(opt, p->defaults, p->size);
	c = opt;
	st = bp_main_start(&p->program, opt, c, NULL, argc, argv, &mem);
	if (st < 0) {
		st = open_context(&cx, p, c, &err) == BP_OK
		        && (!c->profile || bp_profile_open(cx, &err) == BP_OK) && bp_weights_open(&w, c->weights, &err) == BP_OK
		    ? run(p, opt, cx, w, mem, &err)
		    : fail(c, &err);
		if (cx && cx->profile)
			bp_profile_tell(cx);
		bp_weights_close(w);
		bp_ctx_close(cx);
		bp_arena_close(mem);
	} else if (st > 0) {
		bp_out_abandon(NULL, c->out);
	}
	bp_arena_close(options);
	return st;
}
