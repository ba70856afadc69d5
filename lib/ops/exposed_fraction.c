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
 * multiply-adds a point. Near atoms cut first: of most atoms they leave few points, of those inside none, and only what
 * is left is tried further. Neighbours come from cells as wide as the largest reach, hashed so that atoms may be
 * anywhere.
 * ---- */

enum { LANES = 16, PATCHES = POINTS / LANES, PLANES = 8 }; /* points and planes tried at once */

struct cells {
	double width, R;   /* the largest R                            */
	int mask;          /* cells - 1, a power of two less one       */
	int *first, *atom; /* [cells+1], [n]: the atoms of each cell  */
	double *x, *y, *z; /* [n] in the order of atom                */
	float *r;
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
fill_cells(struct cells *c, const double *x, const double *R, int n)
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
	for (int k = 0; k < n; k++) {
		int i = c->atom[k];
		c->x[k] = x[3 * i], c->y[k] = x[3 * i + 1], c->z[k] = x[3 * i + 2], c->r[k] = (float)R[i];
	}
}

/* the atoms that may reach those of a cell, gathered once for all of them; places from the cell's corner */
struct near {
	int64_t at[3];
	int n;
	float *x, *y, *z, *R;        /* [n] */
	float *dx, *dy, *dz, *limit; /* [n] seen from one atom: the plane that each cuts its sphere with */
	int *reach;                  /* [n] 0: does not cut, 1: cuts, 2: cuts and is near                */
	int *list, *far;             /* [n+1] those that cut, near ones first; scratch                   */
	float (*plane)[4];           /* [n+PLANES] dx, dy, dz, limit of those in the list's order         */
};

/* append the atoms [k, end) of the sorted list, seen from the corner */
BP_CLONES static void
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

static inline float
beyond(float x, float width) /* the interval 0 .. width; maxima, as branches would go either way */
{
	float out = -x > x - width ? -x : x - width;

	return out > 0 ? out : 0;
}

/* leave those that may reach an atom of radius R in the cell */
BP_CLONES static void
drop_far(struct near *v, float width, float R)
{
	int n = 0;

#pragma omp simd
	for (int m = 0; m < v->n; m++) {
		float x = beyond(v->x[m], width), y = beyond(v->y[m], width), z = beyond(v->z[m], width),
		      far = R + v->R[m];
		v->reach[m] = x * x + y * y + z * z < far * far;
	}
	for (int m = 0; m < v->n; m++) {
		v->x[n] = v->x[m], v->y[n] = v->y[m], v->z[n] = v->z[m], v->R[n] = v->R[m];
		n += v->reach[m];
	}
	v->n = n;
}

static void
gather(struct near *v, const struct cells *c, const int64_t at[3])
{
	const double corner[3] = { (double)at[0] * c->width, (double)at[1] * c->width, (double)at[2] * c->width };
	uint32_t seen[27];
	int cells = 0;

	memcpy(v->at, at, sizeof v->at);
	v->n = 0;
	for (int m = 0; m < 27; m++) {
		uint32_t cell = cell_of(c, at[0] + m % 3 - 1, at[1] + m / 3 % 3 - 1, at[2] + m / 9 - 1);
		bool again = c->first[cell] == c->first[cell + 1];
		for (int k = 0; k < cells; k++)
			again = again || seen[k] == cell;
		if (again) /* two cells with one hash, or nothing in it */
			continue;
		seen[cells++] = cell;
		append(v, c, c->first[cell], c->first[cell + 1], corner);
	}
	drop_far(v, (float)c->width * 1.0001f, (float)c->R * 1.0001f);
}

/* the planes that v's atoms cut from the sphere of radius R about x. An atom does not cut its own sphere: both its d
 * and limit are 0. */
BP_CLONES static void
planes(const struct near *v, float x, float y, float z, float R)
{
	const float close = 1.1f * R, half = 0.5f / R;

#pragma omp simd
	for (int m = 0; m < v->n; m++) {
		float dx = v->x[m] - x, dy = v->y[m] - y, dz = v->z[m] - z, Rj = v->R[m];
		float d2 = dx * dx + dy * dy + dz * dz;
		v->dx[m] = dx, v->dy[m] = dy, v->dz[m] = dz;
		v->limit[m] = (d2 + (R - Rj) * (R + Rj)) * half;
		v->reach[m] = (d2 < (R + Rj) * (R + Rj)) + (d2 < close * close);
	}
}

/* v->list of those that cut, near ones first; returns their number. Written without branches, which would go either
 * way. */
static int
sift(const struct near *v)
{
	const int *restrict reach = v->reach, n = v->n;
	int *restrict list = v->list, *restrict apart = v->far, near = 0, far = 0;

	for (int m = 0; m < n; m++) {
		list[near] = apart[far] = m;
		near += reach[m] >> 1, far += reach[m] & 1;
	}
	memcpy(list + near, apart, (size_t)far * sizeof *apart);
	return near + far;
}

/* Points of the sphere that lie close together, tried at once. */
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef signed char flags __attribute__((vector_size(LANES)));
struct patch {
	float u[3][LANES];
};

/* The spiral goes from pole to pole: rings of its points, cut by azimuth into patches that are about as wide as high. */
static void
make_patches(struct patch patch[PATCHES])
{
	static const int ring[] = { 1, 4, 6, 4, 1 };
	double turn[POINTS], u[3];
	int order[POINTS];

	for (int r = 0, first = 0, end; first < POINTS; first = end, r++) {
		end = first + ring[r] * LANES;
		for (int k = first; k < end; k++) {
			int at = k;
			turn[k] = fmod(k * 0.5 * (3 - sqrt(5)), 1);
			for (; at > first && turn[order[at - 1]] > turn[k]; at--)
				order[at] = order[at - 1];
			order[at] = k;
		}
	}
	for (int k = 0; k < POINTS; k++) {
		sphere_point(u, order[k]);
		for (int d = 0; d < 3; d++)
			patch[k / LANES].u[d][k % LANES] = (float)u[d];
	}
}

/* the points beyond none of the planes v->list [cuts] */
BP_CLONES static int
count_exposed(const struct near *v, int cuts, const struct patch patch[PATCHES])
{
	int ready = 0, points = 0;

	for (int c = 0; c < PATCHES; c++) {
		const float *x = patch[c].u[0], *y = patch[c].u[1], *z = patch[c].u[2];
		float over[LANES] = { 0 };
		uint64_t hidden[LANES / 8] = { 0 }; /* a byte a point */
		for (int first = 0; first < cuts && (hidden[0] & hidden[1]) != UINT64_MAX; first += PLANES) {
			for (; ready < first + PLANES; ready++) { /* past the last, that one again */
				int j = v->list[bp_min(ready, cuts - 1)];
				v->plane[ready][0] = v->dx[j], v->plane[ready][1] = v->dy[j];
				v->plane[ready][2] = v->dz[j], v->plane[ready][3] = v->limit[j];
			}
			const float(*p)[4] = (const float(*)[4])v->plane[first];
#pragma omp simd
			for (int k = 0; k < LANES; k++) {
				float most = over[k];
#pragma GCC unroll 8
				for (int m = 0; m < PLANES; m++) {
					float by = x[k] * p[m][0] - p[m][3] + y[k] * p[m][1] + z[k] * p[m][2];
					most = by > most ? by : most;
				}
				over[k] = most;
			}
			flags f = __builtin_convertvector(*(lanes *)over > 0, flags);
			memcpy(hidden, &f, sizeof hidden);
		}
		points += LANES - (__builtin_popcountll(hidden[0]) + __builtin_popcountll(hidden[1])) / 8;
	}
	return points;
}

static double
exposed(const struct near *v, const double *x, const struct cells *c, double R, const struct patch patch[PATCHES])
{
	planes(v, (float)(x[0] - (double)v->at[0] * c->width), (float)(x[1] - (double)v->at[1] * c->width),
	    (float)(x[2] - (double)v->at[2] * c->width), (float)R);
	return (double)count_exposed(v, sift(v), patch) / POINTS;
}

int
bp_exposed_fraction_cpu_opt(struct bp_ctx *cx, const struct bp_exposed_fraction *a)
{
	enum { CHUNK = 128 };
	const size_t n = (size_t)a->n, m = n + 1; /* one place is always free to be written */
	struct bp_mark mark = bp_dev_mark(cx);
	struct cells c = { .mask = 15 };
	struct patch *patch;
	float *scratch, (*plane)[4];
	int *lists;

	while (c.mask < 2 * a->n && c.mask < 1 << 28)
		c.mask = 2 * c.mask + 1;
	BP_DEV_NEW(c.first, (size_t)c.mask + 2, cx);
	BP_DEV_NEW(c.atom, n, cx);
	BP_DEV_NEW(c.x, 3 * n, cx);
	BP_DEV_NEW(c.r, n, cx);
	BP_DEV_NEW(patch, PATCHES, cx);
	BP_DEV_NEW(scratch, 8 * m * (size_t)cx->threads, cx);
	BP_DEV_NEW(plane, (n + PLANES) * (size_t)cx->threads, cx);
	BP_DEV_NEW(lists, 3 * m * (size_t)cx->threads, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	make_patches(patch);
	for (int i = 0; i < a->n; i++)
		c.R = fmax(c.R, a->R[i]);
	c.width = 2 * c.R;
	c.y = c.x + n, c.z = c.y + n;
	for (int b = 0; b < a->b; b++) {
		const double *x = a->x + 3 * (size_t)b * n;
		fill_cells(&c, x, a->R, a->n);
		BP_PARALLEL
		for (int first = 0; first < a->n; first += CHUNK) { /* neighbours in the list are mostly of one cell */
			const size_t mine = (size_t)omp_get_thread_num();
			float *f = scratch + 8 * m * mine;
			int *l = lists + 3 * m * mine;
			struct near near = { { 0 }, -1, f, f + m, f + 2 * m, f + 3 * m, f + 4 * m, f + 5 * m, f + 6 * m,
				f + 7 * m, l, l + m, l + 2 * m, plane + (n + PLANES) * mine };
			for (int k = first; k < first + CHUNK && k < a->n; k++) {
				int i = c.atom[k];
				int64_t at[3];
				cell_index(at, &c, x + 3 * i);
				if (near.n < 0 || memcmp(at, near.at, sizeof at))
					gather(&near, &c, at);
				a->a[(size_t)b * n + i] = exposed(&near, x + 3 * i, &c, a->R[i], patch);
			}
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
