/* lib/ops/pairs.h: what the ops over pairs of atoms (pair_histogram, pair_force, pair_sinc, pair_sinc_force, pair_move,
 *wave_sum, wave_force) share: n atoms sorted by type, in b samples. Energies and intensities there are sums over
 *unordered pairs i < j
 *
 *	sum g_ij s(r_ij),   g_ij = G[t_i t_j] + a_j G[t_i w] + a_i G[t_j w] + a_i a_j G[w w]
 *
 * of a function s of the distance, where t_i is the type of atom i and a_i its share in one more type w, the hydration
 *layer. So a table over pairs has `rows` rows: one for each unordered pair of types, then one for each type with w,
 *then w with itself (without a: only the first). The counterpart of G is the sum of s(r) over all pairs that meet the
 *row, with the weights 1, a_j (or a_i) and a_i a_j. */
#ifndef BP_OPS_PAIRS_H
#define BP_OPS_PAIRS_H

#include <math.h>

#include "ops/ctx.h"
#include "ops/host_device.h"

struct bp_pairs {
	int b, n, ntypes;     /* samples, atoms, types, all >= 1                                       */
	const int32_t *start; /* [ntypes+1] host memory: atoms start[t] .. start[t+1] - 1 are of type t */
	const double *x;      /* [b,n,3] A, finite                                                      */
	const double *a;      /* [b,n] 0 .. 1, or NULL: no layer                                        */
	const int32_t *start_up; /* start in device memory, or NULL: ops upload it, which cannot be recorded */
};

/* pairs of types */
static BP_HOST_DEVICE inline int
bp_type_pairs(const struct bp_pairs *p)
{
	return p->ntypes * (p->ntypes + 1) / 2;
}

static BP_HOST_DEVICE inline int
bp_pair_rows(const struct bp_pairs *p)
{
	return bp_type_pairs(p) + (p->a ? p->ntypes + 1 : 0);
}

/* row of the types s <= t */
static BP_HOST_DEVICE inline int
bp_pair_row(const struct bp_pairs *p, int s, int t)
{
	return s * p->ntypes - s * (s - 1) / 2 + t - s;
}

/* row of type t with the layer, and of the layer with itself (t = ntypes) */
static BP_HOST_DEVICE inline int
bp_layer_row(const struct bp_pairs *p, int t)
{
	return bp_type_pairs(p) + t;
}

/* the types s <= t of row r < bp_type_pairs */
static BP_HOST_DEVICE inline void
bp_pair_types(const struct bp_pairs *p, int r, int *s, int *t)
{
	for (*s = 0; r >= p->ntypes - *s; ++*s)
		r -= p->ntypes - *s;
	*t = *s + r;
}

static BP_HOST_DEVICE inline int
bp_type_of(const struct bp_pairs *p, int i)
{
	int t = 0;

	while (i >= p->start[t + 1])
		t++;
	return t;
}

/* sin(x) / x, and d/dr sinc(q r) = (cos qr - sinc qr) / r */
static BP_HOST_DEVICE inline double
bp_sinc(double x)
{
	return x > 0 ? sin(x) / x : 1;
}

static BP_HOST_DEVICE inline double
bp_sinc_slope(double q, double r)
{
	double x = q * r;

	return r == 0 ? 0 : x < 0.05 ? -q * x / 3 * (1 - x * x / 10) : (cos(x) - sin(x) / x) / r;
}

static BP_HOST_DEVICE inline double /* of atoms i and j, x [n,3] */
bp_pair_distance(const double *x, int i, int j)
{
	double dx = x[3 * i] - x[3 * j], dy = x[3 * i + 1] - x[3 * j + 1], dz = x[3 * i + 2] - x[3 * j + 2];

	return sqrt(dx * dx + dy * dy + dz * dz);
}

/* For the optimized CPU rows: coordinates less their mean, as floats, [b][n + BP_PAIRS_PAD] each; a 0 where there is
 * none. */
enum { BP_PAIRS_PAD = 64 };
struct bp_pairs_f32 {
	size_t ld;
	float *x, *y, *z, *a;
};
int bp_pairs_f32(struct bp_ctx *cx, struct bp_pairs_f32 *f, const struct bp_pairs *p) BP_MUST_USE;

/* sin and cos within 2e-7 for |x| < 50000; three-part reduction by pi/2, polynomials of Cephes' sinf and cosf */
static inline void
bp_sincosf(float x, float *s, float *c)
{
	float k = x * 0.636619772f + 12582912.0f - 12582912.0f, z, sn, cs;
	int quarter = (int)k;

	x = ((x - k * 1.5703125f) - k * 4.837512969970703125e-4f) - k * 7.54978995489188216e-8f;
	z = x * x;
	sn = x + x * z * (-1.6666654611e-1f + z * (8.3321608736e-3f - z * 1.9515295891e-4f));
	cs = 1 - 0.5f * z + z * z * (4.166664568298827e-2f + z * (-1.388731625493765e-3f + z * 2.443315711809948e-5f));
	*s = quarter & 1 ? cs : sn;
	*c = quarter & 1 ? sn : cs;
	*s = quarter & 2 ? -*s : *s;
	*c = (quarter + 1) & 2 ? -*c : *c;
}

#endif
