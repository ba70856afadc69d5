/* lib/guide/guinier.c: ln I = ln I0 - q^2 Rg^2 / 3 at small q; declared in curve.h. The scan of intervals follows
 * freesas' auto_guinier in spirit (https://github.com/kif/freesas). Fits come from running sums, with x = q^2 and y =
 * ln I counted from an interval's first row. */
#include <math.h>
#include <string.h>

#include "guide/curve.h"

enum { MIN_POINTS = 10, MIN_FIXED = 5, STARTS = 30 };

struct scan {
	int n;                 /* rows with I > 0                                      */
	double *q, *x, *y, *w; /* [n]: q, q^2, ln I, (I / sigma)^2                     */
	int top, end;          /* rows of the scan                                     */
	double qrg_max;
};

/* running sums of an interval, weighted (w) and not (u) */
struct sums {
	double w, wx, wy, wxx, wxy, wyy, n, x, y, xx, xy, yy;
};

struct fit {
	double rg, rg_sigma, i0, i0_sigma, score;
};

static void
add(struct sums *s, double x, double y, double w)
{
	s->w += w, s->wx += w * x, s->wy += w * y, s->wxx += w * x * x, s->wxy += w * x * y, s->wyy += w * y * y;
	s->n += 1, s->x += x, s->y += y, s->xx += x * x, s->xy += x * y, s->yy += y * y;
}

/* the interval from row a to row e, whose sums are s; false: it does not qualify */
static bool
fit_interval(struct fit *f, const struct scan *c, const struct sums *s, int a, int e)
{
	double det = s->w * s->wxx - s->wx * s->wx, slope = (s->w * s->wxy - s->wx * s->wy) / det;
	double icpt = (s->wxx * s->wy - s->wx * s->wxy) / det, rms, chi2, spread, at0;

	if (!(slope < 0) || !isfinite(slope))
		return false;
	f->rg = sqrt(-3 * slope);
	if (!(c->q[e] * f->rg <= c->qrg_max) || !(c->q[a] * f->rg <= 1))
		return false;
	/* sums of (y - icpt - slope x)^2; a line without noise would have the rounding errors for residuals */
	rms = s->yy + s->n * icpt * icpt + slope * slope * s->xx - 2 * icpt * s->y - 2 * slope * s->xy
	    + 2 * icpt * slope * s->x;
	rms = sqrt(fmax(rms / s->n, 1e-14));
	chi2 = s->wyy + s->w * icpt * icpt + slope * slope * s->wxx - 2 * icpt * s->wy - 2 * slope * s->wxy
	    + 2 * icpt * slope * s->wx;
	spread = fmax(1, chi2 / (s->n - 2));
	at0 = icpt + c->y[a] - slope * c->x[a]; /* ln I0: the line was counted from row a */
	f->i0 = exp(at0);
	f->rg_sigma = 1.5 * sqrt(s->w / det * spread) / f->rg;
	f->i0_sigma = f->i0 * sqrt((s->wxx + 2 * c->x[a] * s->wx + c->x[a] * c->x[a] * s->w) / det * spread);
	f->score = (c->q[e] - c->q[a]) * f->rg / rms;
	return isfinite(f->rg_sigma) && isfinite(f->i0_sigma) && isfinite(f->score);
}

/* call visit for every interval of rows first .. last that qualifies */
static void
visit_intervals(
    const struct scan *c, int first, int last, void (*visit)(void *, int, int, const struct fit *), void *arg)
{
	for (int a = first; a < c->top + STARTS && a < c->end - MIN_POINTS; a++) {
		struct sums s = { 0 };
		struct fit f;
		for (int e = a; e <= last; e++) {
			add(&s, c->x[e] - c->x[a], c->y[e] - c->y[a], c->w[e]);
			if (e - a >= MIN_POINTS - 1 && fit_interval(&f, c, &s, a, e))
				visit(arg, a, e, &f);
		}
	}
}

struct scores {
	double *end, *start; /* [n] sums of scores */
	int *ends, *starts;  /* [n] intervals      */
	int intervals;
};

static void
score(void *arg, int a, int e, const struct fit *f)
{
	struct scores *s = arg;

	s->end[e] += f->score, s->ends[e]++;
	s->start[a] += f->score, s->starts[a]++;
	s->intervals++;
}

struct mean {
	double wr, r, rr, wi, i, ii, best_r, best_i;
	int n;
};

static void
average(void *arg, int a, int e, const struct fit *f)
{
	struct mean *m = arg;
	double wr = 1 / (f->rg_sigma * f->rg_sigma), wi = 1 / (f->i0_sigma * f->i0_sigma);

	(void)a, (void)e;
	if (m->n++ == 0)
		m->rr = f->rg, m->ii = f->i0; /* what the sums below are counted from */
	m->wr += wr, m->r += wr * (f->rg - m->rr);
	m->wi += wi, m->i += wi * (f->i0 - m->ii);
	m->best_r = fmax(m->best_r, wr), m->best_i = fmax(m->best_i, wi);
}

struct spread {
	double rg, i0, r, i;
};

static void
deviate(void *arg, int a, int e, const struct fit *f)
{
	struct spread *s = arg;

	(void)a, (void)e;
	s->r += (f->rg - s->rg) * (f->rg - s->rg) / (f->rg_sigma * f->rg_sigma);
	s->i += (f->i0 - s->i0) * (f->i0 - s->i0) / (f->i0_sigma * f->i0_sigma);
}

static int
best(const double *sum, const int *count, int from, int to)
{
	int at = -1;

	for (int i = from; i <= to; i++)
		if (count[i] && (at < 0 || sum[i] / count[i] > sum[at] / count[at]))
			at = i;
	return at;
}

/* The quadratic coefficient of a weighted parabola through ln I over q^2, rows a .. e, by orthogonal polynomials. */
static double
curvature(const struct scan *c, int a, int e)
{
	double w = 0, mx = 0, my = 0, xx = 0, xxx = 0, m2, b, num = 0, den = 0, xy = 0;

	for (int i = a; i <= e; i++)
		w += c->w[i], mx += c->w[i] * c->x[i], my += c->w[i] * c->y[i];
	mx /= w, my /= w;
	for (int i = a; i <= e; i++) {
		double d = c->x[i] - mx;
		xx += c->w[i] * d * d, xxx += c->w[i] * d * d * d, xy += c->w[i] * d * (c->y[i] - my);
	}
	m2 = xx / w, b = xxx / xx;
	for (int i = a; i <= e; i++) {
		double d = c->x[i] - mx, p = d * d - b * d - m2;
		num += c->w[i] * p * (c->y[i] - my - xy / xx * d), den += c->w[i] * p * p;
	}
	return num / den;
}

/* rows with I > 0 and a usable weight, and where the scan begins and ends */
static int
prepare(struct scan *s, const struct bp_curve *c, struct bp_arena *mem, struct bp_err *err)
{
	*s = (struct scan) { 0 };
	BP_NEW(s->q, 4 * (size_t)c->n, mem, err);
	s->x = s->q + c->n, s->y = s->x + c->n, s->w = s->y + c->n;
	for (int k = 0; k < c->n; k++) {
		double r = c->i[k] / c->sigma[k], w = r * r;
		if (!(c->i[k] > 0) || !(w > 0) || !isfinite(w))
			continue;
		s->q[s->n] = c->q[k], s->x[s->n] = c->q[k] * c->q[k], s->y[s->n] = log(c->i[k]), s->w[s->n] = w;
		s->n++;
	}
	for (int i = 0; i < s->n && i < (s->n / 4 > 3 ? s->n / 4 : 3); i++)
		if (s->y[i] > s->y[s->top])
			s->top = i;
	for (s->end = s->top + 1; s->end < s->n && s->y[s->end] >= s->y[s->top] - log(10); s->end++)
		;
	return BP_OK;
}

int
bp_guinier_auto(struct bp_guinier *ret, const struct bp_curve *c, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	struct scores sc = { 0 };
	struct mean m = { 0 };
	struct spread d = { 0 };
	struct scan s;
	int a = -1, e = -1;

	*ret = (struct bp_guinier) { 0 };
	BP_TRY(prepare(&s, c, mem, err));
	BP_NEW(sc.end, 2 * (size_t)s.n, mem, err);
	BP_NEW(sc.ends, 2 * (size_t)s.n, mem, err);
	sc.start = sc.end + s.n, sc.starts = sc.ends + s.n;
	for (s.qrg_max = 1.3; sc.intervals == 0 && s.qrg_max < 1.6; s.qrg_max *= 1.2) {
		ret->relaxed = s.qrg_max > 1.3;
		visit_intervals(&s, s.top, s.end - 1, score, &sc);
		if (sc.intervals)
			break;
	}
	e = s.n ? best(sc.end, sc.ends, 0, s.n - 1) : -1;
	if (e >= 0)
		a = best(sc.start, sc.starts, 0, e - MIN_POINTS);
	if (a >= 0)
		visit_intervals(&s, a, e, average, &m);
	if (a < 0 || m.n == 0) {
		bp_arena_release(mem, mark);
		return BP_FAIL(err, BP_EINPUT, "give a range of q, or the radius itself",
		    "%s: no Guinier region: no interval of %d points falls with q Rg up to 1.3", c->path, MIN_POINTS);
	}
	d.rg = m.rr + m.r / m.wr, d.i0 = m.ii + m.i / m.wi;
	visit_intervals(&s, a, e, deviate, &d);
	ret->rg = d.rg, ret->rg_sigma = sqrt(d.r / m.wr + 1 / m.best_r);
	ret->i0 = d.i0, ret->i0_sigma = sqrt(d.i / m.wi + 1 / m.best_i);
	ret->first = a, ret->last = e, ret->points = e - a + 1, ret->intervals = m.n;
	ret->q_min = s.q[a], ret->q_max = s.q[e];
	ret->curvature = curvature(&s, a, e) / pow(d.rg, 4);
	ret->confidence = 0.5 * (1 - fmin(1, 10 * ret->rg_sigma / d.rg)) + 0.3 * (1 - fmin(1, s.q[a] * d.rg))
	    + 0.2 * (1 - fmin(1, fabs(ret->curvature)));
	bp_arena_release(mem, mark);
	return BP_OK;
}

int
bp_guinier_fixed(struct bp_guinier *ret, const struct bp_curve *c, double q_min, double q_max, struct bp_err *err)
{
	double w = 0, mx = 0, my = 0, xx = 0, xy = 0;
	int n = 0;

	*ret = (struct bp_guinier) { 0 };
	for (int pass = 0; pass < 2; pass++) {
		for (int k = 0; k < c->n; k++) {
			double x = c->q[k] * c->q[k], wk = c->i[k] / c->sigma[k] * (c->i[k] / c->sigma[k]);
			if (c->q[k] < q_min || c->q[k] > q_max || !(c->i[k] > 0) || !isfinite(wk))
				continue;
			if (pass == 0) {
				w += wk, mx += wk * x, my += wk * log(c->i[k]), n++;
				ret->q_min = n == 1 ? c->q[k] : ret->q_min, ret->q_max = c->q[k];
				ret->first = n == 1 ? k : ret->first, ret->last = k;
			} else {
				xx += wk * (x - mx) * (x - mx), xy += wk * (x - mx) * (log(c->i[k]) - my);
			}
		}
		if (pass == 0)
			mx /= w, my /= w;
	}
	if (n < MIN_FIXED)
		return BP_FAIL(err, BP_EINPUT, "widen the range of q",
		    "%s: %d points with I > 0 from q %g to %g, at least %d are needed", c->path, n, q_min, q_max,
		    MIN_FIXED);
	if (!(xy < 0) || !isfinite(xy / xx))
		return BP_FAIL(err, BP_EINPUT, "choose another range of q",
		    "%s: the intensity does not fall from q %g to %g", c->path, q_min, q_max);
	ret->points = n, ret->intervals = 1;
	ret->rg = sqrt(-3 * xy / xx);
	ret->i0 = exp(my - xy / xx * mx);
	return BP_OK;
}
