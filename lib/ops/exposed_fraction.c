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
			double d[3] = { xi[0] - x[3 * j], xi[1] - x[3 * j + 1], xi[2] - x[3 * j + 2] },
			       reach = Ri + a->R[j];
			if (j == i % a->n || d[0] * d[0] + d[1] * d[1] + d[2] * d[2] >= reach * reach)
				continue;
			for (int k = 0; k < POINTS; k++) {
				double r2 = 0;
				for (int c = 0; c < 3; c++)
					r2 += (xi[c] + Ri * u[k][c] - x[3 * j + c])
					    * (xi[c] + Ri * u[k][c] - x[3 * j + c]);
				hit[k] = hit[k] || r2 < a->R[j] * a->R[j];
			}
		}
		for (int k = 0; k < POINTS; k++)
			exposed -= hit[k];
		a->a[i] = (double)exposed / POINTS;
	}
	return BP_OK;
}

/* ---- optimized. With d = x_j - x_i a point R_i u is inside sphere j when u.d > (R_i^2 + d^2 - R_j^2) / (2 R_i): three
 * multiply-adds a point. Neighbours come from cells as wide as the largest reach, hashed so that atoms may be anywhere.
 * ---- */

struct cells {
	double width;
	int mask;          /* cells - 1, a power of two less one       */
	int *first, *atom; /* [cells+1], [n]: the atoms of each cell  */
};

static uint32_t
cell_of(const struct cells *c, int64_t i, int64_t j, int64_t k)
{
	uint64_t h
	    = (uint64_t)i * 0x9e3779b97f4a7c15u ^ (uint64_t)j * 0xc2b2ae3d27d4eb4fu ^ (uint64_t)k * 0x165667b19e3779f9u;

	h ^= h >> 31;
	return (uint32_t)(h * 0x9fb21c651e98df25u >> 33) & (uint32_t)c->mask;
}

static void
cell_index(int64_t at[3], const struct cells *c, const double *x)
{
	for (int d = 0; d < 3; d++)
		at[d] = (int64_t)floor(x[d] / c->width);
}

static uint32_t
cell_at(const struct cells *c, const double *x)
{
	int64_t at[3];

	cell_index(at, c, x);
	return cell_of(c, at[0], at[1], at[2]);
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

/* the atoms of a cell and its 26 neighbours, gathered once for all atoms of the cell */
struct near {
	int64_t at[3];
	int n;
	double *x, *y, *z, *R; /* [n] */
	int *atom;
};

static void
gather(struct near *v, const struct bp_exposed_fraction *a, const struct cells *c, const double *x, const int64_t at[3])
{
	uint32_t seen[27];
	int cells = 0;

	memcpy(v->at, at, sizeof v->at);
	v->n = 0;
	for (int m = 0; m < 27; m++) {
		uint32_t cell = cell_of(c, at[0] + m % 3 - 1, at[1] + m / 3 % 3 - 1, at[2] + m / 9 - 1);
		bool again = false;
		for (int k = 0; k < cells; k++)
			again = again || seen[k] == cell;
		if (again) /* two cells with one hash */
			continue;
		seen[cells++] = cell;
		for (int q = c->first[cell]; q < c->first[cell + 1]; q++, v->n++) {
			int j = c->atom[q];
			v->x[v->n] = x[3 * j], v->y[v->n] = x[3 * j + 1], v->z[v->n] = x[3 * j + 2],
			v->R[v->n] = a->R[j];
			v->atom[v->n] = j;
		}
	}
}

enum { BLOCK = 64 };

/* Of v's atoms m0 .. m0 + n - 1: their places from x, the planes they cut from the sphere of radius R, and whether they
 * cut at all. */
BP_CLONES static void
planes(float d[3][BLOCK], float limit[BLOCK], int cuts[BLOCK], const struct near *v, int m0, int n, const double x[3],
    double R)
{
#pragma omp simd
	for (int m = 0; m < n; m++) {
		double dx = v->x[m0 + m] - x[0], dy = v->y[m0 + m] - x[1], dz = v->z[m0 + m] - x[2], Rj = v->R[m0 + m];
		double d2 = dx * dx + dy * dy + dz * dz;
		d[0][m] = (float)dx, d[1][m] = (float)dy, d[2][m] = (float)dz;
		limit[m] = (float)((R * R + d2 - Rj * Rj) / (2 * R));
		cuts[m] = d2 < (R + Rj) * (R + Rj);
	}
}

/* mark the points of the unit sphere that lie beyond the plane u.d = limit */
BP_CLONES static void
cut(float *hit, float u[3][POINTS], float dx, float dy, float dz, float limit)
{
#pragma omp simd
	for (int k = 0; k < POINTS; k++)
		hit[k] = u[0][k] * dx + u[1][k] * dy + u[2][k] * dz > limit ? 1.0f : hit[k];
}

BP_CLONES static float
total(const float *hit)
{
	float sum = 0;

#pragma omp simd reduction(+ : sum)
	for (int k = 0; k < POINTS; k++)
		sum += hit[k];
	return sum;
}

static double
exposed(const struct near *v, int i, const double *x, double R, float u[3][POINTS])
{
	float hit[POINTS] = { 0 }, d[3][BLOCK], limit[BLOCK];
	int cuts[BLOCK];

	for (int m0 = 0; m0 < v->n; m0 += BLOCK) {
		int n = bp_min(v->n - m0, BLOCK);
		planes(d, limit, cuts, v, m0, n, x, R);
		for (int m = 0; m < n; m++)
			if (cuts[m] && v->atom[m0 + m] != i)
				cut(hit, u, d[0][m], d[1][m], d[2][m], limit[m]);
	}
	return (double)(POINTS - total(hit)) / POINTS;
}

int
bp_exposed_fraction_cpu_opt(struct bp_ctx *cx, const struct bp_exposed_fraction *a)
{
	enum { CHUNK = 64 };
	const size_t n = (size_t)a->n;
	struct bp_mark mark = bp_dev_mark(cx);
	struct cells c = { 0, 15, NULL, NULL };
	double v[3], *scratch;
	float u[3][POINTS];
	int *atoms;

	while (c.mask < 2 * a->n && c.mask < 1 << 28)
		c.mask = 2 * c.mask + 1;
	BP_DEV_NEW(c.first, (size_t)c.mask + 2, cx);
	BP_DEV_NEW(c.atom, n, cx);
	BP_DEV_NEW(scratch, 4 * n * (size_t)cx->threads, cx);
	BP_DEV_NEW(atoms, n * (size_t)cx->threads, cx);
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
		const double *x = a->x + 3 * (size_t)b * n;
		fill_cells(&c, x, a->n);
		BP_PARALLEL
		for (int first = 0; first < a->n; first += CHUNK) { /* neighbours in the list are mostly of one cell */
			double *mine = scratch + 4 * n * (size_t)omp_get_thread_num();
			struct near near = { { 0 }, -1, mine, mine + n, mine + 2 * n, mine + 3 * n,
				atoms + n * (size_t)omp_get_thread_num() };
			for (int k = first; k < first + CHUNK && k < a->n; k++) {
				int i = c.atom[k];
				int64_t at[3];
				cell_index(at, &c, x + 3 * i);
				if (near.n < 0 || memcmp(at, near.at, sizeof at))
					gather(&near, a, &c, x, at);
				a->a[(size_t)b * n + i] = exposed(&near, i, x + 3 * i, a->R[i], u);
			}
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
