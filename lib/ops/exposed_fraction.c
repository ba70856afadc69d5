/* lib/ops/exposed_fraction.c */
#include "ops/exposed_fraction.h"

#include <math.h>
#include <pthread.h>
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

/* ---- optimized. With d = x_j - x_i a point R_i u is inside sphere j when u.d > (R_i^2 + d^2 - R_j^2) / (2 R_i), that
 * is within a cap about the direction of d. A table knows for each of many directions and sizes of caps which points lie
 * inside for sure, a bit each; of most atoms inside nothing is left, and only what is left is tried by three
 * multiply-adds a neighbour. Neighbours come from cells as wide as the largest reach, hashed so that atoms may be anywhere.
 * ---- */

enum { LANES = 16, WORD = 64, WORDS = POINTS / WORD, SIDE = 10, LEVELS = 12 };
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t lane_flags __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef char flags __attribute__((vector_size(LANES)));
typedef uint64_t dots __attribute__((vector_size(POINTS / 8))); /* a bit a point */

/* ---- the table: a process makes it once ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static float sphere[3][POINTS];
static dots hidden_by[SIDE * SIDE * SIDE * LEVELS]; /* [cells,k] u.n > k / (LEVELS - 1) for all n of a cell of a grid over -1 .. 1 */

static void
make_cell(dots hidden[LEVELS], const double middle[3])
{
	static const double margin = 1e-3, half = 1.0 / SIDE + margin; /* directions are found within 2e-4 */

	for (int k = 0; k < POINTS; k++) {
		double least = -margin;
		for (int d = 0; d < 3; d++)
			least += sphere[d][k] * middle[d] - fabs(sphere[d][k]) * half;
		for (int level = 0; level < LEVELS - 1 && least > (double)level / (LEVELS - 1); level++)
			hidden[level][k / WORD] |= (uint64_t)1 << k % WORD;
	}
}

static void
make_table(void)
{
	for (int k = 0; k < POINTS; k++) {
		double u[3];
		sphere_point(u, k);
		for (int d = 0; d < 3; d++)
			sphere[d][k] = (float)u[d];
	}
	for (int c = 0; c < SIDE * SIDE * SIDE; c++)
		make_cell(hidden_by + c * LEVELS, (double[]) { (2 * (c % SIDE) + 1.0) / SIDE - 1, (2 * (c / SIDE % SIDE) + 1.0) / SIDE - 1,
		    (2 * (c / SIDE / SIDE) + 1.0) / SIDE - 1 });
}

/* ---- neighbours ---- */

struct cells {
	double width;
	int mask;          /* cells - 1, a power of two less one       */
	int *first, *atom; /* [cells+1], [n]: the atoms of each cell  */
	uint32_t *cell;    /* [n] of each atom                         */
	double *x, *y, *z; /* [n] in the order of atom                */
	float *r;
};

/* cells that follow each other along x do so in the table too, up to its end */
static uint32_t
cell_of(const struct cells *c, int64_t i, int64_t j, int64_t k)
{
	uint64_t h = (uint64_t)j * 0xc2b2ae3d27d4eb4fu ^ (uint64_t)k * 0x165667b19e3779f9u;

	h ^= h >> 31;
	return ((uint32_t)(h * 0x9fb21c651e98df25u >> 33) + (uint32_t)i) & (uint32_t)c->mask;
}

static void
cell_index(int64_t at[3], const struct cells *c, const double *x)
{
	for (int d = 0; d < 3; d++)
		at[d] = (int64_t)floor(x[d] / c->width);
}

static void
fill_cells(struct cells *c, const double *x, const double *R, int n)
{
	memset(c->first, 0, ((size_t)c->mask + 2) * sizeof *c->first);
	for (int i = 0; i < n; i++) {
		int64_t at[3];
		cell_index(at, c, x + 3 * i);
		c->cell[i] = cell_of(c, at[0], at[1], at[2]);
		c->first[c->cell[i] + 1]++;
	}
	for (int k = 0; k <= c->mask; k++)
		c->first[k + 1] += c->first[k];
	for (int i = n - 1; i >= 0; i--) /* first[k+1] counts down to the cell's beginning */
		c->atom[--c->first[c->cell[i] + 1]] = i;
	memmove(c->first, c->first + 1, ((size_t)c->mask + 1) * sizeof *c->first);
	c->first[c->mask + 1] = n;
	for (int k = 0; k < n; k++) {
		int i = c->atom[k];
		c->x[k] = x[3 * i], c->y[k] = x[3 * i + 1], c->z[k] = x[3 * i + 2], c->r[k] = (float)R[i];
	}
}

/* the atoms of a cell and those around it, gathered once for all of the cell; places from the cell's corner */
struct near {
	int64_t at[3];
	int n, cuts;
	float *x, *y, *z, *R;        /* [n], room for whole vectors                                   */
	float *dx, *dy, *dz, *limit; /* [cuts] the planes that cut the sphere of one atom, of as much */
	int32_t *at_table;           /* [cuts] where each is in hidden_by                             */
};

/* append the atoms [k, end) of the sorted list, seen from the corner */
static inline void
append(struct near *v, const struct cells *c, int k, int end, const double corner[3])
{
	float *x = v->x + v->n, *y = v->y + v->n, *z = v->z + v->n, *R = v->R + v->n;
	const double cx = corner[0], cy = corner[1], cz = corner[2];

#pragma omp simd
	for (int m = 0; m < end - k; m++) {
		x[m] = (float)(c->x[k + m] - cx), y[m] = (float)(c->y[k + m] - cy), z[m] = (float)(c->z[k + m] - cz);
		R[m] = c->r[k + m];
	}
	v->n += end - k;
}

BP_CLONES static void
gather(struct near *v, const struct cells *c, const int64_t at[3])
{
	const double corner[3] = { (double)at[0] * c->width, (double)at[1] * c->width, (double)at[2] * c->width };
	const uint32_t mask = (uint32_t)c->mask;
	uint32_t row[9]; /* where three cells begin */
	int from = 0, to = 0;

	memcpy(v->at, at, sizeof v->at);
	v->n = 0;
	for (int m = 0; m < 9; m++) {
		row[m] = cell_of(c, at[0] - 1, at[1] + m % 3 - 1, at[2] + m / 3 - 1);
		for (uint32_t i = 0; i < 3; i++) {
			const uint32_t cell = (row[m] + i) & mask;
			bool again = false; /* rows whose hashes are near */
			for (int k = 0; k < m; k++)
				again = again || ((cell - row[k]) & mask) < 3;
			if (again)
				continue;
			if (c->first[cell] != to) {
				append(v, c, from, to, corner);
				from = c->first[cell];
			}
			to = c->first[cell + 1];
		}
	}
	append(v, c, from, to, corner);
}

/* a bit a lane that is -1, not 0 */
static inline uint64_t
bits(lane_flags f)
{
	flags byte = __builtin_convertvector(f, flags);

#ifdef __SSE2__
	return (uint64_t)(uint32_t)__builtin_ia32_pmovmskb128(byte);
#else
	uint64_t b[2];

	memcpy(b, &byte, sizeof b);
	b[0] = (b[0] & 0x0101010101010101u) * 0x0102040810204080u >> 56;
	b[1] = (b[1] & 0x0101010101010101u) * 0x0102040810204080u >> 56;
	return b[0] | b[1] << 8;
#endif
}

/* those of v's atoms that cut the sphere of radius R about x: places and radii go to where their planes will be */
BP_CLONES static void
sift(struct near *v, float x, float y, float z, float R)
{
	int n = 0;

	for (int first = 0; first < v->n; first += WORD) {
		const int end = first + WORD < v->n ? first + WORD : v->n;
		uint64_t cut = 0;
		for (int m = first; m < end; m += LANES) {
			lanes dx = *(lanes *)(v->x + m) - x, dy = *(lanes *)(v->y + m) - y, dz = *(lanes *)(v->z + m) - z,
			      far = *(lanes *)(v->R + m) + R;
			cut |= bits(dx * dx + dy * dy + dz * dz < far * far) << (m - first);
		}
		for (cut &= UINT64_MAX >> (first + WORD - end); cut; cut &= cut - 1, n++) {
			const int m = first + __builtin_ctzll(cut);
			v->dx[n] = v->x[m], v->dy[n] = v->y[m], v->dz[n] = v->z[m], v->limit[n] = v->R[m];
		}
	}
	v->cuts = n;
}

/* 1 / sqrt(x) within 5e-6, large at 0: the well known guess from its bits, and two steps of Newton's */
static inline float
inverse_root(float x)
{
	int32_t i;
	float r;

	memcpy(&i, &x, sizeof i);
	i = 0x5f3759df - (i >> 1);
	memcpy(&r, &i, sizeof r);
	r *= 1.5f - 0.5f * x * r * r;
	return r * (1.5f - 0.5f * x * r * r);
}

static inline int
cell_along(float u) /* of the table */
{
	return (int)(u * (0.9999f * SIDE / 2) + SIDE / 2.0f);
}

/* the planes of sift's atoms, and where the table has them. An atom does not cut its own sphere: both its d and limit
 * are 0, and no point is hidden by the middle of the table. */
BP_CLONES static void
planes(struct near *v, float x, float y, float z, float R)
{
	const float half = 0.5f / R;

#pragma omp simd
	for (int m = 0; m < v->cuts; m++) {
		float dx = v->dx[m] - x, dy = v->dy[m] - y, dz = v->dz[m] - z, Rj = v->limit[m];
		float d2 = dx * dx + dy * dy + dz * dz, limit = (d2 + (R - Rj) * (R + Rj)) * half, inv = inverse_root(d2);
		float level = limit * inv * (LEVELS - 1);
		level = level < LEVELS - 2 ? level + 1 : LEVELS - 1; /* rounded up; the last hides nothing */
		level = level > 0 ? level : 0;
		v->at_table[m] = ((cell_along(dz * inv) * SIDE + cell_along(dy * inv)) * SIDE + cell_along(dx * inv)) * LEVELS + (int)level;
		v->dx[m] = dx, v->dy[m] = dy, v->dz[m] = dz, v->limit[m] = limit;
	}
}

/* ---- points ---- */

/* u = the points that the table does not know to be hidden, and zeros to whole vectors; returns their number */
BP_CLONES static int
look_up(float u[3][POINTS], const struct near *v)
{
	dots hidden = { 0 };
	int n = 0;

	for (int m = 0; m < v->cuts; m++)
		hidden |= hidden_by[v->at_table[m]];
	for (int w = 0; w < WORDS; w++)
		for (uint64_t left = ~hidden[w]; left; left &= left - 1, n++)
			for (int d = 0, k = w * WORD + __builtin_ctzll(left); d < 3; d++)
				u[d][n] = sphere[d][k];
	for (int k = n; k % LANES; k++)
		u[0][k] = u[1][k] = u[2][k] = 0;
	return n;
}

/* those of n points beyond none of the planes; u is read in whole vectors */
BP_CLONES static int
count_exposed(const float u[3][POINTS], int n, const struct near *v)
{
	int points = 0;

	for (int first = 0; first < n; first += LANES) {
		const lanes x = *(const lanes *)(u[0] + first), y = *(const lanes *)(u[1] + first), z = *(const lanes *)(u[2] + first);
		lane_flags sign = { 0 };
		for (int m = 0; m < v->cuts; m++)
			sign |= (lane_flags)(v->limit[m] - x * v->dx[m] - y * v->dy[m] - z * v->dz[m]);
		points += __builtin_popcountll(bits(sign >= 0) & (n - first < LANES ? ((uint64_t)1 << (n - first)) - 1 : UINT64_MAX));
	}
	return points;
}

static double
exposed(struct near *v, const double *x, const struct cells *c, double R)
{
	const float at[3] = { (float)(x[0] - (double)v->at[0] * c->width), (float)(x[1] - (double)v->at[1] * c->width),
		(float)(x[2] - (double)v->at[2] * c->width) };
	float u[3][POINTS];

	sift(v, at[0], at[1], at[2], (float)R);
	planes(v, at[0], at[1], at[2], (float)R);
	return (double)count_exposed(u, look_up(u, v), v) / POINTS;
}

int
bp_exposed_fraction_cpu_opt(struct bp_ctx *cx, const struct bp_exposed_fraction *a)
{
	enum { CHUNK = 128, COLUMNS = 8 };
	const size_t n = (size_t)a->n, m = (n + LANES - 1) / LANES * LANES; /* whole vectors are read and written */
	struct bp_mark mark = bp_dev_mark(cx);
	struct cells c = { .mask = 15 };
	float *scratch;
	int32_t *at_table;

	while (c.mask < 2 * a->n && c.mask < 1 << 28)
		c.mask = 2 * c.mask + 1;
	BP_DEV_NEW(c.first, (size_t)c.mask + 2, cx);
	BP_DEV_NEW(c.atom, n, cx);
	BP_DEV_NEW(c.cell, n, cx);
	BP_DEV_NEW(c.x, 3 * n, cx);
	BP_DEV_NEW(c.r, n, cx);
	BP_DEV_NEW(scratch, COLUMNS * m * (size_t)cx->threads, cx);
	BP_DEV_NEW(at_table, m * (size_t)cx->threads, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	pthread_once(&once, make_table);
	for (int i = 0; i < a->n; i++)
		c.width = fmax(c.width, 2 * a->R[i]);
	c.y = c.x + n, c.z = c.y + n;
	for (int b = 0; b < a->b; b++) {
		const double *x = a->x + 3 * (size_t)b * n;
		fill_cells(&c, x, a->R, a->n);
		BP_PARALLEL
		for (int first = 0; first < a->n; first += CHUNK) { /* neighbours in the list are mostly of one cell */
			const size_t mine = (size_t)omp_get_thread_num();
			float *f = scratch + COLUMNS * m * mine;
			struct near near = { { 0 }, -1, 0, f, f + m, f + 2 * m, f + 3 * m, f + 4 * m, f + 5 * m, f + 6 * m,
				f + 7 * m, at_table + m * mine };
			for (int k = first; k < first + CHUNK && k < a->n; k++) {
				int i = c.atom[k];
				int64_t at[3];
				cell_index(at, &c, x + 3 * i);
				if (near.n < 0 || memcmp(at, near.at, sizeof at))
					gather(&near, &c, at);
				a->a[(size_t)b * n + i] = exposed(&near, x + 3 * i, &c, a->R[i]);
			}
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
