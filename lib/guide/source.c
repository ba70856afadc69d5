/* lib/guide/source.c: contents: SAXS; Rg and its target. */
#include "guide/source.h"

#include <string.h>

#include "base/log.h"
#include "guide/atoms.h"
#include "guide/rg_target.h"
#include "guide/tables.h"
#include "ops/ops.h"

/* ---- SAXS ---- */

/* Radius that a card has room for, first of the sphere that the volume of the atoms fills (compact proteins reach 1.6 to 2 of it), then of that
 * which went beyond. */
static const double room = 2.2, more_room = 1.25;

struct saxs {
	struct bp_guide_source source;
	struct bp_saxs *saxs;
	struct bp_ctx *cx;
	double *exposed; /* [samples,atoms that count] at the beginning of the diffusion step */
	double *held;    /* the same on the device, while it is kept                          */
	double radius;   /* A, that runs have room for                                        */
	bool hydration, energy_chi2;
};

static int
saxs_eval(struct bp_guide_source *source, const struct bp_guide_call *c, struct bp_arena *mem, struct bp_err *err)
{
	struct saxs *s = (struct saxs *)source;
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_saxs_result *r;

	BP_NEW(r, c->samples, mem, err);
	if (s->hydration && c->gd_step == 0)
		BP_TRY(bp_saxs_expose(s->exposed, s->saxs, c->samples, c->x, mem, err));
	BP_TRY(
	    bp_saxs_eval(r, c->gradient, NULL, s->saxs, c->samples, c->x, s->hydration ? s->exposed : NULL, mem, err));
	for (int i = 0; i < c->samples; i++) {
		const struct bp_fit *f = &r[i].fit;
		const double values[] = { f->chi2, f->chi2_reduced, f->scale, f->offset, f->c1, f->c2 };
		c->energy[i] = r[i].energy;
		memcpy(c->values + (size_t)i * (size_t)source->columns, values, sizeof values);
		if (s->energy_chi2)
			source->goal = f->n - f->n_par;
	}
	bp_arena_release(mem, mark);
	return BP_OK;
}

static int
saxs_keep(struct bp_guide_source *source, int samples)
{
	struct saxs *s = (struct saxs *)source;

	s->radius = fmax(s->radius, room * bp_saxs_sphere(s->saxs));
	if (s->hydration)
		BP_DEV_NEW(s->held, (size_t)samples * (size_t)source->places, s->cx);
	return bp_saxs_keep(s->saxs, s->radius);
}

static void
saxs_drop(struct bp_guide_source *source)
{
	bp_saxs_drop(((struct saxs *)source)->saxs);
}

static int
saxs_run(struct bp_guide_source *source, const struct bp_guide_run *r)
{
	struct saxs *s = (struct saxs *)source;

	return bp_saxs_run(s->saxs, &(struct bp_saxs_run) { .b = r->samples, .ld = BP_SOURCE_ROW, .x = r->x,
	    .radius = s->cx->device == BP_CPU ? 0 : s->radius, /* the CPU need not wait to see how far they are */
	    .exposed = s->hydration ? s->held : NULL, .expose = r->first, .energy = r->energy, .values = r->values,
	    .gradient = r->gradient });
}

static int
saxs_accept(struct bp_guide_source *source, bool *again, int sample, double energy, const double *values, struct bp_err *err)
{
	struct saxs *s = (struct saxs *)source;
	const double radius = values[BP_SAXS_RADIUS];

	if (!isfinite(radius))
		return BP_FAIL(err, BP_ENUM, NULL, "sample %d: its coordinates are not finite", sample);
	if (s->cx->device != BP_CPU && radius > s->radius) {
		s->radius = more_room * radius;
		*again = true;
		return BP_OK;
	}
	return isfinite(energy) ? BP_OK : BP_FAIL(err, BP_ENUM, NULL, "sample %d: chi2 is not finite", sample);
}

static int
saxs_rehearse(struct bp_guide_source *source, int samples)
{
	return bp_saxs_rehearse(((struct saxs *)source)->saxs, samples);
}

/* What can run without the host: one whose gradient is not made of many energies, and whose work does not depend on how far the atoms
 * are apart but through the room for it. */
static int
saxs_runs(struct saxs *s, const struct bp_particle *p, const struct bp_saxs_opt *o, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_guide_source *source = &s->source;
	int32_t *place;

	if (o->gradient != BP_SAXS_ANALYTIC || bp_saxs_debye(s->saxs)->method == BP_DEBYE_QUADRATURE)
		return BP_OK;
	BP_NEW(place, p->natoms, mem, err);
	for (int i = 0; i < p->natoms; i++)
		place[i] = -1;
	for (int i = 0; i < p->n; i++)
		place[p->atom[i]] = i;
	source->places = p->n;
	source->place = place;
	source->keep = saxs_keep, source->drop = saxs_drop;
	source->run = saxs_run, source->accept = saxs_accept;
	return BP_OK;
}

int
bp_source_saxs(struct bp_guide_source **ret, struct bp_ctx *cx, const struct bp_atoms *a, struct bp_guide_params *p,
    int samples, struct bp_arena *mem, struct bp_err *err)
{
	static const char *const columns[] = { "chi2", "chi2_reduced", "scale_factor", "shift_factor", "c1", "c2" };
	struct bp_curve_opt co;
	struct bp_saxs_opt so;
	struct bp_particle *particle;
	struct bp_curve *curve;
	struct saxs *s;

	*ret = NULL;
	bp_guide_curve_opt(&co, p);
	bp_guide_saxs_opt(&so, p);
	BP_TRY(bp_curve_read(&curve, p->experimental_data, &co, mem, err));
	BP_TRY(bp_particle_new(&particle, a->n, a->z, a->n_h, a->mask, mem, err));
	BP_NEW(s, 1, mem, err);
	BP_TRY(bp_saxs_open(&s->saxs, cx, particle, curve, &so, mem, err));
	s->hydration = so.fit.level == BP_SAXS_HYDRATION;
	s->energy_chi2 = so.energy_chi2;
	if (s->hydration)
		BP_NEW(s->exposed, (size_t)samples * (size_t)particle->n, mem, err);
	s->source = (struct bp_guide_source) { .kind = "saxs",
		.natoms = a->n,
		.goal = 1,
		.eval = saxs_eval,
		.rehearse = saxs_rehearse,
		.params = p,
		.columns = sizeof columns / sizeof *columns };
	memcpy(s->source.column, columns, sizeof columns);
	s->cx = cx;
	*ret = &s->source;
	return saxs_runs(s, particle, &so, mem, err);
}

/* ---- Rg ---- */

struct rg {
	struct bp_guide_source source;
	/* contrast weights are base + layer a: a [samples,places] exposed fractions of the particle's atoms */
	struct bp_particle *particle;
	struct bp_debye *debye;
	int32_t *place; /* [natoms] of the particle, or -1 */
	double *base;   /* [natoms]                        */
	bool held;      /* runs have found a               */
	struct {        /* device memory, while it is kept */
		const double *w;
		const uint8_t *mask;
		const int32_t *place;
		double *a;
	} up;
	struct bp_ctx *cx;
	struct bp_arena *mem;
	const struct bp_atoms *a;
	struct bp_rg_opt o;
	enum bp_rg_weights weights;
	uint8_t *mask; /* [natoms] */
	double *w;     /* [samples,natoms] of contrast, else [natoms] */
};

static const double *
weights_of(const struct rg *s, int sample)
{
	return s->weights == BP_RG_CONTRAST ? s->w + (size_t)sample * (size_t)s->a->n : s->w;
}

static int
rg_eval(struct bp_guide_source *source, const struct bp_guide_call *c, struct bp_arena *mem, struct bp_err *err)
{
	struct rg *s = (struct rg *)source;
	struct bp_mark mark = bp_arena_mark(mem);
	const size_t n = (size_t)s->a->n;
	double *scratch;

	BP_NEW(scratch, 3 * n, mem, err);
	for (int i = 0; i < c->samples; i++) {
		const double *x = c->x + 3 * n * (size_t)i;
		double *g = c->gradient ? c->gradient + 3 * n * (size_t)i : scratch;
		struct bp_rg r;
		if (s->weights == BP_RG_CONTRAST && c->gd_step == 0)
			BP_TRY(bp_rg_weights(
			    s->w + n * (size_t)i, s->a, x, s->weights, BP_RG_CONTRAST_C2, s->cx, mem, err));
		BP_TRY(bp_rg_energy(&r, g, s->a->n, x, weights_of(s, i), s->mask, &s->o, c->step, mem, err));
		const double values[] = { r.rg, s->o.target, r.k, r.kept, r.capped };
		c->energy[i] = r.energy;
		memcpy(c->values + (size_t)i * (size_t)source->columns, values, sizeof values);
	}
	bp_arena_release(mem, mark);
	return BP_OK;
}

static int
rg_keep(struct bp_guide_source *source, int samples)
{
	struct rg *s = (struct rg *)source;
	const size_t n = (size_t)s->a->n;
	const void *w, *mask, *place;

	s->held = false;
	BP_TRY(bp_dev_upload(s->cx, &w, s->weights == BP_RG_CONTRAST ? s->base : s->w, n * sizeof *s->w));
	BP_TRY(bp_dev_upload(s->cx, &mask, s->mask, n * sizeof *s->mask));
	s->up.w = w, s->up.mask = mask;
	if (s->weights != BP_RG_CONTRAST)
		return BP_OK;
	BP_TRY(bp_dev_upload(s->cx, &place, s->place, n * sizeof *s->place));
	s->up.place = place;
	BP_DEV_NEW(s->up.a, (size_t)samples * (size_t)s->particle->n, s->cx);
	return bp_debye_keep(s->debye, 0);
}

static void
rg_drop(struct bp_guide_source *source)
{
	struct rg *s = (struct rg *)source;

	s->held = false;
	if (s->debye)
		bp_debye_drop(s->debye);
}

static double
rg_setting(const struct bp_guide_source *source, int step)
{
	return bp_rg_force_constant(&((const struct rg *)source)->o, step);
}

/* the exposed fractions that contrast weights take */
static int
rg_expose(struct rg *s, const struct bp_guide_run *r)
{
	const struct bp_particle *p = s->particle;
	struct bp_mark mark = bp_dev_mark(s->cx);
	double *y;

	BP_DEV_NEW(y, 3 * (size_t)r->samples * (size_t)p->n, s->cx);
	BP_TRY(BP_OP(s->cx, centre_atoms, .b = r->samples, .natoms = p->natoms, .n = p->n, .ld = BP_SOURCE_ROW, .atom = s->debye->up.atom,
	    .x = r->x, .y = y, .radius = r->values));
	BP_TRY(bp_debye_exposed(s->up.a, s->debye, r->samples, y));
	bp_dev_release(s->cx, mark);
	s->held = true;
	return BP_OK;
}

static int
rg_descend(struct bp_guide_source *source, const struct bp_guide_run *r, const struct bp_guide_steps *t)
{
	struct rg *s = (struct rg *)source;
	const bool contrast = s->weights == BP_RG_CONTRAST;
	const struct bp_rg_energy f = { .b = r->samples, .n = s->a->n, .ld = BP_SOURCE_ROW, .method = s->o.method, .threshold = s->o.threshold,
		.target = s->o.target, .cap = s->o.cap, .k = r->setting, .mask = s->up.mask, .w = s->up.w, .a = contrast ? s->up.a : NULL,
		.place = s->up.place, .places = contrast ? s->particle->n : 0, .layer = BP_RG_CONTRAST_C2 * bp_f_water(0),
		.energy = r->energy, .values = r->values };

	if (contrast && r->first)
		BP_TRY(rg_expose(s, r));
	return BP_OP(s->cx, rg_steps, .f = f, .steps = t->steps, .weight = t->weight, .raw = t->raw, .goal = source->goal, .x = t->x,
	    .moves = t->moves, .ahead = t->ahead);
}

static int
rg_accept(struct bp_guide_source *source, bool *again, int sample, double energy, const double *values, struct bp_err *err)
{
	const struct bp_rg r = { .atoms = (int)values[BP_RG_ATOMS], .kept = (int)values[BP_RG_KEPT] };

	(void)source, (void)again, (void)energy;
	if (values[BP_RG_FAULT] == BP_RG_NOT_FINITE)
		return BP_FAIL(err, BP_ENUM, NULL, "sample %d: its coordinates are not finite", sample);
	return bp_rg_refuse((enum bp_rg_fault)values[BP_RG_FAULT], 0, &r, err);
}

/* Raw guidance takes the contrast weights that the last diffusion step found. */
static int
take_weights(struct rg *s, int samples)
{
	const size_t n = (size_t)s->a->n, places = s->held ? (size_t)s->particle->n : 0;
	struct bp_mark mark = bp_arena_mark(s->mem);
	double *a;

	if (!s->held)
		return BP_OK;
	BP_NEW(a, places, s->mem, s->cx->err);
	for (size_t i = 0; i < (size_t)samples; i++) {
		BP_TRY(bp_dev_download(s->cx, a, s->up.a + i * places, places * sizeof *a));
		bp_particle_contrast(s->w + i * n, s->particle, BP_RG_CONTRAST_C2, a);
	}
	bp_arena_release(s->mem, mark);
	return BP_OK;
}

static int
rg_raw(struct bp_guide_source *source, double *x, int samples, double sigma, struct bp_arena *mem, struct bp_err *err)
{
	struct rg *s = (struct rg *)source;

	BP_TRY(take_weights(s, samples));
	for (int i = 0; i < samples; i++)
		BP_TRY(bp_rg_raw(x + 3 * (size_t)s->a->n * (size_t)i, s->a->n, weights_of(s, i), s->mask, &s->o,
		    source->params->raw_guidance_weight, sigma, mem, err));
	return BP_OK;
}

static int
rg_rehearse(struct bp_guide_source *source, int samples)
{
	struct rg *s = (struct rg *)source;
	struct bp_mark mark = bp_dev_mark(s->cx);

	(void)samples; /* one after another */
	if (s->cx->device == BP_CPU && !bp_dev_alloc(s->cx, 8 * (size_t)s->a->n * sizeof(double)))
		return BP_EMEM;
	bp_dev_release(s->cx, mark);
	return BP_OK;
}

enum bp_atom_selection
bp_source_selection(const char *word)
{
	return *word == 'b' ? BP_SELECT_BACKBONE : *word == 'h' ? BP_SELECT_HEAVY : BP_SELECT_ALL;
}

/* the Guinier radius of a curve, less the layer's share */
static int
target_of_curve(double *rg, const struct bp_guide_params *p, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_guinier g, other;
	struct bp_curve_opt co;
	struct bp_curve *curve;

	bp_guide_curve_opt(&co, p);
	BP_TRY(bp_curve_read(&curve, p->saxs_file_path, &co, mem, err));
	if (strcmp(p->guinier, "auto") == 0) {
		BP_TRY(bp_guinier_auto(&g, curve, mem, err));
		if (g.confidence < 0.3)
			bp_log(BP_LOG_WARN, "%s: the Guinier radius %.2f A is doubtful: confidence %.2f of 1",
			    p->saxs_file_path, g.rg, g.confidence);
	} else {
		BP_TRY(bp_guinier_fixed(&g, curve, p->q_min, p->q_max, err));
		if (g.q_max * g.rg > 1.3 && bp_guinier_auto(&other, curve, mem, NULL) == BP_OK)
			bp_log(BP_LOG_WARN,
			    "%s: q Rg reaches %.2f in the range %g to %g: Rg %.2f A; guinier=auto finds %.2f A",
			    p->saxs_file_path, g.q_max * g.rg, p->q_min, p->q_max, g.rg, other.rg);
	}
	*rg = g.rg - p->hydration_shift;
	return *rg > 0 ? BP_OK
	               : BP_FAIL(err, BP_EUSAGE, NULL, "hydration_shift %g leaves nothing of the radius %g A",
	                   p->hydration_shift, g.rg);
}

static int
find_target(struct rg *s, const struct bp_guide_params *p, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_rg_file file = { .path = p->reference_pdb_path,
		.chain = p->pdb_chain_id,
		.selection = bp_source_selection(p->pdb_atom_selection),
		.method = s->o.method,
		.threshold = s->o.threshold,
		.weights = s->weights,
		.c2 = BP_RG_CONTRAST_C2 };
	int st;

	if (p->reference_pdb_path) {
		if ((st = bp_rg_of_file(&s->o.target, &file, s->cx, NULL, mem, err)) == BP_OK)
			return BP_OK;
		if (!(p->target_rg > 0) || st == BP_EMEM)
			return st;
		bp_log(BP_LOG_WARN, "%s: target_rg %g is taken instead", err->msg, p->target_rg);
	} else if (p->saxs_file_path) {
		return target_of_curve(&s->o.target, p, mem, err);
	}
	s->o.target = p->target_rg;
	return BP_OK;
}

enum bp_rg_weights
bp_source_rg_weights(const struct bp_guide_params *p)
{
	return *p->weights == 'c' ? BP_RG_CONTRAST : *p->weights == 'm' ? BP_RG_MASS : BP_RG_UNIT;
}

int
bp_source_rg_target(
    double *ret, struct bp_ctx *cx, const struct bp_guide_params *p, struct bp_arena *mem, struct bp_err *err)
{
	struct rg s = { .cx = cx, .weights = bp_source_rg_weights(p) };

	bp_guide_rg_opt(&s.o, p);
	BP_TRY(find_target(&s, p, mem, err));
	*ret = s.o.target;
	return BP_OK;
}

/* contrast weights: 1 until the first step, then those of what is exposed */
static int
open_contrast(struct rg *s, int samples, struct bp_arena *mem, struct bp_err *err)
{
	static const double zero = 0;
	const struct bp_atoms *a = s->a;

	BP_TRY(bp_particle_new(&s->particle, a->n, a->z, a->n_h, a->mask, mem, err));
	BP_TRY(bp_debye_open(&s->debye, s->cx, s->particle, &zero, 1, BP_DEBYE_DIRECT, mem, err));
	BP_NEW(s->base, a->n, mem, err);
	BP_NEW(s->place, a->n, mem, err);
	bp_particle_contrast(s->base, s->particle, 0, NULL);
	for (int i = 0; i < a->n; i++)
		s->place[i] = -1;
	for (int i = 0; i < s->particle->n; i++)
		s->place[s->particle->atom[i]] = i;
	for (int i = 0; i < samples * a->n; i++)
		s->w[i] = 1;
	return BP_OK;
}

int
bp_source_rg(struct bp_guide_source **ret, struct bp_ctx *cx, const struct bp_atoms *a, struct bp_guide_params *p,
    int samples, struct bp_arena *mem, struct bp_err *err)
{
	static const char *const columns[] = { "rg", "target_rg", "k_eff", "kept", "capped" };
	int chosen = 0;
	struct rg *s;

	*ret = NULL;
	BP_NEW(s, 1, mem, err);
	s->cx = cx;
	s->mem = mem;
	s->a = a;
	s->weights = bp_source_rg_weights(p);
	bp_guide_rg_opt(&s->o, p);
	BP_TRY(find_target(s, p, mem, err));
	BP_NEW(s->mask, a->n, mem, err);
	BP_NEW(s->w, (size_t)a->n * (size_t)(s->weights == BP_RG_CONTRAST ? samples : 1), mem, err);
	bp_atoms_select(s->mask, a, bp_source_selection(p->atom_selection));
	for (int i = 0; i < a->n; i++)
		chosen += s->mask[i];
	if (chosen < 3)
		return BP_FAIL(
		    err, BP_EINPUT, NULL, "guide rg: the selection %s has %d atoms", p->atom_selection, chosen);
	if (s->weights != BP_RG_CONTRAST)
		BP_TRY(bp_rg_weights(s->w, a, NULL, s->weights, BP_RG_CONTRAST_C2, cx, mem, err));
	else
		BP_TRY(open_contrast(s, samples, mem, err));
	s->source = (struct bp_guide_source) { .kind = "rg",
		.natoms = a->n,
		.eval = rg_eval,
		.rehearse = rg_rehearse,
		.places = a->n,
		.keep = rg_keep,
		.drop = rg_drop,
		.setting = rg_setting,
		.descend = rg_descend,
		.accept = rg_accept,
		.roomy = true,
		.raw = p->raw_guidance_weight > 0 ? rg_raw : NULL,
		.params = p,
		.columns = sizeof columns / sizeof *columns };
	memcpy(s->source.column, columns, sizeof columns);
	*ret = &s->source;
	return BP_OK;
}
