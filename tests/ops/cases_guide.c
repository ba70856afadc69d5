/* cases of the ops of guidance: pairs of atoms sorted by type, in double */
#include <math.h>
#include <stdlib.h>

#include "check.h"

/* shapes of the ops over pairs; the last is timed */
static const struct shape {
	int b, n, ntypes, nq;
	bool layer;
} shapes[] = { { 1, 1, 1, 1, false }, { 2, 7, 3, 5, true }, { 1, 131, 5, 17, false }, { 2, 300, 4, 33, true },
	{ 1, 2000, 12, 500, true } };
static const double size = 40, bin = 0.1; /* A */

/* atoms in a box of size / sqrt 3, every type about equally often */
static struct bp_pairs
some_pairs(struct check *k, int shape)
{
	const struct shape *s = &shapes[shape];
	static int32_t start[16];
	struct bp_pairs p = { .b = s->b, .n = s->n, .ntypes = s->ntypes, .start = start };

	for (int t = 0; t <= s->ntypes; t++)
		start[t] = t * s->n / s->ntypes;
	p.x = check_doubles(k, 3 * (size_t)s->b * s->n, -0.28 * size, 0.28 * size);
	if (s->layer)
		p.a = check_doubles(k, (size_t)s->b * s->n, 0, 1);
	check_label(k, "b=%d n=%d types=%d q=%d%s", s->b, s->n, s->ntypes, s->nq, s->layer ? " layer" : "");
	return p;
}

/* Types of which some are rare, as in proteins, and shares that are 0 of many atoms; the last is four lysozymes, and timed. */
enum share { NO_LAYER, NONE, SOME, WHOLE };
static const struct {
	int b, bins;
	enum share share;
	int size[12]; /* atoms of each type */
} uneven[] = { { 1, 404, SOME, { 1, 700, 3, 65, 64, 63, 257, 2 } }, { 2, 404, NONE, { 130, 31, 300 } }, { 1, 404, WHOLE, { 13, 128, 256 } },
	{ 1, 404, NO_LAYER, { 1500, 1 } }, { 2, 8000, SOME, { 200, 33, 70 } },
	{ 1, 1127, SOME, { 776, 812, 620, 244, 12, 580, 156, 24, 660, 80, 8, 32 } } };
enum { EVEN = 4, UNEVEN = sizeof uneven / sizeof *uneven - 1, PAIRS = EVEN + UNEVEN }; /* checked */

static struct bp_pairs
uneven_pairs(struct check *k, int shape)
{
	static int32_t start[13];
	struct bp_pairs p = { .b = uneven[shape].b, .start = start };
	double *a;
	size_t n;

	for (; p.ntypes < 12 && uneven[shape].size[p.ntypes]; p.ntypes++)
		start[p.ntypes + 1] = start[p.ntypes] + uneven[shape].size[p.ntypes];
	p.n = start[p.ntypes];
	p.x = check_doubles(k, 3 * (size_t)p.b * p.n, -0.28 * size, 0.28 * size);
	n = (size_t)p.b * p.n;
	a = malloc(n * sizeof *a);
	bp_assert(a);
	for (size_t i = 0; i < n; i++) /* multiples of 1/256, 57 % of them 0 */
		a[i] = uneven[shape].share == WHOLE ? 1 : uneven[shape].share == SOME && i * 7919 % 100 >= 57 ? (double)(i * 31 % 255 + 1) / 256 : 0;
	if (uneven[shape].share != NO_LAYER)
		p.a = check_given_doubles(k, a, n);
	free(a);
	check_label(k, "b=%d n=%d types=%d bins=%d uneven", p.b, p.n, p.ntypes, uneven[shape].bins);
	return p;
}

/* of pair_histogram and pair_force: even shapes, uneven ones, and of each the one that is timed */
static struct bp_pairs
binned_pairs(struct check *k, int shape, int *bins)
{
	const bool even = shape < EVEN || shape == PAIRS;

	*bins = even ? (int)(size / bin) + 4 : uneven[shape < PAIRS ? shape - EVEN : UNEVEN].bins;
	return even ? some_pairs(k, shape < EVEN ? shape : EVEN) : uneven_pairs(k, shape < PAIRS ? shape - EVEN : UNEVEN);
}

/* A distance in fp32 is off by 2^-24 of itself: by 4e-6 A, 4e-5 of a bin, from its ends 2^9 units of its last place; of as many more as bins are finer.
 * A few atoms fill few of the bins: one share is then far above the rms. */
static void
pair_histogram(struct check *k, int shape)
{
	int bins;
	struct bp_pairs p = binned_pairs(k, shape, &bins);
	const double h = size / (bins - 4);

	check_bound(k, 600 * fmax(bin / h, 1), p.n < 50 ? bins : h < bin / 4 ? 4 : 1);
	CHECK_OP(k, pair_histogram, .p = p, .bins = bins, .h = h,
	    .H = check_out_doubles(k, (size_t)p.b * bp_pair_rows(&p) * bins), .far = check_out_doubles(k, (size_t)p.b));
}

/* the table is random from bin to bin, so that the same 2^9 units are of the force itself */
static void
pair_force(struct check *k, int shape)
{
	int bins;
	struct bp_pairs p = binned_pairs(k, shape, &bins);
	const double h = size / (bins - 4);

	check_bound(k, 600 * fmax(bin / h, 1), h < bin / 4 ? 4 : 1);
	CHECK_OP(k, pair_force, .p = p, .bins = bins, .h = h,
	    .F = check_doubles(k, (size_t)p.b * bp_pair_rows(&p) * bins, -1e-9, 1e-9),
	    .out = check_out_doubles(k, 3 * (size_t)p.b * p.n));
}

/* both rows in fp64 */
static void
sinc_sum(struct check *k, int shape)
{
	static const int S[][3] = { { 1, 1, 1 }, { 7, 65, 17 }, { 91, 700, 500 } };
	const int rows = S[shape][0], bins = S[shape][1], nq = S[shape][2];

	check_label(k, "rows=%d bins=%d q=%d", rows, bins, nq);
	check_flops(k, 2.0 * rows * bins * nq);
	check_bound(k, 1e-4, 1);
	CHECK_OP(k, sinc_sum, .rows = rows, .bins = bins, .ld = bins + 3, .nq = nq, .h = bin,
	    .q = check_doubles(k, (size_t)nq, 0, 0.5), .H = check_doubles(k, (size_t)rows * (bins + 3), 0, 100),
	    .S = check_out_doubles(k, (size_t)rows * nq));
}

static void
sinc_force(struct check *k, int shape)
{
	static const int S[][3] = { { 1, 1, 1 }, { 7, 65, 17 }, { 91, 700, 500 } };
	const int rows = S[shape][0], bins = S[shape][1], nq = S[shape][2];

	check_label(k, "rows=%d bins=%d q=%d", rows, bins, nq);
	check_flops(k, 2.0 * rows * bins * nq);
	check_bound(k, 1e-2, 1);
	CHECK_OP(k, sinc_force, .rows = rows, .bins = bins, .nq = nq, .h = bin,
	    .q = check_doubles(k, (size_t)nq, 0, 0.5), .G = check_doubles(k, (size_t)rows * nq, -1, 1),
	    .F = check_out_doubles(k, (size_t)rows * bins));
}

/* phases q r of 20 in fp32: 2^5 units; sums of up to n^2 / 2 terms of random sign */
static void
pair_sinc(struct check *k, int shape)
{
	struct bp_pairs p = some_pairs(k, shape);
	const int nq = shapes[shape].nq;

	check_bound(k, 64, 1);
	CHECK_OP(k, pair_sinc, .p = p, .nq = nq, .q = check_doubles(k, (size_t)nq, 0, 0.5),
	    .S = check_out_doubles(k, (size_t)p.b * bp_pair_rows(&p) * nq));
}

static void
pair_sinc_force(struct check *k, int shape)
{
	struct bp_pairs p = some_pairs(k, shape);
	const int nq = shapes[shape].nq;

	check_bound(k, 64, 1);
	CHECK_OP(k, pair_sinc_force, .p = p, .nq = nq, .q = check_doubles(k, (size_t)nq, 0, 0.5),
	    .G = check_doubles(k, (size_t)p.b * bp_pair_rows(&p) * nq, -1e6, 1e6),
	    .out = check_out_doubles(k, 3 * (size_t)p.b * p.n));
}

/* all rows in fp64 */
static void
debye_profiles(struct check *k, int shape)
{
	struct bp_pairs p = some_pairs(k, shape);
	const int nq = shapes[shape].nq;

	check_bound(k, 1e-5, 1);
	CHECK_OP(k, debye_profiles, .p = p, .nq = nq,
	    .S = check_doubles(k, (size_t)p.b * bp_pair_rows(&p) * nq, 0, 100),
	    .v = check_doubles(k, (size_t)p.ntypes * nq, 5, 10), .s = check_doubles(k, (size_t)p.ntypes * nq, 2, 5),
	    .w = check_doubles(k, (size_t)nq, 1, 3), .P = check_out_doubles(k, (size_t)p.b * BP_PROFILES * nq));
}

static void
debye_weights(struct check *k, int shape)
{
	struct bp_pairs p = some_pairs(k, shape);
	const int nq = shapes[shape].nq;

	check_bound(k, 1e-5, 1);
	CHECK_OP(k, debye_weights, .p = p, .nq = nq, .E = check_doubles(k, (size_t)p.b * 3 * nq, -1, 1), .c2 = check_doubles(k, (size_t)p.b, 0, 4),
	    .v = check_doubles(k, (size_t)p.ntypes * nq, 5, 10), .s = check_doubles(k, (size_t)p.ntypes * nq, 2, 5),
	    .w = check_doubles(k, (size_t)nq, 1, 3),
	    .G = check_out_doubles(k, (size_t)p.b * bp_pair_rows(&p) * nq));
}

/* samples, q points; those lie in any order up to 0.5, with 0 and the last of the grid among them */
static const struct {
	int b, nq;
	double step;
} grids[] = { { 1, 1, 0.5 }, { 2, 17, 0.03 }, { 3, 257, 0.01 }, { 1, 500, 0.004 } };

static const double *
grid_q(struct check *k, int shape, int *n)
{
	const int nq = grids[shape].nq;
	double *q = malloc((size_t)nq * sizeof *q);
	const double *dev;

	bp_assert(q);
	for (int i = 0; i < nq; i++)
		q[i] = 0.5 * (7 * i % nq) / (nq > 1 ? nq - 1 : 1);
	*n = (int)(0.5 / grids[shape].step) + 8;
	dev = check_given_doubles(k, q, (size_t)nq);
	free(q);
	check_label(k, "b=%d grid=%d q=%d", grids[shape].b, *n, nq);
	return dev;
}

static void
grid_read(struct check *k, int shape)
{
	const int rows = 6 * grids[shape].b, nq = grids[shape].nq;
	int n;
	const double *q = grid_q(k, shape, &n);

	check_bound(k, 1e-5, 1);
	CHECK_OP(k, grid_read, .rows = rows, .n = n, .nq = nq, .step = grids[shape].step, .q = q,
	    .on_grid = check_doubles(k, (size_t)rows * n, -1, 1), .out = check_out_doubles(k, (size_t)rows * nq));
}

/* of the second half of the shapes: without a grid */
static void
grid_spread(struct check *k, int shape)
{
	const int same = shape < 3 ? shape : shape < 6 ? shape - 3 : 3, b = grids[same].b, nq = grids[same].nq;
	int n;
	const double *q = grid_q(k, same, &n);

	n = shape >= 3 && shape < 6 ? 0 : n;
	check_bound(k, 1e-5, 1);
	CHECK_OP(k, grid_spread, .b = b, .n = n, .nq = nq, .step = grids[same].step, .q = q, .E = check_doubles(k, (size_t)b * nq, -1, 1),
	    .g = check_doubles(k, (size_t)b * nq, 0.9, 1.1), .out = check_out_doubles(k, (size_t)b * 3 * (n ? n : nq)));
}

/* both rows in fp64, differences of sincs a thousand times their size */
static void
pair_move(struct check *k, int shape)
{
	struct bp_pairs p = some_pairs(k, shape);
	const int nq = shapes[shape].nq;
	int32_t atom[3] = { p.n - 1, 0, p.n / 2 };

	check_bound(k, 0.01, 1);
	CHECK_OP(k, pair_move, .p = p, .nq = nq, .moves = 3, .sample = p.b - 1,
	    .q = check_doubles(k, (size_t)nq, 0, 0.5), .atom = atom,
	    .y = check_doubles(k, 9, -3, 3),
	    .D = check_out_doubles(k, 3 * (size_t)(p.ntypes + (p.a ? 1 : 0)) * nq));
}

static void
wave_sum(struct check *k, int shape)
{
	struct bp_pairs p = some_pairs(k, shape + 1); /* a single atom has no sums but rounding errors */
	const int nq = shapes[shape + 1].nq;

	check_bound(k, 64, 1);
	CHECK_OP(k, wave_sum, .p = p, .nq = nq, .diameter = size, .q_max = 0.5,
	    .q = check_doubles(k, (size_t)nq, 0, 0.5), .S = check_out_doubles(k, (size_t)p.b * bp_pair_rows(&p) * nq));
}

static void
wave_force(struct check *k, int shape)
{
	struct bp_pairs p = some_pairs(k, shape + 1); /* a single atom has no gradient but rounding errors */
	const int nq = shapes[shape + 1].nq;

	check_bound(k, 64, 1);
	CHECK_OP(k, wave_force, .p = p, .nq = nq, .diameter = size, .q_max = 0.5,
	    .q = check_doubles(k, (size_t)nq, 0, 0.5),
	    .G = check_doubles(k, (size_t)p.b * bp_pair_rows(&p) * nq, -1, 1),
	    .out = check_out_doubles(k, 3 * (size_t)p.b * p.n));
}

/* a point on a surface may fall on either side: one of 256, a hundredth of the rms */
static void
exposed_fraction(struct check *k, int shape)
{
	static const int S[][2] = { { 1, 1 }, { 2, 7 }, { 1, 300 }, { 1, 2000 } };
	const int b = S[shape][0], n = S[shape][1];

	check_label(k, "b=%d n=%d", b, n);
	check_bound(k, 1.5 / 256 * 0x1p23, 1);
	CHECK_OP(k, exposed_fraction, .b = b, .n = n, .x = check_doubles(k, 3 * (size_t)b * n, -12, 12),
	    .R = check_doubles(k, (size_t)n, 2.8, 3.9), .a = check_out_doubles(k, (size_t)b * n));
}

static void
sinc_table(struct check *k, int shape)
{
	static const int S[][2] = { { 1, 1 }, { 65, 17 }, { 700, 500 } };
	const int bins = S[shape][0], nq = S[shape][1];

	check_label(k, "bins=%d q=%d", bins, nq);
	check_bound(k, 1e-4, 1);
	CHECK_OP(k, sinc_table, .bins = bins, .nq = nq, .h = bin, .q = check_doubles(k, (size_t)nq, 0, 0.5),
	    .sums = check_out_doubles(k, (size_t)bins * nq), .slopes = check_out_doubles(k, (size_t)bins * nq));
}

/* 0 .. n - 1 in another order, of which the first m may be had */
static const int32_t *
mixed(struct check *k, int n, int m)
{
	int32_t *p = malloc((size_t)n * sizeof *p);
	const int32_t *up;

	bp_assert(p);
	for (int i = 0; i < n; i++)
		p[i] = (int32_t)((7919LL * i + 3) % n);
	up = check_given(k, p, (size_t)m);
	free(p);
	return up;
}

/* all rows in fp64 */
static void
centre_atoms(struct check *k, int shape)
{
	static const int S[][3] = { { 1, 1, 1 }, { 2, 9, 7 }, { 3, 1500, 1031 }, { 1, 4096, 4001 } };
	const int b = S[shape][0], natoms = S[shape][1], n = S[shape][2], ld = 3;

	check_label(k, "b=%d n=%d of %d", b, n, natoms);
	check_bound(k, 1e-5, n);
	CHECK_OP(k, centre_atoms, .b = b, .natoms = natoms, .n = n, .ld = ld, .atom = mixed(k, natoms, n),
	    .x = check_doubles(k, 3 * (size_t)b * natoms, -20, 30), .y = check_out_doubles(k, 3 * (size_t)b * n),
	    .radius = check_out_doubles(k, (size_t)b * ld));
}

/* Curves that are what the model says of some scale, c1, c2 and offset, and of noise. fp64; the optimum is known as well as chi2, which is
 * flat there: to the root of its precision. */
static void
saxs_fit(struct check *k, int shape)
{
	static const struct {
		int b, nq;
		struct bp_fit_opt o;
		bool chi2;
	} S[] = { { 1, 3, { BP_SAXS_VACUUM, false, false, false, 1, 0, -2, 4 }, true },
		{ 2, 17, { BP_SAXS_EXCLUDED, true, false, false, 1.02, 0, -2, 4 }, false },
		{ 3, 99, { BP_SAXS_HYDRATION, true, false, true, 1, 1, 0, 4 }, false },
		{ 2, 131, { BP_SAXS_HYDRATION, false, false, true, 1, 1, -2, 4 }, false },
		{ 2, 500, { BP_SAXS_HYDRATION, true, true, true, 1, 1, -2, 4 }, true },
		{ 1, 301, { BP_SAXS_HYDRATION, true, false, false, 1, 1.5, 0, 4 }, false },
		{ 1, 500, { BP_SAXS_HYDRATION, true, false, true, 1, 1, 0, 4 }, false } };
	const int b = S[shape].b, nq = S[shape].nq, ld = BP_FIT_VALUES + 2;
	const size_t all = (size_t)b * nq;
	double *q = malloc((2 + BP_PROFILES * (size_t)b) * nq * sizeof *q), *y, *P;

	bp_assert(q);
	y = q + nq, P = y + nq;
	for (int m = 0; m < nq; m++) {
		q[m] = 0.5 * (m + 1) / nq;
		y[m] = 3e-3 * (900 * exp(-70 * q[m] * q[m]) * (1 + 0.03 * sin(40 * q[m])) + 1) + 1e-4 * sin(1000.0 * m);
		for (int i = 0; i < b; i++) { /* v, s and w of one particle: vs = 2 v s and so on */
			double v = 90 * exp(-(30 + i) * q[m] * q[m]), s = 60 * exp(-(28 + i) * q[m] * q[m]),
			       w = 9 * exp(-(45 + i) * q[m] * q[m]);
			double *p = P + (size_t)i * BP_PROFILES * nq + m;
			p[0] = v * v, p[nq] = 2 * v * s, p[2 * nq] = s * s, p[3 * nq] = 2 * v * w, p[4 * nq] = 2 * s * w, p[5 * nq] = w * w;
		}
	}
	check_label(k, "b=%d q=%d level=%d%s%s", b, nq, S[shape].o.level, S[shape].o.fit_c1 ? " c1" : "", S[shape].o.fit_c2 ? " c2" : "");
	check_bound(k, 10, 1); /* 1e-6 */
	CHECK_OP(k, saxs_fit, .b = b, .nq = nq, .ld = ld, .o = S[shape].o, .energy_chi2 = S[shape].chi2, .swell = 0.5,
	    .q = check_given_doubles(k, q, (size_t)nq), .y = check_given_doubles(k, y, (size_t)nq), .w = check_doubles(k, (size_t)nq, 1e5, 1e6),
	    .P = check_given_doubles(k, P, BP_PROFILES * all), .energy = check_out_doubles(k, (size_t)b), .c2 = check_out_doubles(k, (size_t)b),
	    .values = check_out_doubles(k, (size_t)b * ld), .calc = check_out_doubles(k, all), .E = check_out_doubles(k, all),
	    .g = check_out_doubles(k, all));
	free(q);
}

/* fp64; the set of atoms is the same in all rows */
static void
rg_energy(struct check *k, int shape)
{
	static const struct {
		int b, n;
		enum bp_rg_method method;
		double threshold, cap;
		bool contrast;
	} S[] = { { 1, 1, BP_RG_ROBUST, 3, 10, false }, { 2, 7, BP_RG_TRIMMED, 3, 10, false }, { 2, 300, BP_RG_ROBUST, 1, 0.01, true },
		{ 3, 1031, BP_RG_STANDARD, 3, 0.005, false }, { 1, 1500, BP_RG_ROBUST, 0, 10, false }, { 2, 2049, BP_RG_TRIMMED, 3, 10, true },
		{ 1, 4000, BP_RG_ROBUST, 3, 10, false } };
	const int b = S[shape].b, n = S[shape].n, ld = BP_RG_VALUES;
	uint8_t *mask = malloc((size_t)n);
	const void *up;

	bp_assert(mask);
	for (int i = 0; i < n; i++)
		mask[i] = i == 0 || i % 13 != 5;
	check_label(k, "b=%d n=%d method=%d%s", b, n, S[shape].method, S[shape].contrast ? " contrast" : "");
	check_bound(k, 1e-4, 1);
	up = check_bytes(k, mask, (size_t)n);
	CHECK_OP(k, rg_energy, .b = b, .n = n, .ld = ld, .method = S[shape].method, .threshold = S[shape].threshold, .target = 9,
	    .cap = S[shape].cap, .k = check_doubles(k, 1, 5, 6), .x = check_doubles(k, 3 * (size_t)b * n, -20, 30), .mask = up,
	    .w = check_doubles(k, (size_t)n, 1, 9), .a = S[shape].contrast ? check_doubles(k, (size_t)b * n, 0, 1) : NULL,
	    .place = mixed(k, n, n), .places = n, .layer = 3, .energy = check_out_doubles(k, (size_t)b),
	    .gradient = check_out_doubles(k, 3 * (size_t)b * n), .values = check_out_doubles(k, (size_t)b * ld));
	free(mask);
}

/* As rg_energy, and what rounding grows to over the steps. In some shapes the sample is where it should be, moves without end, or does not
 * count; numbers that are told lie one behind the other, as the sampler has them. HEAP: three of five atoms are in one place; FAR: some of
 * them far from the others; FEW: weights are masses, ONE: 1, SIGNED: one of five is below 0. */
static void
rg_steps(struct check *k, int shape)
{
	static const struct {
		int b, n, steps;
		enum bp_rg_method method;
		double threshold, target, cap, weight;
		bool contrast, raw;
		enum { SPREAD, HEAP, FAR } where;
		enum { MANY, FEW, ONE, SIGNED } weights;
	} S[] = { { 1, 1, 2, BP_RG_ROBUST, 3, 9, 10, 0.5, false, false, SPREAD, MANY }, { 2, 7, 20, BP_RG_TRIMMED, 3, 9, 10, 0.1, false, false, SPREAD, MANY },
		{ 2, 300, 5, BP_RG_ROBUST, 1, 9, 0.01, 0.5, true, false, SPREAD, MANY }, { 3, 1031, 20, BP_RG_STANDARD, 3, 12, 0.02, 0.1, false, false, SPREAD, MANY },
		{ 1, 511, 3, BP_RG_ROBUST, 1e-3, 9, 10, 0.5, false, false, SPREAD, MANY }, { 2, 513, 20, BP_RG_STANDARD, 3, 20, 0, 1e-3, true, true, SPREAD, MANY },
		{ 2, 2049, 4, BP_RG_TRIMMED, 3, 9, 10, 0.5, true, false, SPREAD, MANY }, { 2, 301, 3, BP_RG_ROBUST, 3, 9, 10, 0, false, false, SPREAD, MANY },
		{ 2, 1499, 3, BP_RG_ROBUST, 3, 9, 10, 0.1, false, false, HEAP, MANY }, { 1, 5377, 2, BP_RG_ROBUST, 3, 9, 10, 0.1, false, false, SPREAD, MANY },
		{ 1, 9001, 3, BP_RG_ROBUST, 2, 9, 0.003, 0.1, true, false, SPREAD, MANY },
		{ 1, 4100, 20, BP_RG_ROBUST, 3, 20, 10, 0.1, false, false, SPREAD, FEW }, { 5, 700, 20, BP_RG_ROBUST, 3, 20, 10, 0.3, false, false, SPREAD, FEW },
		{ 1, 4100, 20, BP_RG_ROBUST, 3, 20, 10, 0.1, false, false, FAR, FEW }, { 5, 700, 20, BP_RG_ROBUST, 3, 20, 0.05, 0.1, false, false, SPREAD, FEW },
		{ 5, 700, 20, BP_RG_ROBUST, 3, 20, 10, 0.1, false, false, SPREAD, SIGNED }, { 1, 4100, 20, BP_RG_ROBUST, 2, 12, 10, 1.2, false, false, SPREAD, MANY },
		{ 1, 4100, 20, BP_RG_STANDARD, 3, 20, 10, 0.1, false, false, SPREAD, FEW }, { 5, 700, 40, BP_RG_STANDARD, 3, 60, 0, 0.3, false, true, FAR, FEW },
		{ 5, 700, 20, BP_RG_STANDARD, 3, 20, 0.1, 0.1, false, false, SPREAD, FEW }, { 1, 4100, 20, BP_RG_STANDARD, 3, 20, 10, 0.1, false, false, SPREAD, SIGNED },
		{ 1, 4100, 20, BP_RG_TRIMMED, 3, 20, 10, 0.1, false, false, FAR, FEW }, { 5, 700, 20, BP_RG_TRIMMED, 3, 20, 10, 0.1, false, false, SPREAD, SIGNED },
		{ 2, 600, 40, BP_RG_ROBUST, 3, 20, 10, 0.1, false, false, SPREAD, ONE },
		{ 1, 4096, 20, BP_RG_ROBUST, 3, 9, 10, 0.1, false, false, SPREAD, FEW } };
	const int b = S[shape].b, n = S[shape].n, ld = BP_RG_VALUES + 1;
	const size_t ahead = (size_t)b * (1 + (size_t)ld + BP_STEP_VALUES);
	static const double masses[] = { 12.011, 14.007, 12.011, 15.999, 12.011, 32.06, 12.011 };
	double weight = S[shape].weight, *told, *x = malloc((3 * (size_t)b + 1) * n * sizeof *x), *w = x ? x + 3 * (size_t)b * n : NULL;
	uint8_t *mask = malloc((size_t)n);
	struct bp_rg_energy f = { .b = b, .n = n, .ld = ld, .method = S[shape].method, .threshold = S[shape].threshold,
		.target = S[shape].target, .cap = S[shape].cap, .places = n, .layer = 3 };

	bp_assert(mask && x);
	for (int i = 0; i < n; i++)
		mask[i] = i == 0 || i % 13 != 5;
	for (int i = 0; i < 3 * b * n; i++)
		x[i] = S[shape].where == HEAP && i / 3 % 5 > 1 ? 60 + i % 3 : 25 * sin(1.7 * i + 0.3 * (i / 3 % 17)) + 3 * cos(0.01 * i) + 40;
	for (int i = 0; i < 3 * b * n; i++)
		x[i] += S[shape].where == FAR && i / 3 % 41 == 7 ? 70 + i % 50 : 0;
	for (int i = 0; i < n; i++)
		w[i] = S[shape].weights == FEW ? masses[i % 7] : S[shape].weights == ONE ? 1 : i % 5 == 3 ? -1 : 1 + i % 89 / 10.0;
	check_label(k, "b=%d n=%d steps=%d method=%d%s%s%s%s", b, n, S[shape].steps, f.method, S[shape].contrast ? " contrast" : "",
	    S[shape].raw ? " raw" : "", S[shape].where == HEAP ? " heap" : S[shape].where == FAR ? " far" : "",
	    (const char *const[]) { "", " masses", " ones", " signed" }[S[shape].weights]);
	check_bound(k, 1e-3, 1);
	f.k = check_doubles(k, 1, 5, 6), f.mask = check_bytes(k, mask, (size_t)n);
	f.w = S[shape].weights == MANY ? check_doubles(k, (size_t)n, 1, 9) : check_given_doubles(k, w, (size_t)n);
	f.a = S[shape].contrast ? check_doubles(k, (size_t)b * n, 0, 1) : NULL, f.place = mixed(k, n, n);
	told = check_out_doubles(k, ahead * (size_t)S[shape].steps);
	f.energy = told, f.values = told + b;
	CHECK_OP(k, rg_steps, .f = f, .steps = S[shape].steps, .weight = check_given_doubles(k, &weight, 1), .raw = S[shape].raw,
	    .x = check_inout_doubles(k, x, 3 * (size_t)b * n), .moves = told + b + b * ld, .ahead = ahead);
	free(mask), free(x);
}

static void
guide_begin(struct check *k, int shape)
{
	static const int counts[] = { 3, 257, 100003, 3 * 4096 };
	const size_t n = (size_t)counts[shape];

	check_label(k, "numbers=%zu", n);
	check_bound(k, 0, 1);
	CHECK_OP(k, guide_begin, .count = (int64_t)n, .from = check_normal(k, n), .kept = check_out(k, n), .x = check_out_doubles(k, n));
}

/* K in fp32: 2^-22 of each of its numbers, which have one sign */
static void
guide_step(struct check *k, int shape)
{
	static const struct {
		int b, n, points;
		double smoothing, weight;
		bool raw, placed;
	} S[] = { { 1, 1, 1, 10, 1, false, false }, { 2, 40, 7, 10, 0.5, true, true }, { 1, 777, 97, 0, 1, false, true },
		{ 3, 1031, 129, 10, 0.1, false, true }, { 2, 512, 64, 10, 0, true, false }, { 1, 33000, 4111, 10, 1, true, false },
		{ 1, 4096, 512, 10, 0.1, false, true } };
	const int b = S[shape].b, n = S[shape].n, points = S[shape].points;
	int32_t *list = malloc((3 * (size_t)n + (size_t)points + 1) * sizeof *list), *first = list + n, *member = first + points + 1,
		*place = member + n, at = 0;
	double weight = S[shape].weight, *x = malloc(3 * (size_t)b * n * sizeof *x);

	bp_assert(list && x);
	for (int i = 0; i < n; i++) /* every ninth atom is of none */
		list[i] = i % 9 == 4 && n > points ? -1 : i % points, place[i] = i % 5 == 2 ? -1 : n - 1 - i;
	for (int q = 0; q < points; q++) {
		first[q] = at;
		for (int i = q; i < n; i += points)
			if (list[i] == q)
				member[at++] = i;
	}
	first[points] = at;
	for (int i = 0; i < 3 * b * n; i++)
		x[i] = 25 * sin(1.7 * (i / 3 % points) + i % 3) + sin(0.3 * i);
	check_label(k, "b=%d n=%d points=%d%s%s", b, n, points, S[shape].smoothing > 0 ? " smooth" : "", S[shape].raw ? " raw" : "");
	check_bound(k, 16, 16);
	CHECK_OP(k, guide_step, .b = b, .n = n, .points = points, .point = check_given(k, list, (size_t)n),
	    .first = check_given(k, first, (size_t)points + 1), .member = check_given(k, member, (size_t)n), .places = n,
	    .place = S[shape].placed ? check_given(k, place, (size_t)n) : NULL, .g = check_doubles(k, 3 * (size_t)b * n, -3, 4),
	    .energy = check_doubles(k, (size_t)b, 5, 9), .weight = check_given_doubles(k, &weight, 1), .raw = S[shape].raw, .goal = 1,
	    .smoothing = S[shape].smoothing, .x = check_inout_doubles(k, x, 3 * (size_t)b * n), .values = check_out_doubles(k, BP_STEP_VALUES * (size_t)b));
	free(list), free(x);
}

static void
guide_end(struct check *k, int shape)
{
	static const int S[][2] = { { 1, 1 }, { 3, 7 }, { 2, 1031 }, { 1, 4096 } };
	const int b = S[shape][0], n = S[shape][1];

	check_label(k, "b=%d n=%d", b, n);
	check_bound(k, 2, 1);
	CHECK_OP(k, guide_end, .b = b, .n = n, .most = shape % 2 ? 2 : 0, .kept = check_normal(k, 3 * (size_t)b * n),
	    .x = check_doubles(k, 3 * (size_t)b * n, -3, 3), .to = check_out(k, 3 * (size_t)b * n),
	    .values = check_out_doubles(k, BP_END_VALUES * (size_t)b));
}

const struct check_op check_guide[] = {
	{ "pair_histogram", pair_histogram, PAIRS, 2, 0, 0 },
	{ "pair_force", pair_force, PAIRS, 2, 0, 0 },
	{ "sinc_sum", sinc_sum, 2, 1, 0, 0 },
	{ "sinc_force", sinc_force, 2, 1, 0, 0 },
	{ "pair_sinc", pair_sinc, 4, 1, 0, 0 },
	{ "pair_sinc_force", pair_sinc_force, 4, 0, 0, 0 },
	{ "debye_profiles", debye_profiles, 4, 1, 0, 0 },
	{ "debye_weights", debye_weights, 4, 1, 0, 0 },
	{ "grid_read", grid_read, 3, 1, 0, 0 },
	{ "grid_spread", grid_spread, 6, 1, 0, 0 },
	{ "pair_move", pair_move, 4, 1, 0, 0 },
	{ "wave_sum", wave_sum, 2, 0, 0, 0 },
	{ "wave_force", wave_force, 2, 0, 0, 0 },
	{ "exposed_fraction", exposed_fraction, 3, 1, 0, 0 },
	{ "sinc_table", sinc_table, 2, 1, 0, 0 },
	{ "centre_atoms", centre_atoms, 3, 1, 0, 0 },
	{ "saxs_fit", saxs_fit, 6, 1, 0, 0 },
	{ "rg_energy", rg_energy, 6, 1, 0, 0 },
	{ "rg_steps", rg_steps, 24, 1, 0, 0 },
	{ "guide_begin", guide_begin, 3, 1, 0, 0 },
	{ "guide_step", guide_step, 6, 1, 0, 0 },
	{ "guide_end", guide_end, 3, 1, 0, 0 },
	{ 0 },
};
