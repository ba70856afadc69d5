/* lib/guide/step.c */
#include "guide/step.h"

#include <math.h>
#include <string.h>

#include "ops/vec.h"

/* m points: their places, weights in fp32, and the sums of K's rows */
struct kernel {
	int m;
	const double *x; /* [m,3] */
	double inv;      /* 1 / (2 l^2) */
	float *row;      /* [m] scratch */
	double *sum;     /* [m] */
};

/* k->row = exp(-r_ij^2 / 2 l^2) over all j */
static void
kernel_row(const struct kernel *k, int i)
{
	for (int j = 0; j < k->m; j++) {
		double r2 = 0;
		for (int d = 0; d < 3; d++)
			r2 += (k->x[3 * i + d] - k->x[3 * j + d]) * (k->x[3 * i + d] - k->x[3 * j + d]);
		k->row[j] = (float)(-r2 * k->inv);
	}
	bp_vec_exp(k->row, (size_t)k->m);
}

/* out = K K^T g, [m,3]; tmp [m,3]. K is symmetric but for its rows' sums, so each product is over rows. */
static void
smooth(double *out, const double *g, double *tmp, const struct kernel *k)
{
	for (int i = 0; i < k->m; i++) {
		kernel_row(k, i);
		k->sum[i] = 0;
		for (int j = 0; j < k->m; j++)
			k->sum[i] += k->row[j];
	}
	for (int pass = 0; pass < 2; pass++) {
		const double *from = pass ? tmp : g;
		double *to = pass ? out : tmp;
		for (int i = 0; i < k->m; i++) {
			double v[3] = { 0 };
			kernel_row(k, i);
			for (int j = 0; j < k->m; j++) {
				double w = pass ? k->row[j] / k->sum[i] : k->row[j] / k->sum[j];
				v[0] += w * from[3 * j], v[1] += w * from[3 * j + 1], v[2] += w * from[3 * j + 2];
			}
			memcpy(to + 3 * i, v, sizeof v);
		}
	}
}

/* the point that atom i belongs to, or -1 */
static int
point_of(const struct bp_step_atoms *a, const int *place, int i)
{
	return a->mask && !a->mask[i] ? -1 : place[a->group ? a->group[i] : i];
}

int
bp_step_smooth(
    double *p, const double *g, double l, const struct bp_step_atoms *a, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	const int slots = a->group ? a->groups : a->n;
	double *x, *force, *tmp, *out, mean[3] = { 0 };
	struct kernel k = { .inv = 1 / (2 * l * l) };
	int *place, *atoms, counted = 0;

	BP_NEW(place, slots, mem, err);
	for (int i = 0; i < a->n; i++) {
		int slot = a->group ? a->group[i] : i;
		if (slot < 0 || slot >= slots)
			return BP_FAIL(err, BP_EINPUT, NULL, "atom %d is of group %d of %d", i, slot, slots);
		if ((!a->mask || a->mask[i]) && place[slot] == 0)
			place[slot] = ++k.m;
	}
	for (int s = 0; s < slots; s++)
		place[s]--;
	BP_NEW(x, 12 * (size_t)k.m, mem, err);
	BP_NEW(k.row, k.m, mem, err);
	BP_NEW(k.sum, k.m, mem, err);
	BP_NEW(atoms, k.m, mem, err);
	force = x + 3 * (size_t)k.m, tmp = force + 3 * (size_t)k.m, out = tmp + 3 * (size_t)k.m;
	for (int i = 0, q; i < a->n; i++)
		if ((q = point_of(a, place, i)) >= 0) {
			atoms[q]++;
			for (int d = 0; d < 3; d++)
				x[3 * q + d] += a->x[3 * i + d], force[3 * q + d] += g[3 * i + d];
		}
	for (int q = 0; q < k.m; q++)
		for (int d = 0; d < 3; d++)
			x[3 * q + d] /= atoms[q], force[3 * q + d] /= atoms[q];
	k.x = x;
	smooth(out, force, tmp, &k);
	for (int i = 0, q; i < a->n; i++)
		for (int d = 0; d < 3; d++) {
			q = point_of(a, place, i);
			p[3 * i + d] = q >= 0 ? out[3 * q + d] : 0;
			mean[d] += p[3 * i + d];
			counted += q >= 0 && d == 0;
		}
	for (int i = 0; i < a->n; i++)
		for (int d = 0; d < 3 && point_of(a, place, i) >= 0; d++)
			p[3 * i + d] -= mean[d] / counted;
	bp_arena_release(mem, mark);
	return BP_OK;
}

int
bp_step_take(double *delta, const struct bp_step_opt *o, double energy, const double *g, const struct bp_step_atoms *a,
    struct bp_arena *mem, struct bp_err *err)
{
	struct bp_mark mark = bp_arena_mark(mem);
	double *p, dot = 0, size = o->weight;

	if (o->weight == 0 || (!o->raw && !(energy > o->goal)))
		return BP_OK;
	BP_NEW(p, 3 * (size_t)a->n, mem, err);
	if (o->smoothing > 0)
		BP_TRY(bp_step_smooth(p, g, o->smoothing, a, mem, err));
	else
		memcpy(p, g, 3 * (size_t)a->n * sizeof *p);
	for (int i = 0; i < 3 * a->n; i++)
		dot += g[i] * p[i];
	if (!o->raw)
		size = dot > 0 ? o->weight * (energy - o->goal) / dot : 0;
	if (!isfinite(size))
		return BP_FAIL(
		    err, BP_ENUM, NULL, "a step of energy %g, gradient squared %g, is not finite", energy, dot);
	for (int i = 0; i < 3 * a->n; i++)
		delta[i] -= size * p[i];
	bp_arena_release(mem, mark);
	return BP_OK;
}

double
bp_step_cap(double *delta, int n, double most)
{
	double longest = 0, scale;

	for (int i = 0; i < n; i++)
		longest = fmax(longest,
		    delta[3 * i] * delta[3 * i] + delta[3 * i + 1] * delta[3 * i + 1]
		        + delta[3 * i + 2] * delta[3 * i + 2]);
	longest = sqrt(longest);
	if (!(most > 0) || longest <= most)
		return 1;
	scale = most / longest;
	for (int i = 0; i < 3 * n; i++)
		delta[i] *= scale;
	return scale;
}
