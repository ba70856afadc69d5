/* lib/model/guiding.c: contents: opening; memory on the device; a diffusion step; raw guidance; the end. */
#include "model/guiding.h"

#include <math.h>
#include <string.h>

#include "guide/atoms.h"
#include "guide/rg_target.h"
#include "ops/ops.h"

enum { WEIGHT, SETTING, DIALS }; /* numbers of a diffusion step that its inner steps read */

struct one {
	struct bp_guiding *all;
	struct bp_guide_source *source;
	struct bp_guide_params *p;
	int first; /* step at which it began, -1: not yet */
	int m;     /* guided samples */
	struct bp_guiding_log log;
	/* device memory, from begin to end */
	float *kept;                    /* [m,atoms,3] denoised as it was         */
	double *x, *g, *dials, *told;   /* [m,atoms,3], [m,places,3], [DIALS], as guiding_log.h says */
	const int32_t *place, *point, *first_member, *member; /* as in guide_step */
	struct bp_replay replay; /* of a diffusion step's work */
	/* of the present diffusion step */
	int evaluations;
	double *heard; /* told, on the host */
	/* of all steps, where the source is roomy, so that the host need not wait for each: or NULL */
	double *later, *all_heard; /* [steps] of told: device memory; host memory */
	int *counts;               /* [steps] evaluations, 0: the step was not guided */
};

struct bp_guiding {
	struct bp_guiding_opt o;
	struct bp_ctx *cx;
	struct bp_arena *mem;
	struct bp_atoms *atoms;
	int32_t *point, *first, *member; /* [atoms], [points+1], [atoms]: the atoms of each token that has any; as in guide_step */
	int points;
	double *mass; /* [atoms] */
	struct one *one;
	struct bp_guide *list;
	float *x0;                       /* [guided,atoms,3]  */
	double *x, *gradient;            /* the same          */
	double *energy, *values, *final; /* [samples], [samples,columns], all atoms */
};

/* ---- opening ---- */

static int begin(void *self, struct bp_ctx *cx);
static void end(void *self, struct bp_ctx *cx);
static int act(void *self, struct bp_ctx *cx, const struct bp_guided *g);
static int push_noisy(void *self, struct bp_ctx *cx, const struct bp_guided *g);

/* evaluations of a diffusion step, if all of them move something */
static int
most_evaluations(const struct one *s)
{
	return (BP_GD_STEPS - 1) / s->p->guidance_interval + 1;
}

static int
open_one(struct bp_guiding *g, int i, struct bp_err *err)
{
	struct one *s = &g->one[i];
	struct bp_guide_params *p = &g->o.params[i];
	struct bp_exec *e;
	int room, columns;

	*s = (struct one) { .all = g, .p = p, .first = -1, .m = g->o.guided };
	if (p->section == BP_GUIDE_SAXS) {
		BP_TRY(bp_source_saxs(&s->source, g->cx, g->atoms, p, g->o.samples, g->mem, err));
	} else if (p->section == BP_GUIDE_RG) {
		BP_TRY(bp_source_rg(&s->source, g->cx, g->atoms, p, g->o.samples, g->mem, err));
	} else {
		BP_TRY(bp_execs_find(&e, g->o.execs, p, err));
		BP_TRY(bp_source_exec(&s->source, e, g->o.rec, g->o.atoms, p, g->mem, err));
	}
	room = g->o.steps * (p->section == BP_GUIDE_EXEC ? BP_GD_STEPS : most_evaluations(s)); /* an interval may change */
	columns = p->section == BP_GUIDE_EXEC ? BP_SOURCE_COLUMNS : s->source->columns;
	BP_TRY(bp_guiding_log_open(&s->log, s->source, g->o.guided, room, columns, g->mem, err));
	if (!(s->heard = bp_calloc(g->mem, 1, bp_told_bytes(g->o.guided), err)))
		return BP_EMEM;
	if (s->source->roomy && !g->o.each_step) {
		BP_NEW(s->counts, g->o.steps, g->mem, err);
		if (!(s->all_heard = bp_calloc(g->mem, (size_t)g->o.steps, bp_told_bytes(g->o.guided), err)))
			return BP_EMEM;
	}
	g->list[i] = (struct bp_guide) { .act = act, .before = s->source->raw ? push_noisy : NULL, .begin = begin, .end = end, .self = s };
	return BP_OK;
}

/* the atoms that smoothing joins, by their tokens */
static int
find_points(struct bp_guiding *g, struct bp_err *err)
{
	const struct bp_guiding_opt *o = &g->o;
	const uint8_t *mask = g->atoms->mask;
	int *of;

	BP_NEW(of, o->tokens, g->mem, err);
	BP_NEW(g->point, o->atoms, g->mem, err);
	BP_NEW(g->first, o->tokens + 1, g->mem, err);
	BP_NEW(g->member, o->atoms, g->mem, err);
	for (int i = 0; i < o->atoms; i++) {
		if (mask[i] && o->token[i] >= o->tokens)
			return BP_FAIL(err, BP_EINPUT, NULL, "atom %d is of token %d of %d", i, o->token[i], o->tokens);
		if (mask[i] && of[o->token[i]] == 0)
			of[o->token[i]] = ++g->points;
		g->point[i] = mask[i] ? of[o->token[i]] - 1 : -1;
		if (mask[i])
			g->first[g->point[i] + 1]++;
	}
	for (int q = 0; q < g->points; q++)
		g->first[q + 1] += g->first[q];
	for (int i = 0; i < o->atoms; i++) /* first[q] counts up to the next point's */
		if (mask[i])
			g->member[g->first[g->point[i]]++] = i;
	memmove(g->first + 1, g->first, (size_t)g->points * sizeof *g->first);
	g->first[0] = 0;
	return BP_OK;
}

int
bp_guiding_open(struct bp_guiding **ret, struct bp_ctx *cx, const struct bp_guiding_opt *o, struct bp_arena *mem,
    struct bp_err *err)
{
	const size_t size = 3 * (size_t)o->atoms;
	struct bp_guiding *g;
	int st;

	*ret = NULL;
	BP_NEW(g, 1, mem, err);
	*g = (struct bp_guiding) { .o = *o, .cx = cx, .mem = mem };
	BP_TRY(bp_atoms_of_record(&g->atoms, o->rec, err));
	if (g->atoms->n != o->atoms)
		return BP_FAIL(err, BP_EINPUT, NULL, "the tables describe %d atoms with padding, the tensors %d",
		    g->atoms->n, o->atoms);
	for (int i = 0; i < o->atoms; i++)
		if (o->token[i] < 0) /* nothing to guide it with */
			g->atoms->mask[i] = 0;
	BP_TRY(find_points(g, err));
	BP_NEW(g->mass, o->atoms, mem, err);
	BP_TRY(bp_rg_weights(g->mass, g->atoms, NULL, BP_RG_MASS, 0, cx, mem, err));
	BP_NEW(g->one, o->n, mem, err);
	BP_NEW(g->list, o->n, mem, err);
	BP_NEW(g->x0, (size_t)o->guided * size, mem, err);
	BP_NEW(g->x, (size_t)o->guided * size, mem, err);
	BP_NEW(g->gradient, (size_t)o->guided * size, mem, err);
	BP_NEW(g->energy, o->samples, mem, err);
	BP_NEW(g->values, (size_t)o->samples * BP_SOURCE_COLUMNS, mem, err);
	BP_NEW(g->final, (size_t)o->samples * size, mem, err);
	for (int i = 0; i < o->n; i++)
		if ((st = open_one(g, i, err)) != BP_OK)
			return st;
	*ret = g;
	return BP_OK;
}

const struct bp_guide *
bp_guiding_list(struct bp_guiding *g, int *n)
{
	*n = g->o.n;
	return g->list;
}

/* ---- memory on the device ---- */

static int
begin(void *self, struct bp_ctx *cx)
{
	struct one *s = self;
	const struct bp_guiding *a = s->all;
	const size_t atoms = (size_t)a->o.atoms, numbers = 3 * (size_t)a->o.guided * atoms;
	const void *up[4] = { NULL };

	s->replay = (struct bp_replay) { 0 };
	BP_DEV_NEW(s->kept, numbers, cx);
	BP_DEV_NEW(s->x, numbers, cx);
	BP_DEV_NEW(s->dials, DIALS, cx);
	if (!(s->told = bp_dev_alloc(cx, bp_told_bytes(s->m))) || (s->counts && !(s->later = bp_dev_alloc(cx, (size_t)a->o.steps * bp_told_bytes(s->m)))))
		return BP_EMEM;
	BP_TRY(bp_dev_upload(cx, &up[0], a->point, atoms * sizeof *a->point));
	BP_TRY(bp_dev_upload(cx, &up[1], a->first, ((size_t)a->points + 1) * sizeof *a->first));
	BP_TRY(bp_dev_upload(cx, &up[2], a->member, atoms * sizeof *a->member));
	if (s->source->place)
		BP_TRY(bp_dev_upload(cx, &up[3], s->source->place, atoms * sizeof *s->source->place));
	s->point = up[0], s->first_member = up[1], s->member = up[2], s->place = up[3];
	if (!s->source->keep)
		return BP_OK;
	if (s->source->run)
		BP_DEV_NEW(s->g, 3 * (size_t)a->o.guided * (size_t)s->source->places, cx);
	return s->source->keep(s->source, a->o.guided);
}

static void
end(void *self, struct bp_ctx *cx)
{
	struct one *s = self;

	bp_replay_forget(&s->replay, cx);
	if (s->source->keep)
		s->source->drop(s->source);
}

/* n host numbers to device memory that is there */
static int
put_numbers(struct bp_ctx *cx, double *to, const double *from, size_t n)
{
	struct bp_mark mark = bp_dev_mark(cx);
	const void *up;

	BP_TRY(bp_dev_upload(cx, &up, from, n * sizeof *from));
	BP_TRY(bp_dev_copy(cx, to, up, n * sizeof *from));
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* ---- a diffusion step ---- */

/* the weight at a step; 0 before the guide's time and below its noise level */
static double
weight_at(struct one *s, const struct bp_guided *g)
{
	const int step = g->step;
	double w = bp_guide_weight(s->p);

	if (1 - (double)step / g->steps > s->p->start_time || g->sigma < s->p->min_sigma)
		return 0;
	if (s->first < 0)
		s->first = step;
	return s->p->ramp_steps > 0 ? w * fmin(1, (double)(step - s->first) / s->p->ramp_steps) : w;
}

static int
set_dials(struct one *s, struct bp_ctx *cx, const struct bp_guided *g)
{
	const double dials[DIALS] = { weight_at(s, g), s->source->setting ? s->source->setting(s->source, g->step) : 0 };

	return put_numbers(cx, s->dials, dials, DIALS);
}

/* an evaluation by a source that has to have the coordinates on the host; *gradient is on the device */
static int
ask_host(struct one *s, struct bp_ctx *cx, const struct bp_guided *g, int e, const double **gradient)
{
	struct bp_guiding *a = s->all;
	const size_t m = (size_t)a->o.guided, numbers = 3 * m * (size_t)a->o.atoms;
	const struct bp_guide_call c = { .step = g->step,
		.steps = g->steps,
		.gd_step = e * s->p->guidance_interval,
		.sigma = g->sigma,
		.samples = a->o.guided,
		.x = a->x,
		.energy = a->energy,
		.gradient = a->gradient,
		.values = a->values };
	double row[BP_SOURCE_ROW] = { 0 };
	const void *up;

	BP_TRY(cx->dry ? s->source->rehearse(s->source, a->o.guided) : BP_OK);
	if (cx->dry)
		return bp_dev_upload(cx, &up, a->gradient, numbers * sizeof *a->gradient);
	BP_TRY(bp_dev_download(cx, a->x, s->x, numbers * sizeof *a->x));
	BP_TRY(s->source->eval(s->source, &c, a->mem, cx->err));
	BP_TRY(bp_dev_upload(cx, &up, a->gradient, numbers * sizeof *a->gradient));
	*gradient = up;
	BP_TRY(put_numbers(cx, bp_told_energy(s->told, s->m, e), a->energy, m));
	for (size_t i = 0; i < m; i++) {
		memcpy(row, a->values + i * (size_t)s->source->columns, (size_t)s->source->columns * sizeof *row);
		BP_TRY(put_numbers(cx, bp_told_values(s->told, s->m, e) + BP_SOURCE_ROW * i, row, BP_SOURCE_ROW));
	}
	return set_dials(s, cx, g); /* what the first answer says of the step counts at once */
}

static int
evaluate(struct one *s, struct bp_ctx *cx, const struct bp_guided *g, int e, const double **gradient)
{
	*gradient = s->g;
	if (!s->source->run)
		return ask_host(s, cx, g, e, gradient);
	return s->source->run(s->source, &(struct bp_guide_run) { .samples = s->m, .first = e == 0, .x = s->x,
	    .setting = s->dials + SETTING, .energy = bp_told_energy(s->told, s->m, e), .values = bp_told_values(s->told, s->m, e), .gradient = s->g });
}

/* evaluation e and the step that follows from it */
static int
inner(struct one *s, struct bp_ctx *cx, const struct bp_guided *g, int e)
{
	const struct bp_guiding *a = s->all;
	struct bp_mark mark = bp_dev_mark(cx);
	const double *gradient;

	BP_TRY(evaluate(s, cx, g, e, &gradient));
	BP_TRY(BP_OP(cx, guide_step, .b = a->o.guided, .n = a->o.atoms, .points = a->points, .point = s->point, .first = s->first_member,
	    .member = s->member, .places = s->source->run ? s->source->places : a->o.atoms, .place = s->place, .g = gradient,
	    .energy = bp_told_energy(s->told, s->m, e), .weight = s->dials + WEIGHT, .raw = *s->p->step == 'r', .goal = s->source->goal,
	    .smoothing = s->p->section == BP_GUIDE_RG ? 0 : s->p->smoothing, .x = s->x, .values = bp_told_step(s->told, s->m, e)));
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* n evaluations and their steps, by a source that makes the steps itself */
static int
descend(struct one *s, int n)
{
	s->evaluations = n;
	return s->source->descend(s->source, &(struct bp_guide_run) { .samples = s->m, .first = true, .x = s->x, .setting = s->dials + SETTING,
	    .energy = bp_told_energy(s->told, s->m, 0), .values = bp_told_values(s->told, s->m, 0) }, &(struct bp_guide_steps) { .steps = n,
	    .weight = s->dials + WEIGHT, .raw = *s->p->step == 'r', .x = s->x, .moves = bp_told_step(s->told, s->m, 0),
	    .ahead = BP_TOLD * (size_t)s->m });
}

/* bytes at `from` of what is told, to the host */
static int
hear(struct one *s, struct bp_ctx *cx, const double *from, size_t bytes)
{
	return bp_dev_download(cx, s->heard + (from - s->told), from, bytes);
}

/* What was heard of evaluation e: fails where a number is none. */
static int
check(struct one *s, int e, bool *again, struct bp_err *err)
{
	for (int i = 0; i < s->m; i++) {
		const double *step = bp_told_step(s->heard, s->m, e) + BP_STEP_VALUES * i, energy = bp_told_energy(s->heard, s->m, e)[i];
		if (s->source->accept)
			BP_TRY(s->source->accept(s->source, again, i, energy, bp_told_values(s->heard, s->m, e) + BP_SOURCE_ROW * i, err));
		if (!*again && !isfinite(step[BP_STEP_SIZE]))
			return BP_FAIL(err, BP_ENUM, NULL, "a step of energy %g, gradient squared %g, is not finite", energy, step[BP_STEP_DOT]);
	}
	return BP_OK;
}

/* Evaluations, each with its step. looking: the host looks at each, and stops where the next one would be the same; else that is found in the
 * end. */
static int
one_by_one(struct one *s, struct bp_ctx *cx, const struct bp_guided *g, bool still, bool looking)
{
	bool again = false, moves = !still;

	s->evaluations = 0;
	do {
		int e = s->evaluations++;
		BP_TRY(inner(s, cx, g, e));
		if (looking) {
			BP_TRY(hear(s, cx, bp_told_energy(s->told, s->m, e), BP_TOLD * (size_t)s->m * sizeof *s->told));
			BP_TRY(check(s, e, &again, cx->err));
			moves = bp_told_moved(s->heard, s->m, e) && !again;
		}
	} while (moves && s->evaluations * s->p->guidance_interval < BP_GD_STEPS);
	return BP_OK;
}

/* All inner steps of a diffusion step, from what the network predicts to what becomes of it. still: nothing will move; beside: or NULL. */
static int
work(struct one *s, struct bp_ctx *cx, const struct bp_guided *g, const struct bp_beside *beside, bool still, bool looking)
{
	const struct bp_guiding *a = s->all;
	const int64_t numbers = 3 * (int64_t)a->o.guided * a->o.atoms;

	BP_TRY(BP_OP(cx, guide_begin, .count = numbers, .from = g->denoised, .kept = s->kept, .x = s->x));
	if (beside) /* behind the first kernel: those that follow find room before it fills the card. One that makes all steps needs little */
		BP_TRY(bp_dev_aside(cx, beside->room, beside->bytes, s->source->descend ? 1 : 0.75, beside->work, beside->self));
	BP_TRY(s->source->descend ? descend(s, still ? 1 : most_evaluations(s)) : one_by_one(s, cx, g, still, looking));
	return BP_OP(cx, guide_end, .b = a->o.guided, .n = a->o.atoms, .most = s->p->max_displacement_per_step, .kept = s->kept, .x = s->x,
	    .to = g->denoised, .values = bp_told_end(s->told, s->m));
}

/* work()'s arguments */
struct call {
	struct one *s;
	const struct bp_guided *g;
	struct bp_beside *beside; /* NULL: none, or another guide's */
};

static int
call_work(void *self, struct bp_ctx *cx)
{
	struct call *c = self;

	BP_TRY(work(c->s, cx, c->g, c->beside, false, false));
	return c->beside ? bp_dev_join(cx) : BP_OK;
}

/* The same, by a recording where there is one. The stack of device memory is higher after a guide has taken more that lasts: then all of them are
 * recorded anew. */
static int
work_again(struct one *s, struct bp_ctx *cx, const struct bp_guided *g)
{
	struct bp_mark m = bp_dev_mark(cx); /* scratch begins here */
	struct bp_key key = { 0 };
	struct call c = { s, g, g->beside && !g->beside->done ? g->beside : NULL };
	const bool beside = c.beside;

	BP_KEY_ADD(&key, g->denoised);
	BP_KEY_ADD(&key, beside);
	BP_KEY_ADD(&key, m.used);
	s->evaluations = most_evaluations(s);
	BP_TRY(bp_replay(&s->replay, cx, &key, call_work, &c));
	if (beside)
		c.beside->done = true;
	return BP_OK;
}

/* run and hear; *again: there was no room */
static int
try_step(struct one *s, struct bp_ctx *cx, const struct bp_guided *g, bool *again)
{
	struct bp_mark mark = bp_dev_mark(cx);
	const bool device = s->source->keep, still = weight_at(s, g) == 0 && device;

	if (device)
		BP_TRY(set_dials(s, cx, g));
	if (g->record && device && !still && bp_dev_records(cx))
		BP_TRY(work_again(s, cx, g));
	else
		BP_TRY(work(s, cx, g, NULL, still, !bp_dev_records(cx) || !device));
	*again = false;
	if (s->counts) {
		s->counts[g->step] = s->evaluations;
		bp_dev_release(cx, mark);
		return bp_dev_copy(cx, s->later + (size_t)g->step * bp_told_bytes(s->m) / sizeof *s->later, s->told, bp_told_bytes(s->m));
	}
	BP_TRY(hear(s, cx, s->told, bp_told_bytes(s->m)));
	for (int e = 0; e < s->evaluations && !*again; e++)
		BP_TRY(check(s, e, again, cx->err));
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* what all steps have told, once the last one is asked for */
static int
hear_all(struct one *s, struct bp_ctx *cx)
{
	const size_t size = bp_told_bytes(s->m);
	double *heard = s->heard;
	bool again = false;

	if (!s->counts)
		return BP_OK;
	BP_TRY(bp_dev_download(cx, s->all_heard, s->later, (size_t)s->all->o.steps * size));
	for (int i = 0; i < s->all->o.steps; i++) {
		s->heard = s->all_heard + (size_t)i * size / sizeof *heard;
		for (int e = 0; e < s->counts[i]; e++)
			BP_TRY(check(s, e, &again, cx->err));
		if (s->counts[i])
			bp_guiding_log_note(&s->log, i, s->p->guidance_interval, s->counts[i], s->heard);
	}
	s->heard = heard;
	bp_assert(!again);
	return BP_OK;
}

static int
act(void *self, struct bp_ctx *cx, const struct bp_guided *g)
{
	struct one *s = self;
	const struct bp_guiding *a = s->all;
	const size_t bytes = 3 * (size_t)a->o.guided * (size_t)a->o.atoms * sizeof(float);
	struct bp_mark mark = bp_dev_mark(cx);
	bool again;

	if (cx->dry) {
		BP_TRY(work(s, cx, g, NULL, true, false));
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	if (a->o.guided == 0)
		return BP_OK;
	if (g->step == g->steps - 1)
		return hear_all(s, cx);
	BP_TRY(try_step(s, cx, g, &again));
	while (again) { /* the memory that keep takes stays taken */
		BP_TRY(s->source->keep(s->source, a->o.guided));
		BP_TRY(bp_dev_copy(cx, g->denoised, s->kept, bytes));
		BP_TRY(try_step(s, cx, g, &again));
	}
	if (!s->counts)
		bp_guiding_log_note(&s->log, g->step, s->p->guidance_interval, s->evaluations, s->heard);
	return BP_OK;
}

/* ---- raw guidance ---- */

static int
push_noisy(void *self, struct bp_ctx *cx, const struct bp_guided *g)
{
	struct one *s = self;
	struct bp_guiding *a = s->all;
	const size_t numbers = (size_t)a->o.guided * 3 * (size_t)a->o.atoms;
	struct bp_mark mark = bp_dev_mark(cx);
	const void *up;

	if (cx->dry || a->o.guided == 0)
		return BP_OK;
	BP_TRY(bp_dev_download(cx, a->x0, g->noisy, numbers * sizeof *a->x0));
	for (size_t i = 0; i < numbers; i++)
		a->x[i] = a->x0[i];
	BP_TRY(s->source->raw(s->source, a->x, a->o.guided, g->sigma, a->mem, cx->err));
	for (size_t i = 0; i < numbers; i++)
		a->x0[i] = (float)a->x[i];
	BP_TRY(bp_dev_upload(cx, &up, a->x0, numbers * sizeof *a->x0));
	BP_TRY(bp_dev_copy(cx, g->noisy, up, numbers * sizeof *a->x0));
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* ---- the end ---- */

/* rg_atoms: by mass, of all atoms that count */
static int
put_radius(struct bp_guiding *a, struct bp_val *map, const double *x, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_rg r;

	BP_TRY(bp_rg_of(&r, NULL, NULL, a->o.atoms, x, a->mass, a->atoms->mask, BP_RG_STANDARD, 3, a->mem, err));
	return bp_guiding_put_number(map, "rg_atoms", r.rg, mem, err);
}

/* what a source says of the final samples: a list of maps */
static int
final_samples(struct one *s, struct bp_val *list, const double *x, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_guiding *a = s->all;
	const struct bp_guide_call c = { .step = a->o.steps,
		.steps = a->o.steps,
		.samples = a->o.samples,
		.x = x,
		.energy = a->energy,
		.values = a->values };

	BP_TRY(s->source->eval(s->source, &c, a->mem, err));
	for (int i = 0; i < c.samples; i++) {
		struct bp_val *map = bp_val_map(mem, err);
		BP_TRY(bp_val_push(list, map, mem, err));
		BP_TRY(bp_val_set(map, "guided", bp_val_bool(mem, i < a->o.guided, err), mem, err));
		BP_TRY(bp_guiding_put_number(map, "energy", a->energy[i], mem, err));
		BP_TRY(put_radius(a, map, x + 3 * (size_t)i * (size_t)a->o.atoms, mem, err));
		for (int k = 0; k < s->source->columns; k++)
			BP_TRY(bp_guiding_put_number(map, s->source->column[k], a->values[i * s->source->columns + k], mem, err));
	}
	return BP_OK;
}

int
bp_guiding_step(const struct bp_guiding *g, int step, struct bp_rec *rec, struct bp_err *err)
{
	struct bp_val *guides = bp_val_arr(rec->mem, err);

	BP_TRY(bp_val_set(rec->meta, "guides", guides, rec->mem, err));
	for (int k = 0; k < g->o.n; k++) {
		struct bp_val *guide = bp_val_map(rec->mem, err), *samples = bp_val_arr(rec->mem, err);
		BP_TRY(bp_val_push(guides, guide, rec->mem, err));
		BP_TRY(bp_val_set(guide, "kind", bp_val_str(rec->mem, g->one[k].source->kind, err), rec->mem, err));
		BP_TRY(bp_val_set(guide, "samples", samples, rec->mem, err));
		BP_TRY(bp_guiding_log_step(&g->one[k].log, step, samples, rec->mem, err));
	}
	return BP_OK;
}

/* "saxs_guidance", of a second guide of the kind "saxs_guidance_2" */
static int
guide_scores(struct bp_guiding *g, int k, const struct bp_val *samples, struct bp_rec *rec, struct bp_err *err)
{
	char name[64];
	int like = 1;

	for (int i = 0; i < k; i++)
		like += strcmp(g->one[i].source->kind, g->one[k].source->kind) == 0;
	snprintf(name, sizeof name, like > 1 ? "%s_guidance_%d" : "%s_guidance", g->one[k].source->kind, like);
	return bp_guiding_put_scores(g->one[k].source, name, samples, rec, err);
}

int
bp_guiding_end(struct bp_guiding *g, const float *x, struct bp_rec *rec, struct bp_err *err)
{
	const size_t numbers = 3 * (size_t)g->o.samples * (size_t)g->o.atoms;
	struct bp_val *guides = bp_val_arr(rec->mem, err);

	for (size_t i = 0; i < numbers; i++)
		g->final[i] = x[i];
	BP_TRY(bp_val_set(rec->meta, "guides", guides, rec->mem, err));
	for (int k = 0; k < g->o.n; k++) {
		struct bp_val *guide = bp_val_map(rec->mem, err), *samples = bp_val_arr(rec->mem, err);
		struct one *s = &g->one[k];
		BP_TRY(bp_val_push(guides, guide, rec->mem, err));
		BP_TRY(bp_val_set(guide, "kind", bp_val_str(rec->mem, s->source->kind, err), rec->mem, err));
		BP_TRY(bp_val_set(guide, "samples", samples, rec->mem, err));
		BP_TRY(final_samples(s, samples, g->final, rec->mem, err));
		BP_TRY(bp_val_set(guide, "keys", bp_guide_to_val(s->p, rec->mem, err), rec->mem, err));
		BP_TRY(bp_guiding_log_put(&s->log, k + 1, guide, rec, err));
		BP_TRY(guide_scores(g, k, samples, rec, err));
	}
	return BP_OK;
}
