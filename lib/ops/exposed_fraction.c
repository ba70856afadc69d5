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
 * multiply-adds a point. Points are taken in patches, and an atom's neighbours are tried in two turns: which patches one
 * of them hides whole, which is seen from the patch's middle, all patches at once (of most atoms inside nothing is left);
 * then the points of the other patches, near neighbours first. Neighbours come from cells as wide as the largest reach,
 * hashed so that atoms may be anywhere.
 * ---- */

enum { LANES = 16, PATCHES = POINTS / LANES, PLANES = 8, WORD = 64 }; /* points and planes tried at once; bits */
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t lane_flags __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef signed char flags __attribute__((vector_size(LANES)));

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
	int n;
	float *x, *y, *z, *R;               /* [n], room for whole words of bits                                  */
	float *dx, *dy, *dz, *limit, *far;  /* [n] seen from one atom: the plane that each cuts its sphere with; at least its distance */
	uint64_t *close, *other;            /* [n] bits: those that cut, near ones and others                     */
	int *list;                          /* [n] those that cut, near ones first                                */
	float (*plane)[4];                  /* [n+PLANES] dx, dy, dz, limit of those in the list's order          */
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
	uint64_t b[2];

	memcpy(b, &byte, sizeof b);
	b[0] = (b[0] & 0x0101010101010101u) * 0x0102040810204080u >> 56;
	b[1] = (b[1] & 0x0101010101010101u) * 0x0102040810204080u >> 56;
	return b[0] | b[1] << 8;
}

/* The planes that v's atoms cut from the sphere of radius R about x. An atom does not cut its own sphere: both its d
 * and limit are 0. A float's bits shifted are its square root or up to 6 % more (chords of it, from 4^k to 2 4^k). */
BP_CLONES static void
planes(const struct near *v, float x, float y, float z, float R)
{
	const float close = 1.1f * R, half = 0.5f / R;

	for (int first = 0; first < v->n; first += WORD) {
		const int end = first + WORD < v->n ? first + WORD : v->n;
		uint64_t cut = 0, near = 0;
		for (int m = first; m < end; m += LANES) {
			lanes dx = *(lanes *)(v->x + m) - x, dy = *(lanes *)(v->y + m) - y, dz = *(lanes *)(v->z + m) - z;
			lanes d2 = dx * dx + dy * dy + dz * dz, Rj = *(lanes *)(v->R + m);
			*(lanes *)(v->dx + m) = dx, *(lanes *)(v->dy + m) = dy, *(lanes *)(v->dz + m) = dz;
			*(lanes *)(v->limit + m) = (d2 + (R - Rj) * (R + Rj)) * half;
			*(lane_flags *)(v->far + m) = ((lane_flags)d2 >> 1) + 0x1fc00000;
			cut |= bits(d2 < (R + Rj) * (R + Rj)) << (m - first);
			near |= bits(d2 < close * close) << (m - first);
		}
		cut &= UINT64_MAX >> (first + WORD - end);
		v->close[first / WORD] = cut & near;
		v->other[first / WORD] = cut & ~near;
	}
}

/* Points of the sphere that lie close together, tried at once. */
struct patch {
	float u[3][LANES];
};
struct sphere {
	struct patch patch[PATCHES];
	float middle[3][PATCHES], width[PATCHES]; /* of each patch; no point of it is further from its middle */
};
_Static_assert(PATCHES == LANES, "patches are tried as points are");

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

static void
make_sphere(struct sphere *s)
{
	make_patches(s->patch);
	for (int c = 0; c < PATCHES; c++) {
		float m[3] = { 0 }, most = 0;
		for (int d = 0; d < 3; d++)
			for (int k = 0; k < LANES; k++)
				m[d] += s->patch[c].u[d][k] / LANES;
		for (int k = 0; k < LANES; k++) {
			float x = s->patch[c].u[0][k] - m[0], y = s->patch[c].u[1][k] - m[1], z = s->patch[c].u[2][k] - m[2];
			most = fmaxf(most, x * x + y * y + z * z);
		}
		s->width[c] = sqrtf(most) * 1.001f;
		for (int d = 0; d < 3; d++)
			s->middle[d][c] = m[d];
	}
}

/* The atoms of `set` follow v->list [n]; whole [PATCHES] becomes < 0 where one of them hides all of a patch: signs are
 * gathered. Returns how long the list is. */
BP_CLONES static int
try_patches(lane_flags *whole, const struct near *v, const uint64_t *set, int n, const struct sphere *s)
{
	const lanes x = *(lanes *)s->middle[0], y = *(lanes *)s->middle[1], z = *(lanes *)s->middle[2], width = *(lanes *)s->width;
	lane_flags sign = *whole;

	for (int w = 0; w * WORD < v->n; w++)
		for (uint64_t b = set[w]; b; b &= b - 1) {
			const int j = w * WORD + __builtin_ctzll(b);
			lanes under = width * v->far[j] + v->limit[j] - x * v->dx[j] - y * v->dy[j] - z * v->dz[j];
			sign |= (lane_flags)under;
			v->list[n++] = j;
		}
	*whole = sign;
	return n;
}

/* the points beyond none of the planes v->list [cuts], of the patches that are not hidden whole */
BP_CLONES static int
count_exposed(const struct near *v, int cuts, const int32_t *whole, const struct patch patch[PATCHES])
{
	int ready = 0, points = 0;

	for (int c = 0; c < PATCHES; c++) {
		const float *x = patch[c].u[0], *y = patch[c].u[1], *z = patch[c].u[2];
		float over[LANES] = { 0 };
		uint64_t hidden[LANES / 8] = { 0 }; /* a byte a point */
		if (whole[c] < 0)
			continue;
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
exposed(const struct near *v, const double *x, const struct cells *c, double R, const struct sphere *s)
{
	lane_flags whole = { 0 };
	int cuts, left = 0;

	planes(v, (float)(x[0] - (double)v->at[0] * c->width), (float)(x[1] - (double)v->at[1] * c->width),
	    (float)(x[2] - (double)v->at[2] * c->width), (float)R);
	cuts = try_patches(&whole, v, v->close, 0, s);
	for (int k = 0; k < PATCHES; k++)
		left += whole[k] >= 0;
	if (left == 0)
		return 0;
	cuts = try_patches(&whole, v, v->other, cuts, s);
	return (double)count_exposed(v, cuts, (const int32_t *)&whole, s->patch) / POINTS;
}

int
bp_exposed_fraction_cpu_opt(struct bp_ctx *cx, const struct bp_exposed_fraction *a)
{
	enum { CHUNK = 128, COLUMNS = 9 };
	const size_t n = (size_t)a->n, m = (n + WORD - 1) / WORD * WORD, words = 2 * m / WORD; /* whole words may be written */
	struct bp_mark mark = bp_dev_mark(cx);
	struct cells c = { .mask = 15 };
	struct sphere *sphere;
	float *scratch, (*plane)[4];
	uint64_t *sets;
	int *lists;

	while (c.mask < 2 * a->n && c.mask < 1 << 28)
		c.mask = 2 * c.mask + 1;
	BP_DEV_NEW(c.first, (size_t)c.mask + 2, cx);
	BP_DEV_NEW(c.atom, n, cx);
	BP_DEV_NEW(c.cell, n, cx);
	BP_DEV_NEW(c.x, 3 * n, cx);
	BP_DEV_NEW(c.r, n, cx);
	BP_DEV_NEW(sphere, 1, cx);
	BP_DEV_NEW(scratch, COLUMNS * m * (size_t)cx->threads, cx);
	BP_DEV_NEW(plane, (n + PLANES) * (size_t)cx->threads, cx);
	BP_DEV_NEW(sets, words * (size_t)cx->threads, cx);
	BP_DEV_NEW(lists, n * (size_t)cx->threads, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	make_sphere(sphere);
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
			uint64_t *set = sets + words * mine;
			struct near near = { { 0 }, -1, f, f + m, f + 2 * m, f + 3 * m, f + 4 * m, f + 5 * m, f + 6 * m,
				f + 7 * m, f + 8 * m, set, set + words / 2, lists + n * mine, plane + (n + PLANES) * mine };
			for (int k = first; k < first + CHUNK && k < a->n; k++) {
				int i = c.atom[k];
				int64_t at[3];
				cell_index(at, &c, x + 3 * i);
				if (near.n < 0 || memcmp(at, near.at, sizeof at))
					gather(&near, &c, at);
				a->a[(size_t)b * n + i] = exposed(&near, x + 3 * i, &c, a->R[i], sphere);
			}
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
