/* lib/guide/debye.c */
#include "guide/debye.h"

#include <string.h>

#include "guide/tables.h"
#include "ops/ops.h"

enum { HISTOGRAM_FROM = 512, MOST_BINS = 1 << 20 };

int
bp_debye_open(struct bp_debye **ret, struct bp_ctx *cx, const struct bp_particle *p, const double *q, int nq,
    enum bp_debye_method method, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_debye *d;
	double *v, *s, *w, q_max = 0;

	*ret = NULL;
	BP_NEW(d, 1, mem, err);
	BP_NEW(v, (size_t)p->ntypes * nq, mem, err);
	BP_NEW(s, (size_t)p->ntypes * nq, mem, err);
	BP_NEW(w, nq, mem, err);
	for (int k = 0; k < nq; k++) {
		if (!(q[k] >= 0) || !isfinite(q[k]))
			return BP_FAIL(err, BP_ENUM, NULL, "q %g is no length of a scattering vector", q[k]);
		for (int t = 0; t < p->ntypes; t++) {
			v[(size_t)t * nq + k] = bp_f_vacuum(p->z[t], p->n_h[t], q[k]);
			s[(size_t)t * nq + k] = bp_f_solvent(p->z[t], p->n_h[t], q[k]);
		}
		w[k] = bp_f_water(q[k]);
		q_max = fmax(q_max, q[k]);
	}
	if (method == BP_DEBYE_AUTO)
		method = p->n >= HISTOGRAM_FROM ? BP_DEBYE_HISTOGRAM : BP_DEBYE_DIRECT;
	*d = (struct bp_debye) { cx, p, method, 0.1, nq, q, q_max, v, s, w };
	*ret = d;
	return BP_OK;
}

/* the conformers on the device */
static int
pairs(struct bp_pairs *p, const double **q, const struct bp_debye *d, int b, const double *x, const double *a)
{
	const size_t n = (size_t)b * d->p->n;
	const void *up;

	*p = (struct bp_pairs) { .b = b, .n = d->p->n, .ntypes = d->p->ntypes, .start = d->p->start };
	BP_TRY(bp_dev_upload(d->cx, &up, x, 3 * n * sizeof *x));
	p->x = up;
	if (a) {
		BP_TRY(bp_dev_upload(d->cx, &up, a, n * sizeof *a));
		p->a = up;
	}
	BP_TRY(bp_dev_upload(d->cx, &up, d->q, (size_t)d->nq * sizeof *d->q));
	*q = up;
	return BP_OK;
}

static int
histogram(double *S, const struct bp_debye *d, const struct bp_pairs *p, const double *q, struct bp_conformers *c)
{
	const int rows = bp_pair_rows(p);
	double *H, *far, reach = 2 * c->radius, most = 0; /* dry, nobody knows the reach */
	int bins;

	if (!(2 * c->radius < (MOST_BINS - 4) * d->bin))
		return BP_FAIL(d->cx->err, BP_ENUM, "take method direct",
		    "atoms about %g A apart are too far for a histogram", 2 * c->radius);
	bins = (int)(2 * c->radius / d->bin) + 4;
	BP_DEV_NEW(H, (size_t)c->b * rows * bins, d->cx);
	BP_DEV_NEW(far, c->b, d->cx);
	BP_TRY(BP_OP(d->cx, pair_histogram, .p = *p, .bins = bins, .h = d->bin, .H = H, .far = far));
	for (int b = 0; b < c->b; b++) {
		BP_TRY(bp_dev_download(d->cx, &reach, far + b, sizeof reach));
		most = fmax(most, reach);
	}
	c->bins = (int)(most / d->bin) + 4 < bins ? (int)(most / d->bin) + 4 : bins;
	return BP_OP(d->cx, sinc_sum, .rows = c->b * rows, .bins = c->bins, .ld = bins, .nq = d->nq, .h = d->bin,
	    .q = q, .H = H, .S = S);
}

int
bp_debye_sums(double *S, const struct bp_debye *d, struct bp_conformers *c)
{
	struct bp_mark mark = bp_dev_mark(d->cx);
	struct bp_pairs p;
	const double *q;
	double *sums;
	size_t n;

	BP_TRY(pairs(&p, &q, d, c->b, c->x, c->a));
	n = (size_t)c->b * bp_pair_rows(&p) * d->nq;
	BP_DEV_NEW(sums, n, d->cx);
	if (d->method == BP_DEBYE_HISTOGRAM)
		BP_TRY(histogram(sums, d, &p, q, c));
	else if (d->method == BP_DEBYE_QUADRATURE)
		BP_TRY(BP_OP(d->cx, wave_sum, .p = p, .nq = d->nq, .diameter = 2 * c->radius, .q_max = d->q_max, .q = q,
		    .S = sums));
	else
		BP_TRY(BP_OP(d->cx, pair_sinc, .p = p, .nq = d->nq, .q = q, .S = sums));
	BP_TRY(bp_dev_download(d->cx, S, sums, n * sizeof *S));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

int
bp_debye_forces(double *out, const struct bp_debye *d, const struct bp_conformers *c, const double *G)
{
	struct bp_mark mark = bp_dev_mark(d->cx);
	double *F, *grad;
	struct bp_pairs p;
	const double *q;
	const void *g;
	size_t rows;

	BP_TRY(pairs(&p, &q, d, c->b, c->x, c->a));
	rows = (size_t)c->b * bp_pair_rows(&p);
	BP_TRY(bp_dev_upload(d->cx, &g, G, rows * d->nq * sizeof *G));
	BP_DEV_NEW(grad, 3 * (size_t)c->b * p.n, d->cx);
	if (d->method == BP_DEBYE_DIRECT) {
		BP_TRY(BP_OP(d->cx, pair_sinc_force, .p = p, .nq = d->nq, .q = q, .G = g, .out = grad));
	} else if (d->method == BP_DEBYE_QUADRATURE) {
		BP_TRY(BP_OP(d->cx, wave_force, .p = p, .nq = d->nq, .diameter = 2 * c->radius, .q_max = d->q_max,
		    .q = q, .G = g, .out = grad));
	} else {
		BP_DEV_NEW(F, rows * c->bins, d->cx);
		BP_TRY(BP_OP(d->cx, sinc_force, .rows = (int)rows, .bins = c->bins, .nq = d->nq, .h = d->bin, .q = q,
		    .G = g, .F = F));
		BP_TRY(BP_OP(d->cx, pair_force, .p = p, .bins = c->bins, .h = d->bin, .F = F, .out = grad));
	}
	BP_TRY(bp_dev_download(d->cx, out, grad, 3 * (size_t)c->b * p.n * sizeof *out));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

int
bp_debye_exposed(double *a, const struct bp_debye *d, int b, const double *x)
{
	struct bp_mark mark = bp_dev_mark(d->cx);
	const size_t n = (size_t)b * d->p->n;
	const void *up, *R;
	double *out;

	BP_TRY(bp_dev_upload(d->cx, &up, x, 3 * n * sizeof *x));
	BP_TRY(bp_dev_upload(d->cx, &R, d->p->radius, (size_t)d->p->n * sizeof(double)));
	BP_DEV_NEW(out, n, d->cx);
	BP_TRY(BP_OP(d->cx, exposed_fraction, .b = b, .n = d->p->n, .x = up, .R = R, .a = out));
	BP_TRY(bp_dev_download(d->cx, a, out, n * sizeof *a));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

int
bp_debye_moves(double *D, const struct bp_debye *d, const double *x, const double *a, int moves, const int32_t *atom,
    const double *y)
{
	struct bp_mark mark = bp_dev_mark(d->cx);
	const size_t n = (size_t)moves * (d->p->ntypes + (a ? 1 : 0)) * d->nq;
	struct bp_pairs p;
	const double *q;
	const void *up;
	double *out;

	BP_TRY(pairs(&p, &q, d, 1, x, a));
	BP_TRY(bp_dev_upload(d->cx, &up, y, 3 * (size_t)moves * sizeof *y));
	BP_DEV_NEW(out, n, d->cx);
	BP_TRY(BP_OP(d->cx, pair_move, .p = p, .nq = d->nq, .moves = moves, .q = q, .atom = atom, .y = up, .D = out));
	BP_TRY(bp_dev_download(d->cx, D, out, n * sizeof *D));
	bp_dev_release(d->cx, mark);
	return BP_OK;
}

void
bp_debye_profiles(double *P, const struct bp_debye *d, const double *S, const double *a)
{
	const struct bp_particle *p = d->p;
	const struct bp_pairs shape = { 1, p->n, p->ntypes, p->start, NULL, a };
	const size_t nq = (size_t)d->nq;
	double *vv = P, *vs = vv + nq, *ss = vs + nq, *vw = ss + nq, *sw = vw + nq, *ww = sw + nq;

	memset(P, 0, BP_PROFILES * nq * sizeof *P);
	for (int i = 0; i < p->ntypes; i++)
		for (int j = i; j < p->ntypes; j++) {
			const double *vi = d->v + i * nq, *vj = d->v + j * nq, *si = d->s + i * nq, *sj = d->s + j * nq;
			const double *sum = S + bp_pair_row(&shape, i, j) * nq;
			double own = i == j ? 0.5 * (p->start[i + 1] - p->start[i]) : 0;
			for (size_t k = 0; k < nq; k++) {
				double x = 2 * (sum[k] + own);
				vv[k] += vi[k] * vj[k] * x;
				vs[k] += (vi[k] * sj[k] + vj[k] * si[k]) * x;
				ss[k] += si[k] * sj[k] * x;
			}
		}
	for (int t = 0; a && t <= p->ntypes; t++) {
		const double *sum = S + bp_layer_row(&shape, t) * nq;
		double own = 0;
		for (int i = t < p->ntypes ? p->start[t] : 0; i < (t < p->ntypes ? p->start[t + 1] : p->n); i++)
			own += t < p->ntypes ? a[i] : 0.5 * a[i] * a[i];
		for (size_t k = 0; k < nq; k++) {
			double x = 2 * d->w[k] * (sum[k] + own);
			if (t < p->ntypes)
				vw[k] += d->v[t * nq + k] * x, sw[k] += d->s[t * nq + k] * x;
			else
				ww[k] = d->w[k] * x;
		}
	}
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

void
bp_debye_weights(double *G, const struct bp_debye *d, const double *E, const double *g, double c2, bool layer)
{
	const struct bp_particle *p = d->p;
	const struct bp_pairs shape = { 1, p->n, p->ntypes, p->start, NULL, NULL };
	const size_t nq = (size_t)d->nq;

	for (int i = 0; i < p->ntypes; i++)
		for (int j = i; j < p->ntypes; j++) {
			double *out = G + bp_pair_row(&shape, i, j) * nq;
			for (size_t k = 0; k < nq; k++)
				out[k] = 2 * E[k] * (d->v[i * nq + k] - g[k] * d->s[i * nq + k])
				    * (d->v[j * nq + k] - g[k] * d->s[j * nq + k]);
		}
	for (int t = 0; layer && t <= p->ntypes; t++) {
		double *out = G + bp_layer_row(&shape, t) * nq;
		for (size_t k = 0; k < nq; k++)
			out[k] = 2 * E[k] * c2 * d->w[k]
			    * (t < p->ntypes ? d->v[t * nq + k] - g[k] * d->s[t * nq + k] : c2 * d->w[k]);
	}
}
