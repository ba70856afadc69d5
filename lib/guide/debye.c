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

/* the points of q that the kept tables are for */
static int
kept_points(const struct bp_debye *d)
{
	return d->up.grid.n ? d->up.grid.n : d->nq;
}

/* the inner grid for as many bins as are kept, where it is worth it and the optimized rows are bound */
static int
keep_grid(struct bp_debye *d)
{
	const double step = bp_q_grid_step(d->bins * d->bin), points = d->q_max / step + BP_NODES;
	const size_t n = (size_t)points, nq = (size_t)d->nq, all = nq * BP_NODES;
	struct bp_mark mark = bp_arena_mark(d->mem);
	struct bp_q_grid *g = &d->up.grid;
	const void *numbers, *places;
	int32_t *at;
	double *w;

	d->up.table_q = d->up.q;
	if (!(points < d->nq / 2) || !is_optimized(d->cx, "sinc_sum"))
		return BP_OK;
	BP_NEW(w, n + 2 * all, d->mem, d->cx->err); /* q, w, back */
	BP_NEW(at, nq + n + 1 + all, d->mem, d->cx->err); /* at, first, from */
	for (size_t k = 0; k < n; k++)
		w[k] = (double)k * step;
	bp_grid_weights(at, w + n, d->q, d->nq, step);
	bp_grid_transpose(at + nq, at + nq + n + 1, w + n + all, (int)n, d->nq, at, w + n);
	BP_TRY(bp_dev_upload(d->cx, &numbers, w, (n + 2 * all) * sizeof *w));
	BP_TRY(bp_dev_upload(d->cx, &places, at, (nq + n + 1 + all) * sizeof *at));
	*g = (struct bp_q_grid) { .n = (int)n, .at = places, .w = (const double *)numbers + n };
	g->first = g->at + nq, g->from = g->first + n + 1, g->back = g->w + all;
	d->up.table_q = numbers;
	bp_arena_release(d->mem, mark);
	return BP_OK;
}

int
bp_debye_keep(struct bp_debye *d, double radius)
{
	bp_debye_drop(d);
	BP_TRY(upload(&d->up, d));
	if (d->method != BP_DEBYE_HISTOGRAM || d->cx->device == BP_CPU) /* which makes sines faster than it would read them */
		return BP_OK;
	d->bins = bins_within(d, radius);
	BP_TRY(keep_grid(d));
	BP_DEV_NEW(d->up.sums, (size_t)d->bins * (size_t)kept_points(d), d->cx);
	BP_DEV_NEW(d->up.slopes, (size_t)d->bins * (size_t)kept_points(d), d->cx);
	return BP_OP(d->cx, sinc_table, .bins = d->bins, .nq = kept_points(d), .h = d->bin, .q = d->up.table_q, .sums = d->up.sums,
	    .slopes = d->up.slopes);
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

/* what conformers' sums are made on, which is known after their histogram: the kept grid if the tables have room for them, else none */
static struct bp_q_grid
grid_of(const struct bp_debye *d, const struct bp_conformers *c)
{
	return c->bins <= d->bins && !d->inner ? d->up.grid : (struct bp_q_grid) { 0 };
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

/* ---- the inner grid (grid.h) ---- */

/* g for distances within so many bins, and room for grid_read and grid_spread; g->n = 0: it would not be worth it */
static int
open_grid(struct bp_grid *g, double **room, const struct bp_debye *d, int bins)
{
	const double reach = bins * d->bin;
	const size_t points = (size_t)bp_grid_points(d->grids, reach);
	double *own;

	*g = (struct bp_grid) { 0 };
	if (d->v && points >= (size_t)d->nq / 2)
		return BP_OK;
	BP_DEV_NEW(own, 2 * ((size_t)d->p->ntypes + 1) * points, d->cx);
	BP_DEV_NEW(*room, 8 * (points + 8), d->cx);
	g->n = (int)points;
	if (!d->cx->dry)
		bp_grid_of(g, d->grids, reach, own);
	return BP_OK;
}

/* P [BP_PROFILES,nq] of a conformer from its bins H [rows,bins], of which it needs `own` */
static int
profiles_of_bins(double *P, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *one, const double *H,
    int bins, int own)
{
	const int rows = bp_pair_rows(one);
	struct bp_mark mark = bp_dev_mark(d->cx);
	struct bp_grid g;
	double *room, *S, *on_grid = P;

	BP_TRY(open_grid(&g, &room, d, own));
	if (g.n == 0)
		g = (struct bp_grid) { .n = d->nq, .q = u->q, .v = u->v, .s = u->s, .w = u->w };
	else
		BP_DEV_NEW(on_grid, BP_PROFILES * (size_t)g.n, d->cx);
	BP_DEV_NEW(S, (size_t)rows * (size_t)g.n, d->cx);
	BP_TRY(BP_OP(d->cx, sinc_sum, .rows = rows, .bins = own, .ld = bins, .nq = g.n, .h = d->bin, .q = g.q, .H = H, .S = S));
	BP_TRY(BP_OP(d->cx, debye_profiles, .p = *one, .nq = g.n, .S = S, .v = g.v, .s = g.s, .w = g.w, .P = on_grid));
	if (on_grid != P && !d->cx->dry)
		bp_grid_read(P, &g, on_grid, BP_PROFILES, u->q, d->nq, room);
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

/* G [rows,n] of debye_weights.h on the grid, from E, E g and E g^2 there */
static void
weights_on_grid(double *G, const struct bp_grid *g, const struct bp_pairs *one, const double *on_grid, double c2)
{
	const size_t n = (size_t)g->n;
	const double *e0 = on_grid, *e1 = e0 + n, *e2 = e1 + n;

	for (int i = 0; i < one->ntypes; i++) {
		const double *vi = g->v + (size_t)i * n, *si = g->s + (size_t)i * n;
		for (int j = i; j < one->ntypes; j++) {
			const double *vj = g->v + (size_t)j * n, *sj = g->s + (size_t)j * n;
			double *out = G + (size_t)bp_pair_row(one, i, j) * n;
			for (size_t k = 0; k < n; k++)
				out[k] = 2 * (e0[k] * vi[k] * vj[k] - e1[k] * (vi[k] * sj[k] + si[k] * vj[k]) + e2[k] * si[k] * sj[k]);
		}
		for (size_t k = 0; one->a && k < n; k++)
			G[(size_t)bp_layer_row(one, i) * n + k] = 2 * c2 * g->w[k] * (e0[k] * vi[k] - e1[k] * si[k]);
	}
	for (size_t k = 0; one->a && k < n; k++)
		G[(size_t)bp_layer_row(one, one->ntypes) * n + k] = 2 * c2 * c2 * g->w[k] * g->w[k] * e0[k];
}

/* F [rows,bins]: what a pair at each distance adds to the gradient of a conformer with so many bins of its own */
static int
force_table(double *F, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *one, const double *E,
    const double *solvent, const double *c2, int bins, int own)
{
	const int rows = bp_pair_rows(one);
	struct bp_mark mark = bp_dev_mark(d->cx);
	struct bp_grid g;
	double *room, *on_grid, *G;

	BP_TRY(open_grid(&g, &room, d, own));
	BP_DEV_NEW(on_grid, 3 * (size_t)g.n + 1, d->cx);
	if (g.n == 0) {
		g = (struct bp_grid) { .n = d->nq, .q = u->q };
		BP_DEV_NEW(G, (size_t)rows * (size_t)g.n, d->cx);
		BP_TRY(BP_OP(d->cx, debye_weights, .p = *one, .nq = d->nq, .E = E, .g = solvent, .c2 = c2, .v = u->v, .s = u->s,
		    .w = u->w, .G = G));
	} else {
		BP_DEV_NEW(G, (size_t)rows * (size_t)g.n, d->cx);
		if (!d->cx->dry) {
			bp_grid_spread(on_grid, &g, E, solvent, u->q, d->nq, room);
			weights_on_grid(G, &g, one, on_grid, *c2);
		}
	}
	BP_TRY(BP_OP(d->cx, sinc_force, .rows = rows, .bins = bins, .nq = g.n, .h = d->bin, .q = g.q, .G = G, .F = F));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

/* ---- profiles and forces ---- */

/* P from bins: each conformer's by its own way, on the host */
static int
histogram_inner(double *P, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, struct bp_conformers *c,
    int bins, const double *H, const double *far)
{
	const size_t rows = (size_t)bp_pair_rows(p);

	c->bins = 0;
	for (int i = 0; i < c->b; i++) {
		const struct bp_pairs one = alone(p, i);
		double reach = 2 * c->radius; /* dry, nobody knows the reach */
		int own;
		BP_TRY(bp_dev_download(d->cx, &reach, far + i, sizeof reach));
		own = (int)(reach / d->bin) + 4 < bins ? (int)(reach / d->bin) + 4 : bins;
		c->bins = own > c->bins ? own : c->bins;
		if (c->own)
			c->own[i] = own;
		BP_TRY(profiles_of_bins(P + (size_t)i * BP_PROFILES * (size_t)d->nq, d, u, &one, H + (size_t)i * rows * (size_t)bins, bins, own));
	}
	return BP_OK;
}

static int
histogram(double *P, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, struct bp_conformers *c)
{
	const size_t rows = (size_t)bp_pair_rows(p);
	struct bp_q_grid grid;
	double *H, *far, *S;
	int bins, points;

	if (!(2 * c->radius < (MOST_BINS - 4) * d->bin))
		return BP_FAIL(d->cx->err, BP_ENUM, "take method direct",
		    "atoms about %g A apart are too far for a histogram", 2 * c->radius);
	bins = bins_within(d, c->radius);
	BP_DEV_NEW(H, (size_t)c->b * rows * (size_t)bins, d->cx);
	BP_DEV_NEW(far, c->b, d->cx);
	BP_TRY(BP_OP(d->cx, pair_histogram, .p = *p, .bins = bins, .h = d->bin, .H = H, .far = far));
	if (d->inner)
		return histogram_inner(P, d, u, p, c, bins, H, far);
	c->bins = bins; /* nobody waits for the device to hear how far they really are */
	grid = grid_of(d, c);
	points = grid.n ? grid.n : d->nq;
	BP_DEV_NEW(S, (size_t)c->b * rows * (size_t)points, d->cx);
	BP_TRY(BP_OP(d->cx, sinc_sum, .rows = c->b * (int)rows, .bins = bins, .ld = bins, .nq = points, .h = d->bin,
	    .q = grid.n ? u->table_q : u->q, .H = H, .T = bins <= d->bins ? u->sums : NULL, .S = S));
	return BP_OP(d->cx, debye_profiles, .p = *p, .nq = d->nq, .grid = grid, .S = S, .v = u->v, .s = u->s, .w = u->w, .P = P);
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
	BP_TRY(BP_OP(d->cx, debye_profiles, .p = p, .nq = d->nq, .grid = grid_of(d, c), .S = S, .v = u.v, .s = u.s, .w = u.w, .P = P));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

/* out [b,n,3] by way of the bins */
static int
forces_inner(double *out, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, const struct bp_conformers *c,
    const double *E, const double *g, const double *c2)
{
	const size_t rows = (size_t)bp_pair_rows(p), nq = (size_t)d->nq;
	double *F;

	BP_DEV_NEW(F, (size_t)c->b * rows * (size_t)c->bins, d->cx);
	for (int i = 0; i < c->b; i++) {
		const struct bp_pairs one = alone(p, i);
		BP_TRY(force_table(F + (size_t)i * rows * (size_t)c->bins, d, u, &one, E + (size_t)i * nq, g + (size_t)i * nq, c2 + i, c->bins,
		    own_bins(c, i)));
	}
	return BP_OP(d->cx, pair_force, .p = *p, .bins = c->bins, .h = d->bin, .F = F, .out = out);
}

/* out [b,n,3] from the tables G of all conformers */
static int
histogram_forces(double *out, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, const double *G,
    const struct bp_conformers *c)
{
	const struct bp_q_grid grid = grid_of(d, c);
	const size_t rows = (size_t)bp_pair_rows(p);
	double *F;

	BP_DEV_NEW(F, (size_t)c->b * rows * (size_t)c->bins, d->cx);
	BP_TRY(BP_OP(d->cx, sinc_force, .rows = c->b * (int)rows, .bins = c->bins, .nq = grid.n ? grid.n : d->nq, .h = d->bin,
	    .q = grid.n ? u->table_q : u->q, .G = G, .T = c->bins <= d->bins ? u->slopes : NULL, .ldt = d->bins, .F = F));
	return BP_OP(d->cx, pair_force, .p = *p, .bins = c->bins, .h = d->bin, .F = F, .out = out);
}

int
bp_debye_forces(double *out, const struct bp_debye *d, const struct bp_conformers *c, const double *E, const double *g,
    const double *c2)
{
	struct bp_mark mark = bp_dev_mark(d->cx);
	struct bp_debye_up u;
	struct bp_pairs p;
	double *G;

	BP_TRY(bp_debye_have(&u, d));
	p = pairs(&u, d, c->b, c->x, c->a);
	if (d->method == BP_DEBYE_HISTOGRAM && d->inner) {
		BP_TRY(forces_inner(out, d, &u, &p, c, E, g, c2));
		bp_dev_release(d->cx, mark);
		return BP_OK;
	}
	BP_DEV_NEW(G, (size_t)c->b * (size_t)bp_pair_rows(&p) * (size_t)d->nq, d->cx);
	BP_TRY(BP_OP(d->cx, debye_weights, .p = p, .nq = d->nq, .grid = grid_of(d, c), .E = E, .g = g, .c2 = c2, .v = u.v, .s = u.s, .w = u.w,
	    .G = G));
	if (d->method == BP_DEBYE_DIRECT)
		BP_TRY(BP_OP(d->cx, pair_sinc_force, .p = p, .nq = d->nq, .q = u.q, .G = G, .out = out));
	else if (d->method == BP_DEBYE_QUADRATURE)
		BP_TRY(BP_OP(d->cx, wave_force, .p = p, .nq = d->nq, .diameter = 2 * c->radius, .q_max = d->q_max,
		    .q = u.q, .G = G, .out = out));
	else
		BP_TRY(histogram_forces(out, d, &u, &p, G, c));
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
