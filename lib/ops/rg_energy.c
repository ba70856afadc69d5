#include "ops/rg_energy.h"

#include <math.h>
#include <string.h>

static inline bool /* an order without ties: the set does not depend on the way it is found */
nearer(const struct bp_rg_near *a, const struct bp_rg_near *b)
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
select_nearest(struct bp_rg_near *r, int n, int k)
{
	int lo = 0, hi = n - 1;

	while (lo < hi) {
		const struct bp_rg_near pivot = r[lo + (hi - lo) / 2];
		int i = lo, j = hi;
		while (i <= j) {
			while (nearer(&r[i], &pivot))
				i++;
			while (nearer(&pivot, &r[j]))
				j--;
			if (i <= j) {
				struct bp_rg_near t = r[i];
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
rank(struct bp_rg_near *r, int n, int k)
{
	select_nearest(r, n, k);
	return r[k].d;
}

static double
median(struct bp_rg_near *r, int n)
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
choose(uint8_t *keep, struct bp_rg_near *r, struct bp_rg_near *tmp, int m, enum bp_rg_method method, double threshold)
{
	int inside = 0, most = (int)floor(bp_rg_share * m);
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
		tmp[i] = (struct bp_rg_near) { fabs(r[i].d - med), r[i].atom };
	limit = med + threshold * bp_mad_to_sigma * median(tmp, m);
	for (int i = 0; i < m; i++)
		inside += r[i].d <= limit;
	if (inside < 0.5 * m) { /* the quantile, interpolated linearly */
		double at = bp_rg_share * (m - 1);
		int k = (int)at;
		limit = rank(r, m, k);
		limit += k + 1 < m ? (at - k) * (rank(r, m, k + 1) - limit) : 0;
	}
	for (int i = 0; i < m; i++)
		keep[r[i].atom] = r[i].d <= limit;
}

static void
kept_set(uint8_t *keep, struct bp_rg *ret, int n, const double *x, const double *w, enum bp_rg_method method,
    double threshold, struct bp_rg_near *r)
{
	double c[3];
	int m = 0;

	if (method != BP_RG_STANDARD && ret->atoms > 0) {
		centre(c, n, x, w, keep);
		for (int i = 0; i < n; i++)
			if (keep[i]) {
				double d[3] = { x[3 * i] - c[0], x[3 * i + 1] - c[1], x[3 * i + 2] - c[2] };
				r[m++] = (struct bp_rg_near) { sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]), i };
			}
		choose(keep, r, r + m, m, method, threshold);
	}
	for (int i = 0; i < n; i++)
		ret->kept += keep[i];
}

enum bp_rg_fault
bp_rg_find(struct bp_rg *ret, double *grad, uint8_t *keep, int *at, int n, const double *x, const double *w,
    enum bp_rg_method method, double threshold, struct bp_rg_near *near)
{
	double c[3] = { 0 }, sum = 0, total = 1;

	*ret = (struct bp_rg) { 0 };
	for (int i = 0; i < n; i++) {
		ret->atoms += keep[i];
		for (int d = 0; d < 3 && keep[i]; d++)
			if (!isfinite(x[3 * i + d])) {
				*at = i;
				return BP_RG_NOT_FINITE;
			}
	}
	if (ret->atoms > 0 && !(centre(c, n, x, w, keep) > 0))
		return BP_RG_NO_WEIGHT;
	kept_set(keep, ret, n, x, w, method, threshold, near);
	if (ret->kept > 0) {
		total = centre(c, n, x, w, keep);
		for (int i = 0; i < n; i++)
			for (int d = 0; d < 3 && keep[i]; d++)
				sum += (w ? w[i] : 1) * (x[3 * i + d] - c[d]) * (x[3 * i + d] - c[d]);
		if (!(total > 0) || !(sum / total >= 0) || !isfinite(sum))
			return BP_RG_NO_RADIUS;
		ret->rg = sqrt(sum / total);
	}
	ret->degenerate = ret->rg < bp_rg_smallest || ret->atoms < 3;
	for (int i = 0; grad && i < n; i++)
		for (int d = 0; d < 3; d++)
			grad[3 * i + d] = keep[i] && ret->rg >= bp_rg_smallest
			    ? (w ? w[i] : 1) * (x[3 * i + d] - c[d]) / (total * ret->rg)
			    : 0;
	return BP_RG_FINE;
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

void
bp_rg_pull(struct bp_rg *ret, double *grad, const uint8_t *kept, int n, double target, double k, double cap)
{
	const double off = ret->degenerate ? 0 : ret->rg - target;

	ret->k = k;
	ret->energy = 0.5 * k * off * off;
	for (int i = 0; i < 3 * n; i++)
		grad[i] *= k * off;
	if (cap > 0)
		ret->capped = cap_gradient(grad, kept, n, cap);
}

int
bp_rg_energy_cpu(struct bp_ctx *cx, const struct bp_rg_energy *a)
{
	const size_t n = (size_t)a->n;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_rg_near *near;
	uint8_t *keep;
	double *w;

	BP_DEV_NEW(near, 2 * n, cx);
	BP_DEV_NEW(keep, n, cx);
	BP_DEV_NEW(w, n, cx);
	for (size_t i = 0; i < (size_t)a->b && !cx->dry; i++) {
		double *grad = a->gradient + 3 * n * i, *values = a->values + i * (size_t)a->ld;
		struct bp_rg r;
		int at = 0;
		memcpy(keep, a->mask, n);
		for (size_t k = 0; k < n; k++)
			w[k] = a->w[k] + (a->a && a->place[k] >= 0 ? a->layer * a->a[i * (size_t)a->places + (size_t)a->place[k]] : 0);
		values[BP_RG_FAULT] = bp_rg_find(&r, grad, keep, &at, a->n, a->x + 3 * n * i, w, a->method, a->threshold, near);
		if (values[BP_RG_FAULT] == BP_RG_FINE)
			bp_rg_pull(&r, grad, keep, a->n, a->target, *a->k, a->cap);
		else
			memset(grad, 0, 3 * n * sizeof *grad);
		a->energy[i] = r.energy;
		values[BP_RG_RADIUS] = r.rg, values[BP_RG_TARGET] = a->target, values[BP_RG_K] = *a->k;
		values[BP_RG_KEPT] = r.kept, values[BP_RG_CAPPED] = r.capped, values[BP_RG_ATOMS] = r.atoms;
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
