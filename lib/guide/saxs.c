/* lib/guide/saxs.c: contents: opening, energy, gradient, finite differences, evaluation, rehearsal. */
#include "guide/saxs.h"

#include <string.h>

enum { MOVES = 96 }; /* displaced atoms at once, whole atoms of six */

struct bp_saxs {
	struct bp_saxs_opt o;
	struct bp_debye *d;
	struct bp_fit_data data;
	bool layer;
};

static int
check_options(const struct bp_saxs_opt *o, struct bp_err *err)
{
	if (!(o->fit.c2_min <= o->fit.c2_max) || !isfinite(o->fit.c2_min) || !isfinite(o->fit.c2_max))
		return BP_FAIL(err, BP_EUSAGE, NULL, "c2 from %g to %g is no range", o->fit.c2_min, o->fit.c2_max);
	if (!(o->fit.c1 > 0) || !isfinite(o->fit.c1) || !isfinite(o->fit.c2))
		return BP_FAIL(err, BP_EUSAGE, NULL, "c1 %g, c2 %g: wanted numbers, c1 above 0", o->fit.c1, o->fit.c2);
	if (!(o->epsilon > 0) || !isfinite(o->epsilon))
		return BP_FAIL(err, BP_EUSAGE, NULL, "gradient_epsilon %g is no step", o->epsilon);
	return BP_OK;
}

int
bp_saxs_open(struct bp_saxs **ret, struct bp_ctx *cx, const struct bp_particle *p, const struct bp_curve *c,
    const struct bp_saxs_opt *o, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_saxs *s;
	double *w, sum = 0;

	*ret = NULL;
	BP_TRY(check_options(o, err));
	BP_NEW(s, 1, mem, err);
	BP_NEW(w, c->n, mem, err);
	for (int k = 0; k < c->n; k++) {
		w[k] = 1 / (c->sigma[k] * c->sigma[k]);
		sum += w[k] * fmax(1, c->i[k] * c->i[k]);
		if (!(w[k] > 0) || !isfinite(sum))
			return BP_FAIL(err, BP_ENUM, "scale the curve", "%s: q %g: sigma %g has no weight", c->path,
			    c->q[k], c->sigma[k]);
	}
	BP_TRY(bp_debye_open(&s->d, cx, p, c->q, c->n, o->method, mem, err));
	s->o = *o;
	s->data = (struct bp_fit_data) { c->n, c->q, c->i, w, p->mean_volume };
	s->layer = o->fit.level == BP_SAXS_HYDRATION;
	*ret = s;
	return BP_OK;
}

const struct bp_debye *
bp_saxs_debye(const struct bp_saxs *s)
{
	return s->d;
}

/* x [b,natoms,3] by place and centred */
static int
take(struct bp_conformers *c, const struct bp_saxs *s, int b, const double *x, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_particle *p = s->d->p;
	double *y, radius;

	*c = (struct bp_conformers) { .b = b };
	BP_NEW(c->own, b, mem, err);
	BP_NEW(y, 3 * (size_t)b * p->n, mem, err);
	for (int i = 0; i < b; i++) {
		BP_TRY(bp_particle_centre(y + 3 * (size_t)i * p->n, &radius, p, x + 3 * (size_t)i * p->natoms, err));
		c->radius = fmax(c->radius, radius);
	}
	c->x = y;
	return BP_OK;
}

int
bp_saxs_expose(
    double *exposed, const struct bp_saxs *s, int b, const double *x, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_conformers c;

	BP_TRY(take(&c, s, b, x, mem, err));
	BP_TRY(bp_debye_exposed(exposed, s->d, b, c.x));
	bp_arena_release(mem, mark);
	return BP_OK;
}

static double
energy(const struct bp_saxs *s, const struct bp_fit *f)
{
	return s->o.energy_chi2 ? f->chi2 : f->chi2_reduced;
}

/* what one conformer's fit needs: all [nq] but P [BP_PROFILES,nq] */
struct work {
	double *P, *calc, *g, *scratch;
};

static int
new_work(struct work *w, size_t nq, struct bp_arena *mem, struct bp_err *err)
{
	BP_NEW(w->P, (BP_PROFILES + 5) * nq, mem, err);
	w->calc = w->P + BP_PROFILES * nq;
	w->g = w->calc + nq, w->scratch = w->g + nq;
	return BP_OK;
}

/* E [nq] = dE/dI; what is fitted sits at its optimum and adds nothing */
static void
slopes(double *E, const struct work *w, const struct bp_saxs *s, const struct bp_fit *f)
{
	const struct bp_fit_data *d = &s->data;
	double norm = s->o.energy_chi2 ? 1 : f->n > f->n_par ? f->n - f->n_par : 1;

	for (int k = 0; k < d->n; k++)
		E[k] = -2 * f->scale * d->w[k] * (d->y[k] - f->scale * w->calc[k] - f->offset) / norm;
}

/* energy of one conformer y [n,3] by place, not centred */
static int
energy_at(double *ret, const struct bp_saxs *s, const double *y, const double *a, double radius, const struct work *w)
{
	struct bp_conformers c = { 1, y, a, radius, 0, NULL };
	struct bp_fit f;

	BP_TRY(bp_debye_profiles(w->P, s->d, &c));
	bp_fit(&f, &s->data, w->P, &s->o.fit, w->calc, w->g, w->scratch);
	*ret = energy(s, &f);
	return BP_OK;
}

/* out [n,3]: central differences of conformer y, which is moved and put back */
static int
differences(double *out, const struct bp_saxs *s, double *y, const double *a, double radius, const struct work *w)
{
	for (int i = 0; i < 3 * s->d->p->n; i++) {
		double was = y[i], up, down;
		y[i] = was + s->o.epsilon;
		BP_TRY(energy_at(&up, s, y, a, radius + s->o.epsilon, w));
		y[i] = was - s->o.epsilon;
		BP_TRY(energy_at(&down, s, y, a, radius + s->o.epsilon, w));
		y[i] = was;
		out[i] = (up - down) / (2 * s->o.epsilon);
	}
	return BP_OK;
}

/* The same from the profiles P0 and what each move changes. c: one conformer. */
static int
differences_batch(double *out, const struct bp_saxs *s, const struct bp_conformers *c, const double *P0,
    const struct work *w, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_particle *p = s->d->p;
	const size_t nq = (size_t)s->d->nq, types = (size_t)p->ntypes + (c->a ? 1 : 0);
	double *y, *D, e[2];
	int32_t *atom;

	BP_NEW(y, 3 * MOVES, mem, err);
	BP_NEW(atom, MOVES, mem, err);
	BP_NEW(D, MOVES * types * nq, mem, err);
	for (int first = 0; first < 6 * p->n; first += MOVES) { /* move 2 (3 i + d) is up, the next one down */
		int moves = 6 * p->n - first < MOVES ? 6 * p->n - first : MOVES;
		for (int m = 0; m < moves; m++) {
			int at = (first + m) / 2;
			atom[m] = at / 3;
			memcpy(y + 3 * m, c->x + 3 * (at / 3), 3 * sizeof *y);
			y[3 * m + at % 3] += m & 1 ? -s->o.epsilon : s->o.epsilon;
		}
		BP_TRY(bp_debye_moves(D, s->d, c->x, c->a, moves, atom, y));
		for (int m = 0; m < moves; m++) {
			struct bp_fit f;
			memcpy(w->P, P0, BP_PROFILES * nq * sizeof *P0);
			bp_debye_moved(w->P, s->d, D + (size_t)m * types * nq, atom[m], c->a);
			bp_fit(&f, &s->data, w->P, &s->o.fit, w->calc, w->g, w->scratch);
			e[m & 1] = energy(s, &f);
			if (m & 1)
				out[(first + m) / 2] = (e[0] - e[1]) / (2 * s->o.epsilon);
		}
	}
	return BP_OK;
}

/* g [n,3] by place to grad [natoms,3] */
static int
put(double *grad, const struct bp_particle *p, const double *g, struct bp_err *err)
{
	memset(grad, 0, 3 * (size_t)p->natoms * sizeof *grad);
	for (int i = 0; i < p->n; i++)
		for (int d = 0; d < 3; d++) {
			if (!isfinite(g[3 * i + d]))
				return BP_FAIL(
				    err, BP_ENUM, NULL, "the gradient of atom %d is not finite", (int)p->atom[i]);
			grad[3 * (size_t)p->atom[i] + d] = g[3 * i + d];
		}
	return BP_OK;
}

/* the numeric gradients of conformer b of c, whose profiles are P; w is overwritten */
static int
numeric(double *out, const struct bp_saxs *s, const struct bp_conformers *c, int b, const double *P,
    const struct work *w, struct bp_arena *mem, struct bp_err *err)
{
	const size_t n = (size_t)s->d->p->n;
	const struct bp_conformers one
	    = { 1, c->x + 3 * (size_t)b * n, c->a ? c->a + (size_t)b * n : NULL, c->radius, 0, NULL };
	double *copy;

	if (s->o.gradient == BP_SAXS_FINITE_DIFF_BATCH)
		return differences_batch(out, s, &one, P, w, mem, err);
	BP_NEW(copy, 3 * n, mem, err);
	memcpy(copy, one.x, 3 * n * sizeof *copy);
	return differences(out, s, copy, one.a, one.radius, w);
}

int
bp_saxs_eval(struct bp_saxs_result *ret, double *grad, double *calc, const struct bp_saxs *s, int b, const double *x,
    const double *exposed, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_particle *p = s->d->p;
	const size_t nq = (size_t)s->d->nq, n = (size_t)p->n;
	const bool analytic = grad && s->o.gradient == BP_SAXS_ANALYTIC;
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_conformers c;
	double *P, *E, *gs, *c2, *g, *a;
	struct work w;

	BP_TRY(take(&c, s, b, x, mem, err));
	BP_NEW(P, (size_t)b * BP_PROFILES * nq, mem, err);
	BP_NEW(E, (size_t)b * (2 * nq + 1), mem, err);
	gs = E + (size_t)b * nq, c2 = gs + (size_t)b * nq;
	BP_NEW(g, 3 * (size_t)b * n, mem, err);
	BP_TRY(new_work(&w, nq, mem, err));
	if (s->layer && !exposed) {
		BP_NEW(a, (size_t)b * n, mem, err);
		BP_TRY(bp_debye_exposed(a, s->d, b, c.x));
		exposed = a;
	}
	c.a = s->layer ? exposed : NULL;
	BP_TRY(bp_debye_profiles(P, s->d, &c));
	for (int i = 0; i < b; i++) {
		const double *own = P + (size_t)i * BP_PROFILES * nq;
		struct bp_fit *f = &ret[i].fit;
		bp_fit(f, &s->data, own, &s->o.fit, w.calc, w.g, w.scratch);
		ret[i].energy = energy(s, f);
		if (!isfinite(ret[i].energy))
			return BP_FAIL(err, BP_ENUM, NULL, "sample %d: chi2 is not finite", i);
		if (calc)
			memcpy(calc + (size_t)i * nq, w.calc, nq * sizeof *calc);
		if (analytic) {
			slopes(E + (size_t)i * nq, &w, s, f);
			memcpy(gs + (size_t)i * nq, w.g, nq * sizeof *gs);
			c2[i] = f->c2;
		} else if (grad && s->o.gradient != BP_SAXS_ENERGY_ONLY) {
			BP_TRY(numeric(g + 3 * (size_t)i * n, s, &c, i, own, &w, mem, err));
		}
	}
	if (analytic)
		BP_TRY(bp_debye_forces(g, s->d, &c, E, gs, c2));
	for (int i = 0; grad && i < b; i++)
		BP_TRY(put(grad + 3 * (size_t)i * p->natoms, p, g + 3 * (size_t)i * n, err));
	bp_arena_release(mem, mark);
	return BP_OK;
}

int
bp_saxs_rehearse(const struct bp_saxs *s, int b)
{
	double nothing = 0; /* that there is a layer; a dry context looks at no number */
	const struct bp_debye *d = s->d;
	struct bp_ctx *cx = d->cx;
	const size_t n = (size_t)d->p->n, nq = (size_t)d->nq;
	const size_t host = (size_t)b * (6 * n + (BP_PROFILES + 2) * nq + 1) + (BP_PROFILES + 5) * nq;
	struct bp_conformers c = { b, &nothing, s->layer ? &nothing : NULL,
		4 * cbrt(0.75 / M_PI * (double)n * d->p->mean_volume), 0, NULL };
	struct bp_mark mark = bp_dev_mark(cx);

	bp_assert(cx->dry);
	if (cx->device == BP_CPU && !bp_dev_alloc(cx, host * sizeof(double)))
		return BP_EMEM;
	if (s->layer)
		BP_TRY(bp_debye_exposed(&nothing, d, b, &nothing));
	BP_TRY(bp_debye_profiles(&nothing, d, &c));
	BP_TRY(bp_debye_forces(&nothing, d, &c, &nothing, &nothing, &nothing));
	bp_dev_release(cx, mark);
	return BP_OK;
}

int
bp_saxs_profiles(double *P, const struct bp_saxs *s, const double *x, const double *exposed, struct bp_arena *mem,
    struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	struct bp_conformers c;

	BP_TRY(take(&c, s, 1, x, mem, err));
	c.a = s->layer ? exposed : NULL;
	BP_TRY(bp_debye_profiles(P, s->d, &c));
	bp_arena_release(mem, mark);
	return BP_OK;
}
