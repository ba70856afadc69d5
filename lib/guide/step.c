/* lib/guide/step.c */
#include "guide/step.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "ops/vec.h"

enum { KEPT_POINTS = 4096 }; /* up to so many points all of K is kept, 64 MiB at most; beyond, its rows are made anew */

/* m points, K's rows in fp32 and their sums */
struct kernel {
	int m, threads;
	const double *x; /* [m,3] */
	double inv;      /* 1 / (2 l^2) */
	float *K;        /* [m,m], or a row a thread */
	double *sum;     /* [m] */
};

static bool
is_kept(const struct kernel *k)
{
	return k->m <= KEPT_POINTS;
}

size_t
bp_step_bytes(int points, int threads)
{
	size_t m = (size_t)points;

	return (m <= KEPT_POINTS ? m : (size_t)threads) * m * sizeof(float) + 14 * m * sizeof(double);
}

/* row i, made: exp(-r_ij^2 / 2 l^2) over all j */
static float *
make_row(const struct kernel *k, int i)
{
	float *row = k->K + (size_t)(is_kept(k) ? i : omp_get_thread_num()) * (size_t)k->m;

	for (int j = 0; j < k->m; j++) {
		double dx = k->x[3 * i] - k->x[3 * j], dy = k->x[3 * i + 1] - k->x[3 * j + 1],
		       dz = k->x[3 * i + 2] - k->x[3 * j + 2];
		row[j] = (float)(-(dx * dx + dy * dy + dz * dz) * k->inv);
	}
	bp_vec_exp(row, (size_t)k->m);
	return row;
}

static const float *
row_of(const struct kernel *k, int i)
{
	return is_kept(k) ? k->K + (size_t)i * (size_t)k->m : make_row(k, i);
}

/* to = K from, [m,3] */
static void
multiply(double *to, const double *from, const struct kernel *k)
{
#pragma omp parallel for num_threads(k->threads) schedule(static)
	for (int i = 0; i < k->m; i++) {
		const float *row = row_of(k, i);
		double v[3] = { 0 };
		for (int j = 0; j < k->m; j++) {
			double w = row[j];
			v[0] += w * from[3 * j], v[1] += w * from[3 * j + 1], v[2] += w * from[3 * j + 2];
		}
		memcpy(to + 3 * i, v, sizeof v);
	}
}

/* out = N N^T g, [m,3], N being K with each row divided by its sum: K is symmetric, so N^T g = K (g / sum); g is used up,
 * tmp [m,3] */
static void
smooth(double *out, double *g, double *tmp, const struct kernel *k)
{
#pragma omp parallel for num_threads(k->threads) schedule(static)
	for (int i = 0; i < k->m; i++) {
		const float *row = make_row(k, i);
		double sum = 0;
		for (int j = 0; j < k->m; j++)
			sum += row[j];
		k->sum[i] = sum;
	}
	for (int i = 0; i < 3 * k->m; i++)
		g[i] /= k->sum[i / 3];
	multiply(tmp, g, k);
	multiply(out, tmp, k);
	for (int i = 0; i < 3 * k->m; i++)
		out[i] /= k->sum[i / 3];
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
	struct kernel k = { .inv = 1 / (2 * l * l), .threads = a->threads > 0 ? a->threads : 1 };
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
	if (!(k.K = bp_alloc(mem, (size_t)(is_kept(&k) ? k.m : k.threads) * (size_t)k.m * sizeof *k.K, err)))
		return BP_EMEM;
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
