/* lib/model/guiding.c: contents: opening; the log; a diffusion step; raw guidance; the end. */
#include "model/guiding.h"

#include <math.h>
#include <string.h>

#include "guide/atoms.h"
#include "guide/rg_target.h"
#include "guide/step.h"

enum { STEP, GD_STEP, ENERGY, DISPLACEMENT, SCALED, OWN_COLUMNS }; /* of the log, before the source's */

struct one {
	struct bp_guiding *all;
	struct bp_guide_source *source;
	struct bp_guide_params *p;
	int first; /* step at which it began, -1: not yet */
	/* [rows,samples,columns], columns of the source's own at their most until the end */
	double *log;
	int rows, room, columns;
};

struct bp_guiding {
	struct bp_guiding_opt o;
	struct bp_ctx *cx;
	struct bp_arena *mem;
	struct bp_atoms *atoms;
	int32_t *group; /* [atoms] token, 0 for padding */
	double *mass;   /* [atoms] */
	struct one *one;
	struct bp_guide *list;
	float *x0;                       /* [guided,atoms,3]  */
	double *x, *gradient, *delta;    /* the same          */
	double *energy, *values, *final; /* [samples], [samples,columns], all atoms */
};

/* ---- opening ---- */

void
bp_execs_close(struct bp_execs *x)
{
	for (int i = 0; i < x->n; i++)
		bp_exec_close(x->of[i].e);
	x->n = 0;
}

static int
find_exec(struct bp_exec **ret, struct bp_execs *x, const struct bp_guide_params *p, struct bp_err *err)
{
	const int most = (int)(sizeof x->of / sizeof *x->of);

	for (int i = 0; i < x->n; i++)
		if (strcmp(x->of[i].command, p->command) == 0) {
			*ret = x->of[i].e;
			return BP_OK;
		}
	if (x->n == most)
		return BP_FAIL(err, BP_EUNSUP, NULL, "more than %d programs as guides", most);
	BP_TRY(bp_exec_open(ret, p->command, p->timeout, x->wire, err));
	x->of[x->n].command = bp_exec_command(*ret);
	x->of[x->n++].e = *ret;
	return BP_OK;
}

static int act(void *self, struct bp_ctx *cx, const struct bp_guided *g);
static int push_noisy(void *self, struct bp_ctx *cx, const struct bp_guided *g);

static int
open_one(struct bp_guiding *g, int i, struct bp_err *err)
{
	struct one *s = &g->one[i];
	struct bp_guide_params *p = &g->o.params[i];
	struct bp_exec *e;

	*s = (struct one) { .all = g, .p = p, .first = -1 };
	if (p->section == BP_GUIDE_SAXS) {
		BP_TRY(bp_source_saxs(&s->source, g->cx, g->atoms, p, g->o.samples, g->mem, err));
	} else if (p->section == BP_GUIDE_RG) {
		BP_TRY(bp_source_rg(&s->source, g->cx, g->atoms, p, g->o.samples, g->mem, err));
	} else {
		BP_TRY(find_exec(&e, g->o.execs, p, err));
		BP_TRY(bp_source_exec(&s->source, e, g->o.rec, g->o.atoms, p, g->mem, err));
	}
	s->columns = OWN_COLUMNS + (p->section == BP_GUIDE_EXEC ? BP_SOURCE_COLUMNS : s->source->columns);
	s->room = g->o.steps * ((BP_GD_STEPS - 1) / p->guidance_interval + 1);
	BP_NEW(s->log, (size_t)s->room * (size_t)g->o.guided * (size_t)s->columns, g->mem, err);
	g->list[i] = (struct bp_guide) { .act = act, .before = s->source->raw ? push_noisy : NULL, .self = s };
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
	BP_NEW(g->group, o->atoms, mem, err);
	for (int i = 0; i < o->atoms; i++) {
		g->group[i] = o->token[i] > 0 ? o->token[i] : 0;
		if (o->token[i] < 0) /* nothing to guide it with */
			g->atoms->mask[i] = 0;
	}
	BP_NEW(g->mass, o->atoms, mem, err);
	BP_TRY(bp_rg_weights(g->mass, g->atoms, NULL, BP_RG_MASS, 0, cx, mem, err));
	BP_NEW(g->one, o->n, mem, err);
	BP_NEW(g->list, o->n, mem, err);
	BP_NEW(g->x0, (size_t)o->guided * size, mem, err);
	BP_NEW(g->x, (size_t)o->guided * size, mem, err);
	BP_NEW(g->gradient, (size_t)o->guided * size, mem, err);
	BP_NEW(g->delta, size, mem, err);
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

/* ---- the log ---- */

static double *
log_at(const struct one *s, int row, int sample)
{
	return s->log + ((size_t)row * (size_t)s->all->o.guided + (size_t)sample) * (size_t)s->columns;
}

/* one evaluation; a sample that did not move moved 0 */
static void
note(struct one *s, const struct bp_guide_call *c)
{
	bp_assert(s->rows < s->room);
	for (int i = 0; i < c->samples; i++) {
		double *row = log_at(s, s->rows, i);
		row[STEP] = c->step, row[GD_STEP] = c->gd_step, row[ENERGY] = c->energy[i], row[DISPLACEMENT] = 0,
		row[SCALED] = 1;
		memcpy(row + OWN_COLUMNS, c->values + (size_t)i * (size_t)s->source->columns,
		    (size_t)s->source->columns * sizeof *row);
	}
	s->rows++;
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

/* The inner steps: x [m,atoms,3] moves on. *moved: whether any sample did. */
static int
inner(struct one *s, const struct bp_guided *g, int m, bool *moved, struct bp_err *err)
{
	struct bp_guiding *a = s->all;
	const size_t size = 3 * (size_t)a->o.atoms;
	struct bp_guide_call c = { .step = g->step,
		.steps = g->steps,
		.sigma = g->sigma,
		.samples = m,
		.x = a->x,
		.energy = a->energy,
		.gradient = a->gradient,
		.values = a->values };

	*moved = false;
	for (c.gd_step = 0; c.gd_step < BP_GD_STEPS; c.gd_step += s->p->guidance_interval) {
		bool again = false;
		BP_TRY(s->source->eval(s->source, &c, a->mem, err));
		note(s, &c);
		struct bp_step_opt step = { .raw = *s->p->step == 'r',
			.weight = weight_at(s, g),
			.goal = s->source->goal,
			.smoothing = s->p->section == BP_GUIDE_RG ? 0 : s->p->smoothing };
		for (int i = 0; i < m; i++) {
			double *x = a->x + (size_t)i * size, *d = a->delta;
			const struct bp_step_atoms atoms
			    = { a->o.atoms, a->o.tokens, x, a->atoms->mask, a->group, a->cx->threads };
			memset(d, 0, size * sizeof *d);
			BP_TRY(
			    bp_step_take(d, &step, a->energy[i], a->gradient + (size_t)i * size, &atoms, a->mem, err));
			for (size_t k = 0; k < size; k++) {
				again = again || d[k] != 0;
				x[k] += d[k];
			}
		}
		*moved = *moved || again;
		if (!again) /* the next evaluation would be the same */
			break;
	}
	return BP_OK;
}

/* x less x0, capped, onto x0; a sample that did not move keeps its bits */
static void
cap(struct one *s, int m, int first_row)
{
	struct bp_guiding *a = s->all;
	const size_t size = 3 * (size_t)a->o.atoms;

	for (int i = 0; i < m; i++) {
		double *d = a->delta, longest = 0, scaled;
		float *x0 = a->x0 + (size_t)i * size;
		for (size_t k = 0; k < size; k++)
			d[k] = a->x[(size_t)i * size + k] - x0[k];
		scaled = bp_step_cap(d, a->o.atoms, s->p->max_displacement_per_step);
		for (size_t k = 0; k < size; k += 3) {
			longest = fmax(longest, d[k] * d[k] + d[k + 1] * d[k + 1] + d[k + 2] * d[k + 2]);
			for (size_t c = k; c < k + 3; c++)
				if (d[c] != 0)
					x0[c] = (float)(x0[c] + d[c]);
		}
		for (int row = first_row; row < s->rows; row++)
			log_at(s, row, i)[DISPLACEMENT] = sqrt(longest), log_at(s, row, i)[SCALED] = scaled;
	}
}

static int
act(void *self, struct bp_ctx *cx, const struct bp_guided *g)
{
	struct one *s = self;
	struct bp_guiding *a = s->all;
	const int m = a->o.guided, row = s->rows;
	const size_t numbers = (size_t)m * 3 * (size_t)a->o.atoms;
	struct bp_mark mark = bp_dev_mark(cx);
	const void *up;
	bool moved;

	if (cx->dry) {
		BP_TRY(bp_dev_upload(cx, &up, a->x0, numbers * sizeof *a->x0));
		if (cx->device == BP_CPU && s->p->section != BP_GUIDE_RG && s->p->smoothing > 0
		    && !bp_dev_alloc(cx, bp_step_bytes(a->o.tokens, cx->threads)))
			return BP_EMEM;
		BP_TRY(s->source->rehearse(s->source, a->o.samples));
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	if (m == 0 || g->step == g->steps - 1)
		return BP_OK;
	BP_TRY(bp_dev_download(cx, a->x0, g->denoised, numbers * sizeof *a->x0));
	for (size_t i = 0; i < numbers; i++)
		a->x[i] = a->x0[i];
	BP_TRY(inner(s, g, m, &moved, cx->err));
	if (!moved)
		return BP_OK;
	cap(s, m, row);
	BP_TRY(bp_dev_upload(cx, &up, a->x0, numbers * sizeof *a->x0));
	BP_TRY(bp_dev_copy(cx, g->denoised, up, numbers * sizeof *a->x0));
	bp_dev_release(cx, mark);
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

static int
put_number(struct bp_val *map, const char *key, double x, struct bp_arena *mem, struct bp_err *err)
{
	return bp_val_set(map, key, isfinite(x) ? bp_val_real(mem, x, err) : bp_val_nil(mem, err), mem, err);
}

/* rg_atoms: by mass, of all atoms that count */
static int
put_radius(struct bp_guiding *a, struct bp_val *map, const double *x, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_rg r;

	BP_TRY(bp_rg_of(&r, NULL, NULL, a->o.atoms, x, a->mass, a->atoms->mask, BP_RG_STANDARD, 3, a->mem, err));
	return put_number(map, "rg_atoms", r.rg, mem, err);
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
		BP_TRY(put_number(map, "energy", a->energy[i], mem, err));
		BP_TRY(put_radius(a, map, x + 3 * (size_t)i * (size_t)a->o.atoms, mem, err));
		for (int k = 0; k < s->source->columns; k++)
			BP_TRY(put_number(map, s->source->column[k], a->values[i * s->source->columns + k], mem, err));
	}
	return BP_OK;
}

static const char *
column_name(const struct one *s, int i)
{
	static const char *const own[OWN_COLUMNS] = { "step", "gd_step", "energy", "max_displacement", "scaled" };

	return i < OWN_COLUMNS ? own[i] : s->source->column[i - OWN_COLUMNS];
}

/* the last row of the step, if it has one */
static int
step_samples(const struct one *s, int step, struct bp_val *list, struct bp_arena *mem, struct bp_err *err)
{
	for (int i = 0; i < s->all->o.guided && s->rows && log_at(s, s->rows - 1, i)[STEP] == step; i++) {
		struct bp_val *map = bp_val_map(mem, err);
		BP_TRY(bp_val_push(list, map, mem, err));
		for (int c = GD_STEP; c < OWN_COLUMNS + s->source->columns; c++)
			BP_TRY(put_number(map, column_name(s, c), log_at(s, s->rows - 1, i)[c], mem, err));
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
		BP_TRY(step_samples(&g->one[k], step, samples, rec->mem, err));
	}
	return BP_OK;
}

static int
put_log(struct one *s, int number, struct bp_val *guide, struct bp_rec *rec, struct bp_err *err)
{
	const int columns = OWN_COLUMNS + s->source->columns, guided = s->all->o.guided;
	struct bp_val *names = bp_val_arr(rec->mem, err);
	struct bp_tensor *t;
	char name[32];

	BP_TRY(bp_val_set(guide, "columns", names, rec->mem, err));
	for (int i = 0; i < columns; i++)
		BP_TRY(bp_val_push(names, bp_val_str(rec->mem, column_name(s, i), err), rec->mem, err));
	snprintf(name, sizeof name, "guide_log_%d", number);
	BP_TRY(bp_rec_add(&t, rec, name, BP_F64, BP_SHAPE(s->rows, guided, columns), err));
	for (int row = 0; row < s->rows; row++)
		for (int i = 0; i < guided; i++)
			memcpy((double *)t->data + ((size_t)row * (size_t)guided + (size_t)i) * (size_t)columns,
			    log_at(s, row, i), (size_t)columns * sizeof(double));
	return BP_OK;
}

/* meta.scores.KIND_guidance: what is told with the confidence of each sample */
static int
put_scores(const struct one *s, const char *name, const struct bp_val *samples, struct bp_rec *rec, struct bp_err *err)
{
	struct bp_val *scores = bp_val_get(rec->meta, "scores"), *list = bp_val_arr(rec->mem, err);
	struct bp_arena *mem = rec->mem;

	if (!scores) {
		scores = bp_val_map(mem, err);
		BP_TRY(bp_val_set(rec->meta, "scores", scores, mem, err));
	}
	for (size_t i = 0; i < bp_val_count(samples); i++) {
		struct bp_val *from = bp_val_at(samples, i), *to = from;
		if (s->p->section == BP_GUIDE_RG) {
			double rg = bp_val_num(bp_val_get(from, "rg"), NAN),
			       want = bp_val_num(bp_val_get(from, "target_rg"), NAN);
			to = bp_val_map(mem, err);
			BP_TRY(bp_val_set(to, "guided", bp_val_get(from, "guided"), mem, err));
			BP_TRY(put_number(to, "final_rg", rg, mem, err));
			BP_TRY(put_number(to, "target_rg", want, mem, err));
			BP_TRY(put_number(to, "rg_error", rg - want, mem, err));
			BP_TRY(put_number(to, "rg_relative_error", 100 * (rg - want) / want, mem, err));
		}
		BP_TRY(bp_val_push(list, to, mem, err));
	}
	return bp_val_set(scores, name, list, mem, err);
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
	return put_scores(&g->one[k], name, samples, rec, err);
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
		BP_TRY(put_log(s, k + 1, guide, rec, err));
		BP_TRY(guide_scores(g, k, samples, rec, err));
	}
	return BP_OK;
}
