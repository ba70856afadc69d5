/* lib/guide/debye.c */
#include "guide/debye.h"

#include <string.h>

#include "ops/ops.h"

enum { HISTOGRAM_FROM = 512, MOST_BINS = 1 << 20, TABLES_TO = 1 << 14 }; /* beyond so many points the grid does without tables */

static bool
is_optimized(const struct bp_ctx *cx, const char *op)
{
	for (int i = 0; i < bp_ops_count(); i++)
		if (strcmp(bp_ops_name(i), op) == 0)
			return strcmp(bp_ops_bound(cx, i), "optimized") == 0;
	return false;
}

int
bp_debye_open(struct bp_debye **ret, struct bp_ctx *cx, const struct bp_particle *p, const double *q, int nq,
    enum bp_debye_method method, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_debye *d;
	double *own, q_max = 0;
	bool inner, tables;
	size_t types;

	*ret = NULL;
	if (method == BP_DEBYE_AUTO)
		method = p->n >= (cx->device == BP_CPU ? HISTOGRAM_FROM : HISTOGRAM_FROM / 8) ? BP_DEBYE_HISTOGRAM : BP_DEBYE_DIRECT;
	inner = cx->device == BP_CPU && is_optimized(cx, "sinc_sum");
	tables = !(inner && method == BP_DEBYE_HISTOGRAM && nq > TABLES_TO);
	types = tables ? (size_t)p->ntypes * (size_t)nq : 0;
	BP_NEW(d, 1, mem, err);
	BP_NEW(own, 2 * types + (tables ? 2 : 1) * (size_t)nq, mem, err);
	for (int k = 0; k < nq; k++) {
		if (!(q[k] >= 0) || !isfinite(q[k]))
			return BP_FAIL(err, BP_ENUM, NULL, "q %g is no length of a scattering vector", q[k]);
		own[k] = q[k];
		q_max = fmax(q_max, q[k]);
	}
	*d = (struct bp_debye) { .cx = cx, .mem = mem, .p = p, .method = method, .bin = 0.1, .inner = inner, .nq = nq, .q_max = q_max, .q = own };
	if (tables) {
		double *v = own + nq, *s = v + types, *w = s + types;
		bp_amplitudes(v, s, w, p, q, nq);
		d->v = v, d->s = s, d->w = w;
	}
	if (inner && method == BP_DEBYE_HISTOGRAM)
		BP_TRY(bp_grids_new(&d->grids, p, q_max, mem, err));
	*ret = d;
	return BP_OK;
}

static int
upload(struct bp_debye_up *u, const struct bp_debye *d)
{
	const size_t types = (size_t)d->p->ntypes * (size_t)d->nq, n = (size_t)d->p->n;
	const size_t size = d->v ? 2 * (types + (size_t)d->nq) : (size_t)d->nq;
	const void *own, *radius, *atom, *start;

	BP_TRY(bp_dev_upload(d->cx, &own, d->q, size * sizeof *d->q));
	BP_TRY(bp_dev_upload(d->cx, &radius, d->p->radius, n * sizeof *d->p->radius));
	BP_TRY(bp_dev_upload(d->cx, &atom, d->p->atom, n * sizeof *d->p->atom));
	BP_TRY(bp_dev_upload(d->cx, &start, d->p->start, ((size_t)d->p->ntypes + 1) * sizeof *d->p->start));
	*u = (struct bp_debye_up) { .q = own, .radius = radius, .atom = atom, .start = start };
	if (d->v)
		u->v = u->q + d->nq, u->s = u->v + types, u->w = u->s + types;
	return BP_OK;
}

int
bp_debye_have(struct bp_debye_up *up, const struct bp_debye *d)
{
	*up = d->up;
	return up->q ? BP_OK : upload(up, d);
}

static int
bins_within(const struct bp_debye *d, double radius)
{
	return (int)(2 * radius / d->bin) + 4;
}

/* the grid for as many bins as are kept, where it is worth it and the optimized rows are bound */
static int
keep_grid(struct bp_debye *d)
{
	const double step = bp_grid_step(d->bins * d->bin);
	const int points = bp_grid_points(step, d->q_max);
	const size_t types = (size_t)d->p->ntypes;
	struct bp_mark mark = bp_arena_mark(d->mem);
	struct bp_grid *g = &d->up.grid;
	const void *up;
	double *room;

	if (points >= d->nq / 2 || !is_optimized(d->cx, "sinc_sum"))
		return BP_OK;
	BP_NEW(room, 2 * (types + 1) * (size_t)points, d->mem, d->cx->err);
	bp_grid_make(g, d->p, step, d->q_max, room);
	BP_TRY(bp_dev_upload(d->cx, &up, room, 2 * (types + 1) * (size_t)g->n * sizeof *room));
	g->q = up, g->v = g->q + g->n, g->s = g->v + types * (size_t)g->n, g->w = g->s + types * (size_t)g->n;
	bp_arena_release(d->mem, mark);
	return BP_OK;
}

/* what all conformers' sums are made on: the kept grid where the tables have room for them, else the curve's own points */
static struct bp_grid
grid_of(const struct bp_debye *d, const struct bp_debye_up *u, int bins)
{
	return bins <= d->bins && u->grid.n ? u->grid : (struct bp_grid) { .n = d->nq, .q = u->q, .v = u->v, .s = u->s, .w = u->w };
}

int
bp_debye_keep(struct bp_debye *d, double radius)
{
	struct bp_grid g;

	bp_debye_drop(d);
	BP_TRY(upload(&d->up, d));
	if (d->method != BP_DEBYE_HISTOGRAM || d->cx->device == BP_CPU) /* which makes sines faster than it would read them */
		return BP_OK;
	d->bins = bins_within(d, radius);
	BP_TRY(keep_grid(d));
	g = grid_of(d, &d->up, d->bins);
	BP_DEV_NEW(d->up.sums, (size_t)d->bins * (size_t)g.n, d->cx);
	BP_DEV_NEW(d->up.slopes, (size_t)d->bins * (size_t)g.n, d->cx);
	return BP_OP(d->cx, sinc_table, .bins = d->bins, .nq = g.n, .h = d->bin, .q = g.q, .sums = d->up.sums, .slopes = d->up.slopes);
}

void
bp_debye_drop(struct bp_debye *d)
{
	d->up = (struct bp_debye_up) { 0 };
	d->bins = 0;
}

/* the conformers as ops take them */
static struct bp_pairs
pairs(const struct bp_debye_up *u, const struct bp_debye *d, int b, const double *x, const double *a)
{
	return (struct bp_pairs) { .b = b, .n = d->p->n, .ntypes = d->p->ntypes, .start = d->p->start, .x = x, .a = a,
		.start_up = u->start };
}

/* conformer i's bins */
static int
own_bins(const struct bp_conformers *c, int i)
{
	return c->own ? c->own[i] : c->bins;
}

/* conformer i alone, for ops that do not look at x */
static struct bp_pairs
alone(const struct bp_pairs *p, int i)
{
	struct bp_pairs one = *p;

	one.b = 1, one.x = NULL;
	one.a = p->a ? p->a + (size_t)i * (size_t)p->n : NULL;
	return one;
}

/* ---- by way of bins ---- */

/* The grid of a conformer with so many bins of its own, or the curve's own points where that is not worth it. */
static int
own_grid(struct bp_grid *g, const struct bp_debye *d, const struct bp_debye_up *u, int bins)
{
	const double step = bp_grid_step(bins * d->bin);
	const int points = bp_grid_points(step, d->q_max);
	double *room;

	*g = grid_of(d, u, bins);
	if (d->v && points >= d->nq / 2)
		return BP_OK;
	BP_DEV_NEW(room, 2 * ((size_t)d->p->ntypes + 1) * (size_t)points, d->cx);
	*g = (struct bp_grid) { .n = points, .step = step };
	if (!d->cx->dry)
		bp_grid_of(g, d->grids, step, room);
	return BP_OK;
}

/* P [b,BP_PROFILES,nq] of p's conformers from their bins H [b,rows,ld], of which they need `bins`, by way of g */
static int
profiles_of_bins(double *P, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, const struct bp_grid *g,
    const double *H, int bins, int ld)
{
	const int rows = p->b * bp_pair_rows(p);
	double *S, *on_grid = P;

	if (g->step > 0)
		BP_DEV_NEW(on_grid, (size_t)p->b * BP_PROFILES * (size_t)g->n, d->cx);
	BP_DEV_NEW(S, (size_t)rows * (size_t)g->n, d->cx);
	BP_TRY(BP_OP(d->cx, sinc_sum, .rows = rows, .bins = bins, .ld = ld, .nq = g->n, .h = d->bin, .q = g->q, .H = H,
	    .T = bins <= d->bins ? u->sums : NULL, .S = S));
	BP_TRY(BP_OP(d->cx, debye_profiles, .p = *p, .nq = g->n, .S = S, .v = g->v, .s = g->s, .w = g->w, .P = on_grid));
	return on_grid == P ? BP_OK : BP_OP(d->cx, grid_read, .rows = p->b * BP_PROFILES, .n = g->n, .nq = d->nq, .step = g->step,
	    .q = u->q, .on_grid = on_grid, .out = P);
}

/* G [b,rows,g->n]: the derivatives by the sums on g, or on the curve's own points */
static int
weights(double **G, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, const struct bp_grid *g,
    const double *E, const double *solvent, const double *c2)
{
	double *three;

	BP_DEV_NEW(three, (size_t)p->b * 3 * (size_t)g->n, d->cx);
	BP_DEV_NEW(*G, (size_t)p->b * (size_t)bp_pair_rows(p) * (size_t)g->n, d->cx);
	BP_TRY(BP_OP(d->cx, grid_spread, .b = p->b, .n = g->step > 0 ? g->n : 0, .nq = d->nq, .step = g->step, .q = u->q, .E = E, .g = solvent,
	    .out = three));
	return BP_OP(d->cx, debye_weights, .p = *p, .nq = g->n, .E = three, .c2 = c2, .v = g->v, .s = g->s, .w = g->w, .G = *G);
}

/* F [b,rows,bins]: what a pair at each distance adds to the gradient */
static int
force_table(double *F, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, const struct bp_grid *g,
    const double *E, const double *solvent, const double *c2, int bins)
{
	double *G;

	BP_TRY(weights(&G, d, u, p, g, E, solvent, c2));
	return BP_OP(d->cx, sinc_force, .rows = p->b * bp_pair_rows(p), .bins = bins, .nq = g->n, .h = d->bin, .q = g->q, .G = G,
	    .T = bins <= d->bins ? u->slopes : NULL, .ldt = d->bins, .F = F);
}

/* ---- profiles and forces ---- */

/* P from bins where the host looks at how far each conformer's atoms are apart */
static int
profiles_inner(double *P, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, struct bp_conformers *c,
    int bins, const double *H, const double *far)
{
	const size_t rows = (size_t)bp_pair_rows(p);

	c->bins = 0;
	for (int i = 0; i < c->b; i++) {
		const struct bp_pairs one = alone(p, i);
		struct bp_mark mark = bp_dev_mark(d->cx);
		double reach = 2 * c->radius; /* dry, nobody knows the reach */
		struct bp_grid g;
		int own;
		BP_TRY(bp_dev_download(d->cx, &reach, far + i, sizeof reach));
		own = (int)(reach / d->bin) + 4 < bins ? (int)(reach / d->bin) + 4 : bins;
		c->bins = own > c->bins ? own : c->bins;
		if (c->own)
			c->own[i] = own;
		BP_TRY(own_grid(&g, d, u, own));
		BP_TRY(profiles_of_bins(P + (size_t)i * BP_PROFILES * (size_t)d->nq, d, u, &one, &g, H + (size_t)i * rows * (size_t)bins, own, bins));
		bp_dev_release(d->cx, mark);
	}
	return BP_OK;
}

static int
histogram(double *P, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, struct bp_conformers *c)
{
	const size_t rows = (size_t)bp_pair_rows(p);
	struct bp_grid g;
	double *H, *far;
	int bins;

	if (!(2 * c->radius < (MOST_BINS - 4) * d->bin))
		return BP_FAIL(d->cx->err, BP_ENUM, "take method direct",
		    "atoms about %g A apart are too far for a histogram", 2 * c->radius);
	bins = bins_within(d, c->radius);
	BP_DEV_NEW(H, (size_t)c->b * rows * (size_t)bins, d->cx);
	BP_DEV_NEW(far, c->b, d->cx);
	BP_TRY(BP_OP(d->cx, pair_histogram, .p = *p, .bins = bins, .h = d->bin, .H = H, .far = far));
	if (d->inner)
		return profiles_inner(P, d, u, p, c, bins, H, far);
	c->bins = bins; /* nobody waits for the device to hear how far they really are */
	g = grid_of(d, u, bins);
	return profiles_of_bins(P, d, u, p, &g, H, bins, bins);
}

static int
histogram_forces(double *out, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, const struct bp_conformers *c,
    const double *E, const double *g, const double *c2)
{
	const size_t size = (size_t)bp_pair_rows(p) * (size_t)c->bins, nq = (size_t)d->nq;
	struct bp_grid grid = grid_of(d, u, c->bins);
	double *F;

	BP_DEV_NEW(F, (size_t)c->b * size, d->cx);
	if (!d->inner)
		BP_TRY(force_table(F, d, u, p, &grid, E, g, c2, c->bins));
	for (int i = 0; d->inner && i < c->b; i++) {
		const struct bp_pairs one = alone(p, i);
		struct bp_mark mark = bp_dev_mark(d->cx);
		BP_TRY(own_grid(&grid, d, u, own_bins(c, i)));
		BP_TRY(force_table(F + (size_t)i * size, d, u, &one, &grid, E + (size_t)i * nq, g + (size_t)i * nq, c2 + i, c->bins));
		bp_dev_release(d->cx, mark);
	}
	return BP_OP(d->cx, pair_force, .p = *p, .bins = c->bins, .h = d->bin, .F = F, .out = out);
}

int
bp_debye_profiles(double *P, const struct bp_debye *d, struct bp_conformers *c)
{
	struct bp_mark mark = bp_dev_mark(d->cx);
	struct bp_debye_up u;
	struct bp_pairs p;
	double *S;

	BP_TRY(bp_debye_have(&u, d));
	p = pairs(&u, d, c->b, c->x, c->a);
	if (d->method == BP_DEBYE_HISTOGRAM) {
		BP_TRY(histogram(P, d, &u, &p, c));
		bp_dev_release(d->cx, mark);
		return BP_OK;
	}
	BP_DEV_NEW(S, (size_t)c->b * (size_t)bp_pair_rows(&p) * (size_t)d->nq, d->cx);
	if (d->method == BP_DEBYE_QUADRATURE)
		BP_TRY(BP_OP(d->cx, wave_sum, .p = p, .nq = d->nq, .diameter = 2 * c->radius, .q_max = d->q_max, .q = u.q,
		    .S = S));
	else
		BP_TRY(BP_OP(d->cx, pair_sinc, .p = p, .nq = d->nq, .q = u.q, .S = S));
	BP_TRY(BP_OP(d->cx, debye_profiles, .p = p, .nq = d->nq, .S = S, .v = u.v, .s = u.s, .w = u.w, .P = P));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

int
bp_debye_forces(double *out, const struct bp_debye *d, const struct bp_conformers *c, const double *E, const double *g,
    const double *c2)
{
	struct bp_mark mark = bp_dev_mark(d->cx);
	struct bp_debye_up u;
	struct bp_grid points;
	struct bp_pairs p;
	double *G;

	BP_TRY(bp_debye_have(&u, d));
	p = pairs(&u, d, c->b, c->x, c->a);
	if (d->method == BP_DEBYE_HISTOGRAM) {
		BP_TRY(histogram_forces(out, d, &u, &p, c, E, g, c2));
		bp_dev_release(d->cx, mark);
		return BP_OK;
	}
	points = (struct bp_grid) { .n = d->nq, .q = u.q, .v = u.v, .s = u.s, .w = u.w };
	BP_TRY(weights(&G, d, &u, &p, &points, E, g, c2));
	if (d->method == BP_DEBYE_DIRECT)
		BP_TRY(BP_OP(d->cx, pair_sinc_force, .p = p, .nq = d->nq, .q = u.q, .G = G, .out = out));
	else
		BP_TRY(BP_OP(d->cx, wave_force, .p = p, .nq = d->nq, .diameter = 2 * c->radius, .q_max = d->q_max,
		    .q = u.q, .G = G, .out = out));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

int
bp_debye_exposed(double *a, const struct bp_debye *d, int b, const double *x)
{
	struct bp_mark mark = bp_dev_mark(d->cx);
	struct bp_debye_up u;

	BP_TRY(bp_debye_have(&u, d));
	BP_TRY(BP_OP(d->cx, exposed_fraction, .b = b, .n = d->p->n, .x = x, .R = u.radius, .a = a));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

int
bp_debye_moves(double *D, const struct bp_debye *d, const double *x, const double *a, int moves, const int32_t *atom,
    const double *y)
{
	struct bp_mark mark = bp_dev_mark(d->cx);
	const size_t n = (size_t)moves * (size_t)(d->p->ntypes + (a ? 1 : 0)) * (size_t)d->nq;
	const void *xup, *aup = NULL, *yup;
	struct bp_debye_up u;
	struct bp_pairs p;
	double *out;

	if (!d->v)
		return BP_FAIL(d->cx->err, BP_EUSAGE, "take the analytic gradient, or fewer points", "finite_diff_batch: a curve of %d points, at most %d",
		    d->nq, (int)TABLES_TO);
	BP_TRY(bp_debye_have(&u, d));
	BP_TRY(bp_dev_upload(d->cx, &xup, x, 3 * (size_t)d->p->n * sizeof *x));
	if (a)
		BP_TRY(bp_dev_upload(d->cx, &aup, a, (size_t)d->p->n * sizeof *a));
	BP_TRY(bp_dev_upload(d->cx, &yup, y, 3 * (size_t)moves * sizeof *y));
	BP_DEV_NEW(out, n, d->cx);
	p = pairs(&u, d, 1, xup, aup);
	BP_TRY(BP_OP(d->cx, pair_move, .p = p, .nq = d->nq, .moves = moves, .q = u.q, .atom = atom, .y = yup, .D = out));
	BP_TRY(bp_dev_download(d->cx, D, out, n * sizeof *D));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

void
bp_debye_moved(double *P, const struct bp_debye *d, const double *D, int i, const double *a)
{
	const struct bp_particle *p = d->p;
	const size_t nq = (size_t)d->nq;
	double *vv = P, *vs = vv + nq, *ss = vs + nq, *vw = ss + nq, *sw = vw + nq, *ww = sw + nq;
	int own = 0;

	while (i >= p->start[own + 1])
		own++;
	for (int t = 0; t < p->ntypes; t++)
		for (size_t k = 0; k < nq; k++) {
			double vi = d->v[own * nq + k], si = d->s[own * nq + k], v = d->v[t * nq + k],
			       s = d->s[t * nq + k];
			double x = 2 * D[t * nq + k];
			vv[k] += vi * v * x, vs[k] += (vi * s + si * v) * x, ss[k] += si * s * x;
			if (a)
				vw[k] += d->w[k] * a[i] * v * x, sw[k] += d->w[k] * a[i] * s * x;
		}
	for (size_t k = 0; a && k < nq; k++) {
		double x = 2 * d->w[k] * D[p->ntypes * nq + k];
		vw[k] += d->v[own * nq + k] * x, sw[k] += d->s[own * nq + k] * x, ww[k] += d->w[k] * a[i] * x;
	}
}
