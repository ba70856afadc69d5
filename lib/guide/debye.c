/* lib/guide/debye.c */
#include "guide/debye.h"

#include <string.h>

#include "guide/tables.h"
#include "ops/ops.h"
#include "ops/vec.h"

enum { HISTOGRAM_FROM = 512, MOST_BINS = 1 << 20 };

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
	const size_t types = (size_t)p->ntypes * (size_t)nq;
	struct bp_debye *d;
	double *own, *v, *s, *w, q_max = 0;

	*ret = NULL;
	BP_NEW(d, 1, mem, err);
	BP_NEW(own, 2 * (types + (size_t)nq), mem, err);
	v = own + nq, s = v + types, w = s + types;
	for (int k = 0; k < nq; k++) {
		if (!(q[k] >= 0) || !isfinite(q[k]))
			return BP_FAIL(err, BP_ENUM, NULL, "q %g is no length of a scattering vector", q[k]);
		own[k] = q[k];
		for (int t = 0; t < p->ntypes; t++) {
			v[(size_t)t * nq + k] = bp_f_vacuum(p->z[t], p->n_h[t], q[k]);
			s[(size_t)t * nq + k] = bp_f_solvent(p->z[t], p->n_h[t], q[k]);
		}
		w[k] = bp_f_water(q[k]);
		q_max = fmax(q_max, q[k]);
	}
	if (method == BP_DEBYE_AUTO)
		method = p->n >= (cx->device == BP_CPU ? HISTOGRAM_FROM : HISTOGRAM_FROM / 8) ? BP_DEBYE_HISTOGRAM : BP_DEBYE_DIRECT;
	*d = (struct bp_debye) { .cx = cx, .mem = mem, .p = p, .method = method, .bin = 0.1,
		.inner = cx->device == BP_CPU && is_optimized(cx, "sinc_sum"), .nq = nq, .q_max = q_max, .q = own, .v = v, .s = s,
		.w = w };
	*ret = d;
	return BP_OK;
}

static int
upload(struct bp_debye_up *u, const struct bp_debye *d)
{
	const size_t types = (size_t)d->p->ntypes * (size_t)d->nq, n = (size_t)d->p->n;
	const void *own, *radius, *atom, *start;

	BP_TRY(bp_dev_upload(d->cx, &own, d->q, 2 * (types + (size_t)d->nq) * sizeof *d->q));
	BP_TRY(bp_dev_upload(d->cx, &radius, d->p->radius, n * sizeof *d->p->radius));
	BP_TRY(bp_dev_upload(d->cx, &atom, d->p->atom, n * sizeof *d->p->atom));
	BP_TRY(bp_dev_upload(d->cx, &start, d->p->start, ((size_t)d->p->ntypes + 1) * sizeof *d->p->start));
	*u = (struct bp_debye_up) { .q = own, .radius = radius, .atom = atom, .start = start };
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
	const double step = bp_grid_step(d->bins * d->bin), points = d->q_max / step + BP_NODES;
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

/* ---- the inner grid (ops/q_grid.h), each conformer's own where the host looks at how far its atoms are apart ---- */

enum { NODES = BP_NODES, LEFT = BP_LEFT };
typedef double v8d __attribute__((vector_size(64), aligned(8), may_alias));

struct grid {
	int n;         /* points of the grid */
	double *q, *w; /* [n], [nq,NODES] */
	int32_t *at;   /* [nq] */
};

/* g for distances within so many bins; g->n = 0: it would not be worth it */
static int
open_grid(struct grid *g, const struct bp_debye *d, int bins)
{
	const double step = bp_grid_step(bins * d->bin), points = d->q_max / step + NODES;

	*g = (struct grid) { .n = d->inner && points < d->nq / 2 ? (int)points : 0 };
	if (g->n == 0)
		return BP_OK;
	BP_DEV_NEW(g->q, g->n, d->cx);
	BP_DEV_NEW(g->w, (size_t)d->nq * NODES, d->cx);
	BP_DEV_NEW(g->at, d->nq, d->cx);
	for (int k = 0; k < g->n && !d->cx->dry; k++)
		g->q[k] = k * step;
	if (!d->cx->dry)
		bp_grid_weights(g->at, g->w, d->q, d->nq, step);
	return BP_OK;
}

/* S [rows,nq] from on_grid [rows,n], eight rows at once, which lie side by side in buf [n+LEFT,8] */
BP_CLONES static void
from_grid(double *S, const struct grid *g, const double *on_grid, size_t rows, int nq, double *buf)
{
	for (size_t r0 = 0; r0 < rows; r0 += 8, S += 8 * nq, on_grid += 8 * g->n) {
		const size_t nr = rows - r0 < 8 ? rows - r0 : 8;
		for (size_t r = 0; r < nr; r++)
			for (int k = -LEFT; k < g->n; k++)
				buf[8 * (k + LEFT) + r] = on_grid[r * g->n + (k < 0 ? -k : k)];
		for (int k0 = 0; k0 < nq; k0 += 8) {
			const int n = nq - k0 < 8 ? nq - k0 : 8;
			v8d sum[8] = { 0 };
			for (int k = 0; k < n; k++) {
				const double *w = g->w + (size_t)(k0 + k) * NODES;
				const v8d *at = (const v8d *)buf + g->at[k0 + k];
#pragma GCC unroll 8
				for (int i = 0; i < NODES; i++)
					sum[k] += w[i] * at[i];
			}
			for (size_t r = 0; r < nr; r++)
				for (int k = 0; k < n; k++)
					S[r * nq + k0 + k] = ((const double *)sum)[8 * k + r];
		}
	}
}

/* the transposed: on_grid [rows,n] from G [rows,nq] */
BP_CLONES static void
to_grid(double *on_grid, const struct grid *g, const double *G, size_t rows, int nq, double *buf)
{
	for (size_t r = 0; r < rows; r++, G += nq, on_grid += g->n) {
		memset(buf, 0, (size_t)(g->n + LEFT) * sizeof *buf);
		for (int k = 0; k < nq; k++) {
			const double *w = g->w + (size_t)k * NODES, x = G[k];
			double *b = buf + g->at[k];
#pragma omp simd
			for (int i = 0; i < NODES; i++)
				b[i] += w[i] * x;
		}
		memcpy(on_grid, buf + LEFT, (size_t)g->n * sizeof *buf);
		for (int k = 1; k <= LEFT; k++)
			on_grid[k] += buf[LEFT - k];
	}
}

/* S [rows,nq] = sums over the bins of H */
static int
sum_bins(double *S, const struct bp_debye *d, const double *q, const double *H, int rows, int bins, int ld)
{
	struct grid g;
	double *on_grid, *buf;

	BP_TRY(open_grid(&g, d, bins));
	if (g.n == 0)
		return BP_OP(d->cx, sinc_sum, .rows = rows, .bins = bins, .ld = ld, .nq = d->nq, .h = d->bin, .q = q,
		    .H = H, .S = S);
	BP_DEV_NEW(on_grid, (size_t)rows * g.n, d->cx);
	BP_DEV_NEW(buf, 8 * (g.n + LEFT), d->cx);
	BP_TRY(BP_OP(d->cx, sinc_sum, .rows = rows, .bins = bins, .ld = ld, .nq = g.n, .h = d->bin, .q = g.q, .H = H,
	    .S = on_grid));
	if (!d->cx->dry)
		from_grid(S, &g, on_grid, (size_t)rows, d->nq, buf);
	return BP_OK;
}

/* F [rows,bins]: what a pair at each distance adds to the gradient of a conformer with so many bins of its own */
static int
force_table(double *F, const struct bp_debye *d, const double *q, const double *G, int rows, int bins, int own)
{
	struct grid g;
	double *on_grid, *buf;

	BP_TRY(open_grid(&g, d, own));
	if (g.n == 0)
		return BP_OP(
		    d->cx, sinc_force, .rows = rows, .bins = bins, .nq = d->nq, .h = d->bin, .q = q, .G = G, .F = F);
	BP_DEV_NEW(on_grid, (size_t)rows * g.n, d->cx);
	BP_DEV_NEW(buf, g.n + LEFT, d->cx);
	if (!d->cx->dry)
		to_grid(on_grid, &g, G, (size_t)rows, d->nq, buf);
	return BP_OP(
	    d->cx, sinc_force, .rows = rows, .bins = bins, .nq = g.n, .h = d->bin, .q = g.q, .G = on_grid, .F = F);
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

static int
histogram(double *S, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, struct bp_conformers *c)
{
	const size_t rows = (size_t)bp_pair_rows(p);
	double *H, *far, reach = 2 * c->radius; /* dry, nobody knows the reach */
	int bins;

	if (!(2 * c->radius < (MOST_BINS - 4) * d->bin))
		return BP_FAIL(d->cx->err, BP_ENUM, "take method direct",
		    "atoms about %g A apart are too far for a histogram", 2 * c->radius);
	bins = bins_within(d, c->radius);
	BP_DEV_NEW(H, (size_t)c->b * rows * (size_t)bins, d->cx);
	BP_DEV_NEW(far, c->b, d->cx);
	BP_TRY(BP_OP(d->cx, pair_histogram, .p = *p, .bins = bins, .h = d->bin, .H = H, .far = far));
	if (!d->inner) { /* nobody waits for the device to hear how far they really are */
		c->bins = bins;
		return BP_OP(d->cx, sinc_sum, .rows = c->b * (int)rows, .bins = bins, .ld = bins, .nq = grid_of(d, c).n ? grid_of(d, c).n : d->nq,
		    .h = d->bin, .q = bins <= d->bins ? u->table_q : u->q, .H = H, .T = bins <= d->bins ? u->sums : NULL, .S = S);
	}
	c->bins = 0;
	for (int i = 0; i < c->b; i++) {
		struct bp_mark mark = bp_dev_mark(d->cx);
		int own;
		BP_TRY(bp_dev_download(d->cx, &reach, far + i, sizeof reach));
		own = (int)(reach / d->bin) + 4 < bins ? (int)(reach / d->bin) + 4 : bins;
		c->bins = own > c->bins ? own : c->bins;
		if (c->own)
			c->own[i] = own;
		BP_TRY(sum_bins(S + (size_t)i * rows * (size_t)d->nq, d, u->q, H + (size_t)i * rows * (size_t)bins,
		    (int)rows, own, bins));
		bp_dev_release(d->cx, mark);
	}
	return BP_OK;
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
	BP_DEV_NEW(S, (size_t)c->b * (size_t)bp_pair_rows(&p) * (size_t)d->nq, d->cx);
	if (d->method == BP_DEBYE_HISTOGRAM)
		BP_TRY(histogram(S, d, &u, &p, c));
	else if (d->method == BP_DEBYE_QUADRATURE)
		BP_TRY(BP_OP(d->cx, wave_sum, .p = p, .nq = d->nq, .diameter = 2 * c->radius, .q_max = d->q_max, .q = u.q,
		    .S = S));
	else
		BP_TRY(BP_OP(d->cx, pair_sinc, .p = p, .nq = d->nq, .q = u.q, .S = S));
	BP_TRY(BP_OP(d->cx, debye_profiles, .p = p, .nq = d->nq, .grid = grid_of(d, c), .S = S, .v = u.v, .s = u.s, .w = u.w, .P = P));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

/* out [b,n,3] from the tables G of all conformers */
static int
histogram_forces(double *out, const struct bp_debye *d, const struct bp_debye_up *u, const struct bp_pairs *p, const double *G,
    const struct bp_conformers *c)
{
	const size_t rows = (size_t)bp_pair_rows(p);
	double *F;

	BP_DEV_NEW(F, (size_t)c->b * rows * (size_t)c->bins, d->cx);
	if (!d->inner)
		BP_TRY(BP_OP(d->cx, sinc_force, .rows = c->b * (int)rows, .bins = c->bins, .nq = grid_of(d, c).n ? grid_of(d, c).n : d->nq,
		    .h = d->bin, .q = c->bins <= d->bins ? u->table_q : u->q, .G = G, .T = c->bins <= d->bins ? u->slopes : NULL,
		    .ldt = d->bins, .F = F));
	for (int i = 0; d->inner && i < c->b; i++) {
		struct bp_mark own = bp_dev_mark(d->cx);
		BP_TRY(force_table(F + (size_t)i * rows * (size_t)c->bins, d, u->q, G + (size_t)i * rows * (size_t)d->nq,
		    (int)rows, c->bins, own_bins(c, i)));
		bp_dev_release(d->cx, own);
	}
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
