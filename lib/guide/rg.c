/* lib/guide/rg.c: contents: the kept set, Rg, energy, raw guidance. */
#include "guide/rg.h"

#include <math.h>
#include <string.h>

static const double mad_to_sigma = 1.4826, keep_share = 0.95, smallest = 1e-6;

struct near {
	double d;
	int atom;
};

static inline bool /* an order without ties: the set does not depend on the way it is found */
nearer(const struct near *a, const struct near *b)
{
	return a->d != b->d ? a->d < b->d : a->atom < b->atom;
}

/* weighted centre of the atoms that are kept, counted from one of them: exact far from the origin. Returns the weights'
 * sum. */
static double
centre(double c[3], int n, const double *x, const double *w, const uint8_t *keep)
{
	double sum = 0;
	int first = 0;

	while (first < n - 1 && !keep[first])
		first++;
	c[0] = c[1] = c[2] = 0;
	for (int i = 0; i < n; i++) {
		double wi = keep[i] ? w ? w[i] : 1 : 0;
		sum += wi;
		for (int d = 0; d < 3 && keep[i]; d++)
			c[d] += wi * (x[3 * i + d] - x[3 * first + d]);
	}
	for (int d = 0; d < 3; d++)
		c[d] = x[3 * first + d] + c[d] / sum;
	return sum;
}

/* Put the k-th nearest (from 0) of r [n] into its place, nearer ones before it and farther ones behind. */
static void
select_nearest(struct near *r, int n, int k)
{
	int lo = 0, hi = n - 1;

	while (lo < hi) {
		const struct near pivot = r[lo + (hi - lo) / 2];
		int i = lo, j = hi;
		while (i <= j) {
			while (nearer(&r[i], &pivot))
				i++;
			while (nearer(&pivot, &r[j]))
				j--;
			if (i <= j) {
				struct near t = r[i];
				r[i++] = r[j], r[j--] = t;
			}
		}
		if (k <= j)
			hi = j;
		else if (k >= i)
			lo = i;
		else
			return;
	}
}

/* the k-th smallest distance */
static double
rank(struct near *r, int n, int k)
{
	select_nearest(r, n, k);
	return r[k].d;
}

static double
median(struct near *r, int n)
{
	double high = rank(r, n, n / 2), low = 0;

	if (n % 2)
		return high;
	for (int i = 0; i < n / 2; i++) /* the largest of those before it */
		low = fmax(low, r[i].d);
	return 0.5 * (low + high);
}

/* leave in keep the atoms of the method's set; r [m]: the m atoms that count */
static void
choose(uint8_t *keep, struct near *r, struct near *tmp, int m, enum bp_rg_method method, double threshold)
{
	int inside = 0, most = (int)floor(keep_share * m);
	double med, limit;

	if (method == BP_RG_TRIMMED) {
		most = most < 1 ? 1 : most;
		if (most < m)
			select_nearest(r, m, most);
		for (int i = most; i < m; i++)
			keep[r[i].atom] = 0;
		return;
	}
	med = median(r, m);
	for (int i = 0; i < m; i++)
		tmp[i] = (struct near) { fabs(r[i].d - med), r[i].atom };
	limit = med + threshold * mad_to_sigma * median(tmp, m);
	for (int i = 0; i < m; i++)
		inside += r[i].d <= limit;
	if (inside < 0.5 * m) { /* the quantile, interpolated linearly */
		double at = keep_share * (m - 1);
		int k = (int)at;
		limit = rank(r, m, k);
		limit += k + 1 < m ? (at - k) * (rank(r, m, k + 1) - limit) : 0;
	}
	for (int i = 0; i < m; i++)
		keep[r[i].atom] = r[i].d <= limit;
}

static int
kept_set(uint8_t *keep, struct bp_rg *ret, int n, const double *x, const double *w, enum bp_rg_method method,
    double threshold, struct bp_arena *mem, struct bp_err *err)
{
	struct near *r;
	double c[3];
	int m = 0;

	if (method != BP_RG_STANDARD && ret->atoms > 0) {
		BP_NEW(r, 2 * (size_t)ret->atoms, mem, err);
		centre(c, n, x, w, keep);
		for (int i = 0; i < n; i++)
			if (keep[i]) {
				double d[3] = { x[3 * i] - c[0], x[3 * i + 1] - c[1], x[3 * i + 2] - c[2] };
				r[m++] = (struct near) { sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]), i };
			}
		choose(keep, r, r + m, m, method, threshold);
	}
	for (int i = 0; i < n; i++)
		ret->kept += keep[i];
	return BP_OK;
}

int
bp_rg_of(struct bp_rg *ret, double *grad, uint8_t *kept, int n, const double *x, const double *w, const uint8_t *mask,
    enum bp_rg_method method, double threshold, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	double c[3] = { 0 }, sum = 0, total = 1;
	uint8_t *keep;

	*ret = (struct bp_rg) { 0 };
	BP_NEW(keep, n, mem, err);
	for (int i = 0; i < n; i++) {
		keep[i] = !mask || mask[i];
		ret->atoms += keep[i];
		for (int d = 0; d < 3 && keep[i]; d++)
			if (!isfinite(x[3 * i + d]))
				return BP_FAIL(err, BP_ENUM, NULL, "atom %d: its coordinates are not finite", i);
	}
	if (ret->atoms > 0 && !(centre(c, n, x, w, keep) > 0))
		return BP_FAIL(err, BP_ENUM, "take other weights",
		    "the weights of %d atoms do not add up to more than 0", ret->atoms);
	BP_TRY(kept_set(keep, ret, n, x, w, method, threshold, mem, err));
	if (ret->kept > 0) {
		total = centre(c, n, x, w, keep);
		for (int i = 0; i < n; i++)
			for (int d = 0; d < 3 && keep[i]; d++)
				sum += (w ? w[i] : 1) * (x[3 * i + d] - c[d]) * (x[3 * i + d] - c[d]);
		if (!(total > 0) || !(sum / total >= 0) || !isfinite(sum))
			return BP_FAIL(err, BP_ENUM, "take other weights",
			    "the weights of %d atoms give no radius of gyration", ret->kept);
		ret->rg = sqrt(sum / total);
	}
	ret->degenerate = ret->rg < smallest || ret->atoms < 3;
	for (int i = 0; grad && i < n; i++)
		for (int d = 0; d < 3; d++)
			grad[3 * i + d] = keep[i] && ret->rg >= smallest
			    ? (w ? w[i] : 1) * (x[3 * i + d] - c[d]) / (total * ret->rg)
			    : 0;
	if (kept)
		memcpy(kept, keep, (size_t)n);
	bp_arena_release(mem, mark);
	return BP_OK;
}

double
bp_rg_force_constant(const struct bp_rg_opt *o, int step)
{
	if (!o->ramp || step >= o->ramp_steps)
		return o->k;
	return o->k_min + (o->k - o->k_min) * step / o->ramp_steps;
}

/* shorten what is longer than cap; then no net push on the atoms kept. Returns how many were shortened. */
static int
cap_gradient(double *grad, const uint8_t *kept, int n, double cap)
{
	double mean[3] = { 0 };
	int capped = 0, m = 0;

	for (int i = 0; i < n; i++) {
		double *g = grad + 3 * i, length = sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]);
		capped += length > cap;
		m += kept[i];
		for (int d = 0; d < 3; d++) {
			g[d] *= length > cap ? cap / length : 1;
			mean[d] += g[d];
		}
	}
	for (int i = 0; capped && i < n; i++)
		for (int d = 0; d < 3 && kept[i]; d++)
			grad[3 * i + d] -= mean[d] / m;
	return capped;
}

int
bp_rg_energy(struct bp_rg *ret, double *grad, int n, const double *x, const double *w, const uint8_t *mask,
    const struct bp_rg_opt *o, int step, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	double k = bp_rg_force_constant(o, step), off;
	uint8_t *kept;

	*ret = (struct bp_rg) { 0 };
	if (!(o->target > 0) || !isfinite(o->target))
		return BP_FAIL(err, BP_EUSAGE, "give a radius in A", "target_rg %g is not above 0", o->target);
	BP_NEW(kept, n, mem, err);
	BP_TRY(bp_rg_of(ret, grad, kept, n, x, w, mask, o->method, o->threshold, mem, err));
	off = ret->degenerate ? 0 : ret->rg - o->target;
	ret->k = k;
	ret->energy = 0.5 * k * off * off;
	for (int i = 0; i < 3 * n; i++)
		grad[i] *= k * off;
	if (o->cap > 0)
		ret->capped = cap_gradient(grad, kept, n, o->cap);
	bp_arena_release(mem, mark);
	return BP_OK;
}

int
bp_rg_raw(double *x, int n, const double *w, const uint8_t *mask, const struct bp_rg_opt *o, double weight,
    double sigma, struct bp_arena *mem, struct bp_err *err)
{
	static const double sigma_ref = 800, least = 0.05, most = 0.5;
	struct bp_mark mark = bp_arena_mark(mem);
	double factor = 1 - sigma / sigma_ref, rg, *g;
	struct bp_rg r;

	if (!(factor >= least) || weight == 0)
		return BP_OK;
	BP_NEW(g, 3 * (size_t)n, mem, err);
	BP_TRY(bp_rg_of(&r, g, NULL, n, x, w, mask, o->method, o->threshold, mem, err));
	rg = sqrt(fmax(1, r.rg * r.rg - 3 * sigma * sigma));
	for (int i = 0; i < n; i++) {
		double *s = g + 3 * i, length = 0;
		for (int d = 0; d < 3; d++) {
			s[d] *= weight * factor * 0.01 * (rg - o->target);
			length += s[d] * s[d];
		}
		for (int d = 0; d < 3; d++)
			x[3 * i + d] -= s[d] * (sqrt(length) > most ? most / sqrt(length) : 1);
	}
	bp_arena_release(mem, mark);
	return BP_OK;
}
