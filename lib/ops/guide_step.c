#include "ops/guide_step.h"

#include <math.h>
#include <string.h>

#include "ops/cpu.h"

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
is_kept(int points)
{
	return points <= KEPT_POINTS;
}

/* row i, made: exp(-r_ij^2 / 2 l^2) over all j */
static float *
make_row(const struct kernel *k, int i)
{
	float *row = k->K + (size_t)(is_kept(k->m) ? i : omp_get_thread_num()) * (size_t)k->m;

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
	return is_kept(k->m) ? k->K + (size_t)i * (size_t)k->m : make_row(k, i);
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

/* the gradient of atom i of a sample whose numbers are g */
static const double *
gradient(const struct bp_guide_step *a, const double *g, int i)
{
	static const double none[3] = { 0 };
	int place = a->place ? a->place[i] : i;

	return place >= 0 ? g + 3 * (size_t)place : none;
}

/* p [n,3] smoothed; centre, force, tmp, out [points,3] each, one behind the other */
static void
smoothed(double *p, const struct bp_guide_step *a, const double *x, const double *g, struct kernel *k, double *centre)
{
	const size_t size = 3 * (size_t)a->points;
	double *force = centre + size, *tmp = force + size, *out = tmp + size, mean[3] = { 0 };

	memset(centre, 0, 2 * size * sizeof *centre);
	for (int q = 0; q < a->points; q++)
		for (int m = a->first[q]; m < a->first[q + 1]; m++)
			for (int d = 0; d < 3; d++) {
				centre[3 * q + d] += x[3 * (size_t)a->member[m] + d];
				force[3 * q + d] += gradient(a, g, a->member[m])[d];
			}
	for (int q = 0; q < a->points; q++)
		for (int d = 0; d < 3; d++) {
			centre[3 * q + d] /= a->first[q + 1] - a->first[q];
			force[3 * q + d] /= a->first[q + 1] - a->first[q];
		}
	k->x = centre;
	smooth(out, force, tmp, k);
	for (int i = 0; i < a->n; i++)
		for (int d = 0; d < 3; d++) {
			p[3 * i + d] = a->point[i] >= 0 ? out[3 * a->point[i] + d] : 0;
			mean[d] += p[3 * i + d];
		}
	for (int i = 0; i < a->n; i++)
		for (int d = 0; d < 3 && a->point[i] >= 0; d++)
			p[3 * i + d] -= mean[d] / a->first[a->points];
}

/* one sample; p [n,3] is there */
static void
take(double *x, double values[BP_STEP_VALUES], const struct bp_guide_step *a, double energy, const double *g, const double *p)
{
	double dot = 0, size;

	for (int i = 0; i < a->n; i++)
		for (int d = 0; d < 3; d++)
			dot += gradient(a, g, i)[d] * p[3 * i + d];
	size = bp_step_size(*a->weight, a->raw, energy, a->goal, dot);
	values[BP_STEP_DOT] = dot;
	values[BP_STEP_SIZE] = size;
	for (int i = 0; i < 3 * a->n && isfinite(size); i++) {
		double step = size * p[i];
		values[BP_STEP_MOVED] = values[BP_STEP_MOVED] > 0 || step != 0;
		x[i] -= step;
	}
}

int
bp_guide_step_cpu(struct bp_ctx *cx, const struct bp_guide_step *a)
{
	const size_t size = 3 * (size_t)a->n, m = a->smoothing > 0 ? (size_t)a->points : 0;
	struct bp_mark mark = bp_dev_mark(cx);
	struct kernel k = { .m = a->points, .threads = cx->threads, .inv = 1 / (2 * a->smoothing * a->smoothing) };
	double *p, *centre;

	BP_DEV_NEW(p, size, cx);
	BP_DEV_NEW(centre, 12 * m + 1, cx);
	BP_DEV_NEW(k.sum, m + 1, cx);
	BP_DEV_NEW(k.K, (is_kept(a->points) ? m : m ? (size_t)cx->threads : 0) * m + 1, cx);
	for (size_t i = 0; i < (size_t)a->b && !cx->dry; i++) {
		const double *g = a->g + 3 * i * (size_t)a->places;
		double *x = a->x + i * size, *values = a->values + BP_STEP_VALUES * i;
		memset(values, 0, BP_STEP_VALUES * sizeof *values);
		if (*a->weight == 0 || (!a->raw && !(a->energy[i] > a->goal)))
			continue;
		for (int k = 0; k < a->n && m == 0; k++)
			memcpy(p + 3 * k, gradient(a, g, k), 3 * sizeof *p);
		if (m)
			smoothed(p, a, x, g, &k, centre);
		take(x, values, a, a->energy[i], g, p);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
