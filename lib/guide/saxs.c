/* lib/guide/saxs.c: contents: opening, an evaluation on the device, the same for host memory with finite differences, rehearsal. */
#include "guide/saxs.h"

#include <string.h>

#include "ops/ops.h"

enum { MOVES = 96 }; /* displaced atoms at once, whole atoms of six */

struct bp_saxs {
	struct bp_saxs_opt o;
	struct bp_debye *d;
	const struct bp_curve *curve;
	const double *weights; /* [nq] of the curve */
	bool layer;
	struct up { /* in device memory: the curve's intensities and weights, as long as they are kept */
		const double *y, *w;
	} up;
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
	s->curve = c;
	s->weights = w;
	s->layer = o->fit.level == BP_SAXS_HYDRATION;
	*ret = s;
	return BP_OK;
}

const struct bp_debye *
bp_saxs_debye(const struct bp_saxs *s)
{
	return s->d;
}

double
bp_saxs_sphere(const struct bp_saxs *s)
{
	return cbrt(0.75 / M_PI * s->d->p->n * s->d->p->mean_volume);
}

static int
upload(struct up *u, const struct bp_saxs *s)
{
	const size_t size = (size_t)s->d->nq * sizeof(double);
	const void *y, *w;

	BP_TRY(bp_dev_upload(s->d->cx, &y, s->curve->i, size));
	BP_TRY(bp_dev_upload(s->d->cx, &w, s->weights, size));
	*u = (struct up) { y, w };
	return BP_OK;
}

int
bp_saxs_keep(struct bp_saxs *s, double radius)
{
	BP_TRY(upload(&s->up, s));
	return bp_debye_keep(s->d, radius);
}

void
bp_saxs_drop(struct bp_saxs *s)
{
	s->up = (struct up) { 0 };
	bp_debye_drop(s->d);
}

/* ---- an evaluation on the device ---- */

/* no distance of a rehearsal goes beyond twice this */
static double
widest(const struct bp_saxs *s)
{
	return 4 * bp_saxs_sphere(s);
}

/* the radius of all b conformers, which the device is asked for: values [b,ld] on it */
static int
find_radius(double *ret, const struct bp_saxs *s, int b, int ld, const double *values)
{
	struct bp_ctx *cx = s->d->cx;
	double some[512];
	const int most = (int)(sizeof some / sizeof *some) / ld;

	*ret = cx->dry ? widest(s) : 0;
	for (int i = 0; i < b && !cx->dry; i++) {
		if (i % most == 0)
			BP_TRY(bp_dev_download(cx, some, values + (size_t)i * (size_t)ld,
			    (size_t)(b - i < most ? b - i : most) * (size_t)ld * sizeof *some));
		double radius = some[i % most * ld + BP_SAXS_RADIUS];
		if (!isfinite(radius))
			return BP_FAIL(cx->err, BP_ENUM, NULL, "sample %d: its coordinates are not finite", i);
		*ret = fmax(*ret, radius);
	}
	return BP_OK;
}

/* energy and slopes of b conformers from P [b,BP_PROFILES,nq] */
static int
fit(const struct bp_saxs *s, const struct bp_saxs_run *r, const double *P, double *calc, double *E, double *g, double *c2)
{
	static const double pi = 3.14159265358979323846;
	struct bp_debye_up u;
	struct up up = s->up;

	BP_TRY(bp_debye_have(&u, s->d));
	if (!up.y)
		BP_TRY(upload(&up, s));
	return BP_OP(s->d->cx, saxs_fit, .b = r->b, .nq = s->d->nq, .ld = r->ld, .o = s->o.fit, .energy_chi2 = s->o.energy_chi2,
	    .swell = pow(s->d->p->mean_volume, 2.0 / 3) / (4 * pi), .q = u.q, .y = up.y, .w = up.w, .P = P, .energy = r->energy, .c2 = c2,
	    .values = r->values, .calc = calc, .E = E, .g = g);
}

/* what follows the profiles: fit, and forces */
static int
fit_and_pull(const struct bp_saxs *s, const struct bp_saxs_run *r, struct bp_conformers *c, const double *P)
{
	const size_t all = (size_t)r->b * (size_t)s->d->nq;
	struct bp_ctx *cx = s->d->cx;
	double *E, *g, *c2, *calc = r->calc;

	BP_DEV_NEW(E, all, cx);
	BP_DEV_NEW(g, all, cx);
	BP_DEV_NEW(c2, r->b, cx);
	if (!calc)
		BP_DEV_NEW(calc, all, cx);
	BP_TRY(fit(s, r, P, calc, E, g, c2));
	return r->gradient ? bp_debye_forces(r->gradient, s->d, c, E, g, c2) : BP_OK;
}

int
bp_saxs_run(const struct bp_saxs *s, const struct bp_saxs_run *r)
{
	const struct bp_particle *p = s->d->p;
	struct bp_ctx *cx = s->d->cx;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_conformers c = { .b = r->b, .a = s->layer ? r->exposed : NULL, .radius = r->radius };
	struct bp_debye_up u;
	double *y, *P = r->P;
	int *own;

	BP_TRY(bp_debye_have(&u, s->d));
	BP_DEV_NEW(y, 3 * (size_t)r->b * (size_t)p->n, cx);
	BP_DEV_NEW(own, r->b, cx);
	c.own = cx->device == BP_CPU && !cx->dry ? own : NULL; /* where the host looks at each conformer's bins */
	if (!P)
		BP_DEV_NEW(P, (size_t)r->b * BP_PROFILES * (size_t)s->d->nq, cx);
	c.x = y;
	BP_TRY(BP_OP(cx, centre_atoms, .b = r->b, .natoms = p->natoms, .n = p->n, .ld = r->ld, .atom = u.atom, .x = r->x, .y = y,
	    .radius = r->values + BP_SAXS_RADIUS));
	if (!(c.radius > 0))
		BP_TRY(find_radius(&c.radius, s, r->b, r->ld, r->values));
	if (s->layer && r->expose)
		BP_TRY(bp_debye_exposed(r->exposed, s->d, r->b, y));
	BP_TRY(bp_debye_profiles(P, s->d, &c));
	BP_TRY(fit_and_pull(s, r, &c, P));
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* ---- in host memory ---- */

int
bp_saxs_expose(
    double *exposed, const struct bp_saxs *s, int b, const double *x, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_particle *p = s->d->p;
	struct bp_ctx *cx = s->d->cx;
	struct bp_mark mark = bp_arena_mark(mem), dev;
	const size_t n = (size_t)p->n;
	double *y, *out, radius;
	const void *up;

	BP_NEW(y, 3 * (size_t)b * n, mem, err);
	for (int i = 0; i < b; i++)
		BP_TRY(bp_particle_centre(y + 3 * (size_t)i * n, &radius, p, x + 3 * (size_t)i * (size_t)p->natoms, err));
	dev = bp_dev_mark(cx);
	BP_TRY(bp_dev_upload(cx, &up, y, 3 * (size_t)b * n * sizeof *y));
	BP_DEV_NEW(out, (size_t)b * n, cx);
	BP_TRY(bp_debye_exposed(out, s->d, b, up));
	BP_TRY(bp_dev_download(cx, exposed, out, (size_t)b * n * sizeof *out));
	bp_dev_release(cx, dev);
	bp_arena_release(mem, mark);
	return BP_OK;
}

/* energy of one conformer y [n,3] by place, not centred, a [n] or NULL */
static int
energy_at(double *ret, const struct bp_saxs *s, const double *y, const double *a, double radius)
{
	const size_t n = (size_t)s->d->p->n, nq = (size_t)s->d->nq;
	struct bp_ctx *cx = s->d->cx;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_conformers c = { 1, NULL, NULL, radius, 0, NULL };
	struct bp_saxs_run r = { .b = 1, .ld = BP_SAXS_VALUES };
	const void *up;
	double *P;

	BP_TRY(bp_dev_upload(cx, &up, y, 3 * n * sizeof *y));
	c.x = up;
	if (a) {
		BP_TRY(bp_dev_upload(cx, &up, a, n * sizeof *a));
		c.a = up;
	}
	BP_DEV_NEW(P, BP_PROFILES * nq, cx);
	BP_DEV_NEW(r.energy, 1, cx);
	BP_DEV_NEW(r.values, r.ld, cx);
	BP_TRY(bp_debye_profiles(P, s->d, &c));
	BP_TRY(fit_and_pull(s, &r, &c, P));
	BP_TRY(bp_dev_download(cx, ret, r.energy, sizeof *ret));
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* out [n,3]: central differences of conformer y, which is moved and put back */
static int
differences(double *out, const struct bp_saxs *s, double *y, const double *a, double radius)
{
	for (int i = 0; i < 3 * s->d->p->n; i++) {
		double was = y[i], up, down;
		y[i] = was + s->o.epsilon;
		BP_TRY(energy_at(&up, s, y, a, radius + s->o.epsilon));
		y[i] = was - s->o.epsilon;
		BP_TRY(energy_at(&down, s, y, a, radius + s->o.epsilon));
		y[i] = was;
		out[i] = (up - down) / (2 * s->o.epsilon);
	}
	return BP_OK;
}

/* energies e [moves] of conformers with the profiles P [moves,BP_PROFILES,nq], in host memory */
static int
energies(double *e, const struct bp_saxs *s, int moves, const double *P)
{
	struct bp_ctx *cx = s->d->cx;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_saxs_run r = { .b = moves, .ld = BP_SAXS_VALUES };
	const void *up;

	BP_TRY(bp_dev_upload(cx, &up, P, (size_t)moves * BP_PROFILES * (size_t)s->d->nq * sizeof *P));
	BP_DEV_NEW(r.energy, moves, cx);
	BP_DEV_NEW(r.values, moves * r.ld, cx);
	BP_TRY(fit_and_pull(s, &r, NULL, up));
	BP_TRY(bp_dev_download(cx, e, r.energy, (size_t)moves * sizeof *e));
	bp_dev_release(cx, mark);
	return BP_OK;
}

/* The same from the profiles P0 of conformer x [n,3] by place and what each move changes; all in host memory. */
static int
differences_batch(double *out, const struct bp_saxs *s, const double *x, const double *a, const double *P0, struct bp_arena *mem,
    struct bp_err *err)
{
	const struct bp_particle *p = s->d->p;
	const size_t nq = (size_t)s->d->nq, types = (size_t)p->ntypes + (a ? 1 : 0), size = BP_PROFILES * nq;
	double *y, *D, *P, e[MOVES];
	int32_t *atom;

	BP_NEW(y, 3 * MOVES, mem, err);
	BP_NEW(atom, MOVES, mem, err);
	BP_NEW(D, MOVES * types * nq, mem, err);
	BP_NEW(P, MOVES * size, mem, err);
	for (int first = 0; first < 6 * p->n; first += MOVES) { /* move 2 (3 i + d) is up, the next one down */
		int moves = 6 * p->n - first < MOVES ? 6 * p->n - first : MOVES;
		for (int m = 0; m < moves; m++) {
			int at = (first + m) / 2;
			atom[m] = at / 3;
			memcpy(y + 3 * m, x + 3 * (at / 3), 3 * sizeof *y);
			y[3 * m + at % 3] += m & 1 ? -s->o.epsilon : s->o.epsilon;
		}
		BP_TRY(bp_debye_moves(D, s->d, x, a, moves, atom, y));
		for (int m = 0; m < moves; m++) {
			memcpy(P + (size_t)m * size, P0, size * sizeof *P0);
			bp_debye_moved(P + (size_t)m * size, s->d, D + (size_t)m * types * nq, atom[m], a);
		}
		BP_TRY(energies(e, s, moves, P));
		for (int m = 0; m < moves; m += 2)
			out[(first + m) / 2] = (e[m] - e[m + 1]) / (2 * s->o.epsilon);
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

/* the numeric gradient g [n,3] by place of one conformer x [natoms,3] with exposed fractions a and profiles P */
static int
numeric(double *g, const struct bp_saxs *s, const double *x, const double *a, const double *P, struct bp_arena *mem,
    struct bp_err *err)
{
	double *y, radius;

	if (s->o.gradient == BP_SAXS_ENERGY_ONLY)
		return BP_OK;
	BP_NEW(y, 3 * (size_t)s->d->p->n, mem, err);
	BP_TRY(bp_particle_centre(y, &radius, s->d->p, x, err));
	if (s->o.gradient == BP_SAXS_FINITE_DIFF_BATCH)
		return differences_batch(g, s, y, a, P, mem, err);
	return differences(g, s, y, a, radius);
}

/* where an evaluation on the device leaves its numbers: device memory, and the same in the host's */
struct numbers {
	double *energy, *values, *calc, *P, *g, *exposed;
};

static int
make_room(struct numbers *u, const struct bp_saxs *s, int b, bool calc, bool P, bool analytic, bool expose)
{
	const size_t m = (size_t)b, nq = (size_t)s->d->nq, n = (size_t)s->d->p->n;
	struct bp_ctx *cx = s->d->cx;

	*u = (struct numbers) { 0 };
	BP_DEV_NEW(u->energy, m, cx);
	BP_DEV_NEW(u->values, m * BP_SAXS_VALUES, cx);
	if (calc)
		BP_DEV_NEW(u->calc, m * nq, cx);
	if (P)
		BP_DEV_NEW(u->P, m * BP_PROFILES * nq, cx);
	if (analytic)
		BP_DEV_NEW(u->g, 3 * m * n, cx);
	if (expose)
		BP_DEV_NEW(u->exposed, m * n, cx);
	return BP_OK;
}

/* b conformers x: u is made and filled */
static int
evaluate(struct numbers *u, const struct bp_saxs *s, int b, const double *x, const double *exposed, bool calc, bool P, bool analytic)
{
	struct bp_ctx *cx = s->d->cx;
	const void *up, *a = NULL;

	BP_TRY(bp_dev_upload(cx, &up, x, 3 * (size_t)b * (size_t)s->d->p->natoms * sizeof *x));
	if (s->layer && exposed)
		BP_TRY(bp_dev_upload(cx, &a, exposed, (size_t)b * (size_t)s->d->p->n * sizeof *exposed));
	BP_TRY(make_room(u, s, b, calc, P, analytic, s->layer && !exposed));
	return bp_saxs_run(s, &(struct bp_saxs_run) { .b = b, .ld = BP_SAXS_VALUES, .x = up, .expose = !a,
	    .exposed = a ? (double *)(uintptr_t)a : u->exposed, .energy = u->energy, .values = u->values, .calc = u->calc, .P = u->P,
	    .gradient = u->g });
}

/* ret [b] in host memory */
static int
results(struct bp_saxs_result *ret, const struct bp_saxs *s, const struct numbers *u, int b, struct bp_arena *mem, struct bp_err *err)
{
	double *energy, *values;

	BP_NEW(energy, b, mem, err);
	BP_NEW(values, b * BP_SAXS_VALUES, mem, err);
	BP_TRY(bp_dev_download(s->d->cx, energy, u->energy, (size_t)b * sizeof *energy));
	BP_TRY(bp_dev_download(s->d->cx, values, u->values, (size_t)b * BP_SAXS_VALUES * sizeof *values));
	for (int i = 0; i < b; i++) {
		ret[i] = (struct bp_saxs_result) { energy[i], bp_fit_of(values + i * BP_SAXS_VALUES, &s->o.fit, s->d->nq) };
		if (!isfinite(energy[i]))
			return BP_FAIL(err, BP_ENUM, NULL, "sample %d: chi2 is not finite", i);
	}
	return BP_OK;
}

int
bp_saxs_eval(struct bp_saxs_result *ret, double *grad, double *calc, const struct bp_saxs *s, int b, const double *x,
    const double *exposed, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_particle *p = s->d->p;
	struct bp_ctx *cx = s->d->cx;
	const size_t nq = (size_t)s->d->nq, n = (size_t)p->n, size = BP_PROFILES * nq;
	const bool analytic = grad && s->o.gradient == BP_SAXS_ANALYTIC, differs = grad && !analytic;
	struct bp_mark mark = bp_arena_mark(mem), dev = bp_dev_mark(cx);
	struct numbers u;
	double *P, *g, *found = NULL;

	BP_NEW(g, 3 * n, mem, err);
	BP_NEW(P, differs ? size : 1, mem, err);
	BP_TRY(evaluate(&u, s, b, x, exposed, calc != NULL, differs, analytic));
	if (differs && u.exposed) {
		BP_NEW(found, (size_t)b * n, mem, err);
		BP_TRY(bp_dev_download(cx, found, u.exposed, (size_t)b * n * sizeof *found));
		exposed = found;
	}
	BP_TRY(results(ret, s, &u, b, mem, err));
	for (int i = 0; grad && i < b; i++) {
		if (analytic)
			BP_TRY(bp_dev_download(cx, g, u.g + 3 * (size_t)i * n, 3 * n * sizeof *g));
		if (differs) {
			BP_TRY(bp_dev_download(cx, P, u.P + (size_t)i * size, size * sizeof *P));
			BP_TRY(numeric(g, s, x + 3 * (size_t)i * (size_t)p->natoms, s->layer ? exposed + (size_t)i * n : NULL, P, mem, err));
		}
		BP_TRY(put(grad + 3 * (size_t)i * (size_t)p->natoms, p, g, err));
	}
	if (calc)
		BP_TRY(bp_dev_download(cx, calc, u.calc, (size_t)b * nq * sizeof *calc));
	bp_dev_release(cx, dev);
	bp_arena_release(mem, mark);
	return BP_OK;
}

int
bp_saxs_rehearse(const struct bp_saxs *s, int b)
{
	const double nothing = 0; /* a dry context looks at no number */
	struct bp_ctx *cx = s->d->cx;
	struct bp_mark mark = bp_dev_mark(cx);
	struct numbers u;

	bp_assert(cx->dry);
	if (cx->device == BP_CPU && !bp_dev_alloc(cx, 3 * (size_t)s->d->p->n * sizeof(double)))
		return BP_EMEM;
	BP_TRY(evaluate(&u, s, b, &nothing, NULL, false, false, true));
	bp_dev_release(cx, mark);
	return BP_OK;
}

int
bp_saxs_profiles(double *P, const struct bp_saxs *s, const double *x, const double *exposed)
{
	struct bp_ctx *cx = s->d->cx;
	struct bp_mark mark = bp_dev_mark(cx);
	struct numbers u;

	BP_TRY(evaluate(&u, s, 1, x, exposed, false, true, false));
	BP_TRY(bp_dev_download(cx, P, u.P, BP_PROFILES * (size_t)s->d->nq * sizeof *P));
	bp_dev_release(cx, mark);
	return BP_OK;
}
