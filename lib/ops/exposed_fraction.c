/* lib/ops/exposed_fraction.c */
#include "ops/exposed_fraction.h"

#include <math.h>
#include <string.h>

#include "ops/cpu.h"

enum { POINTS = BP_SPHERE_POINTS };

/* point k of the spiral, on the unit sphere */
static void
sphere_point(double u[3], int k)
{
	const double pi = 3.14159265358979323846;
	double z = 1 - (2.0 * k + 1) / POINTS, phi = k * pi * (3 - sqrt(5)), r = sqrt(1 - z * z);

	u[0] = r * cos(phi), u[1] = r * sin(phi), u[2] = z;
}

int
bp_exposed_fraction_cpu(struct bp_ctx *cx, const struct bp_exposed_fraction *a)
{
	double u[POINTS][3];

	if (cx->dry)
		return BP_OK;
	for (int k = 0; k < POINTS; k++)
		sphere_point(u[k], k);
	for (int64_t i = 0; i < (int64_t)a->b * a->n; i++) {
		const double *x = a->x + 3 * (i / a->n * a->n), *xi = a->x + 3 * i, Ri = a->R[i % a->n];
		bool hit[POINTS] = { false };
		int exposed = POINTS;
		for (int j = 0; j < a->n; j++) {
			double d[3] = { xi[0] - x[3 * j], xi[1] - x[3 * j + 1], xi[2] - x[3 * j + 2] }, reach = Ri + a->R[j];
			if (j == i % a->n || d[0] * d[0] + d[1] * d[1] + d[2] * d[2] >= reach * reach)
				continue;
			for (int k = 0; k < POINTS; k++) {
				double r2 = 0;
				for (int c = 0; c < 3; c++)
					r2 += (xi[c] + Ri * u[k][c] - x[3 * j + c]) * (xi[c] + Ri * u[k][c] - x[3 * j + c]);
				hit[k] = hit[k] || r2 < a->R[j] * a->R[j];
			}
		}
		for (int k = 0; k < POINTS; k++)
			exposed -= hit[k];
		a->a[i] = (double)exposed / POINTS;
	}
	return BP_OK;
}

/* ---- optimized. With d = x_j - x_i a point R_i u is inside sphere j when u.d > (R_i^2 + d^2 - R_j^2) / (2 R_i): three multiply-adds a
 * point. Neighbours come from cells as wide as the largest reach, hashed so that atoms may be anywhere. ---- */

struct cells {
	double width;
	int mask;         /* cells - 1, a power of two less one       */
	int *first, *atom; /* [cells+1], [n]: the atoms of each cell  */
};

static uint32_t
cell_of(const struct cells *c, int64_t i, int64_t j, int64_t k)
{
	uint64_t h = (uint64_t)i * 0x9e3779b97f4a7c15u ^ (uint64_t)j * 0xc2b2ae3d27d4eb4fu ^ (uint64_t)k * 0x165667b19e3779f9u;

	h ^= h >> 31;
	return (uint32_t)(h * 0x9fb21c651e98df25u >> 33) & (uint32_t)c->mask;
}

static uint32_t
cell_at(const struct cells *c, const double *x)
{
	return cell_of(c, (int64_t)floor(x[0] / c->width), (int64_t)floor(x[1] / c->width), (int64_t)floor(x[2] / c->width));
}

static void
fill_cells(struct cells *c, const double *x, int n)
{
	memset(c->first, 0, ((size_t)c->mask + 2) * sizeof *c->first);
	for (int i = 0; i < n; i++)
		c->first[cell_at(c, x + 3 * i) + 1]++;
	for (int k = 0; k <= c->mask; k++)
		c->first[k + 1] += c->first[k];
	for (int i = n - 1; i >= 0; i--) /* first[k+1] counts down to the cell's beginning */
		c->atom[--c->first[cell_at(c, x + 3 * i) + 1]] = i;
	memmove(c->first, c->first + 1, ((size_t)c->mask + 1) * sizeof *c->first);
	c->first[c->mask + 1] = n;
}

/* mark the points of the unit sphere that lie beyond the plane u.d = limit */
BP_CLONES static void
cut(float *hit, float u[3][POINTS], float dx, float dy, float dz, float limit)
{
#pragma omp simd
	for (int k = 0; k < POINTS; k++)
		hit[k] = u[0][k] * dx + u[1][k] * dy + u[2][k] * dz > limit ? 1.0f : hit[k];
}

static double
exposed(const struct bp_exposed_fraction *a, const struct cells *c, const double *x, int i, float u[3][POINTS])
{
	int64_t at[3];
	uint32_t seen[27];
	float hit[POINTS] = { 0 }, sum = 0;
	int n = 0;

	for (int d = 0; d < 3; d++)
		at[d] = (int64_t)floor(x[3 * i + d] / c->width);
	for (int m = 0; m < 27; m++) {
		uint32_t cell = cell_of(c, at[0] + m % 3 - 1, at[1] + m / 3 % 3 - 1, at[2] + m / 9 - 1);
		bool again = false;
		for (int k = 0; k < n; k++)
			again = again || seen[k] == cell;
		if (again) /* two cells with one hash */
			continue;
		seen[n++] = cell;
		for (int q = c->first[cell]; q < c->first[cell + 1]; q++) {
			int j = c->atom[q];
			double d[3] = { x[3 * j] - x[3 * i], x[3 * j + 1] - x[3 * i + 1], x[3 * j + 2] - x[3 * i + 2] };
			double d2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2], reach = a->R[i] + a->R[j];
			if (j != i && d2 < reach * reach)
				cut(hit, u, (float)d[0], (float)d[1], (float)d[2],
				    (float)((a->R[i] * a->R[i] + d2 - a->R[j] * a->R[j]) / (2 * a->R[i])));
		}
	}
	for (int k = 0; k < POINTS; k++)
		sum += hit[k];
	return (double)(POINTS - sum) / POINTS;
}

int
bp_exposed_fraction_cpu_opt(struct bp_ctx *cx, const struct bp_exposed_fraction *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct cells c = { 0, 15, NULL, NULL };
	float u[3][POINTS];
	double v[3];

	while (c.mask < 2 * a->n && c.mask < 1 << 28)
		c.mask = 2 * c.mask + 1;
	BP_DEV_NEW(c.first, (size_t)c.mask + 2, cx);
	BP_DEV_NEW(c.atom, a->n, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	for (int k = 0; k < POINTS; k++) {
		sphere_point(v, k);
		u[0][k] = (float)v[0], u[1][k] = (float)v[1], u[2][k] = (float)v[2];
	}
	for (int i = 0; i < a->n; i++)
		c.width = fmax(c.width, 2 * a->R[i]);
	for (int b = 0; b < a->b; b++) {
		const double *x = a->x + 3 * (size_t)b * a->n;
		fill_cells(&c, x, a->n);
#pragma omp parallel for num_threads(cx->threads) schedule(dynamic, 64)
		for (int i = 0; i < a->n; i++)
			a->a[(size_t)b * a->n + i] = exposed(a, &c, x, i, u);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
