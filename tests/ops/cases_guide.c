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
	struct bp_pairs p = { s->b, s->n, s->ntypes, start, NULL, NULL };

	for (int t = 0; t <= s->ntypes; t++)
		start[t] = t * s->n / s->ntypes;
	p.x = check_doubles(k, 3 * (size_t)s->b * s->n, -0.28 * size, 0.28 * size);
	if (s->layer)
		p.a = check_doubles(k, (size_t)s->b * s->n, 0, 1);
	check_label(k, "b=%d n=%d types=%d q=%d%s", s->b, s->n, s->ntypes, s->nq, s->layer ? " layer" : "");
	return p;
}

/* A distance in fp32 is off by 2^-24 of itself: by 4e-6 A, 4e-5 of a bin, from its ends 2^9 units of its last place. A
 * few atoms fill few of the bins: one share is then far above the rms. */
static void
pair_histogram(struct check *k, int shape)
{
	struct bp_pairs p = some_pairs(k, shape);
	const int bins = (int)(size / bin) + 4;

	check_bound(k, 600, p.n < 50 ? bins : 1);
	CHECK_OP(k, pair_histogram, .p = p, .bins = bins, .h = bin,
	    .H = check_out_doubles(k, (size_t)p.b * bp_pair_rows(&p) * bins), .far = check_out_doubles(k, (size_t)p.b));
}

/* the table is random from bin to bin, so that the same 2^9 units are of the force itself */
static void
pair_force(struct check *k, int shape)
{
	struct bp_pairs p = some_pairs(k, shape);
	const int bins = (int)(size / bin) + 4;

	check_bound(k, 600, 1);
	CHECK_OP(k, pair_force, .p = p, .bins = bins, .h = bin,
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
	CHECK_OP(k, debye_weights, .p = p, .nq = nq, .E = check_doubles(k, (size_t)p.b * nq, -1, 1),
	    .g = check_doubles(k, (size_t)p.b * nq, 0.9, 1.1), .c2 = check_doubles(k, (size_t)p.b, 0, 4),
	    .v = check_doubles(k, (size_t)p.ntypes * nq, 5, 10), .s = check_doubles(k, (size_t)p.ntypes * nq, 2, 5),
	    .w = check_doubles(k, (size_t)nq, 1, 3),
	    .G = check_out_doubles(k, (size_t)p.b * bp_pair_rows(&p) * nq));
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

const struct check_op check_guide[] = {
	{ "pair_histogram", pair_histogram, 4, 1, 0, 0 },
	{ "pair_force", pair_force, 4, 1, 0, 0 },
	{ "sinc_sum", sinc_sum, 2, 1, 0, 0 },
	{ "sinc_force", sinc_force, 2, 1, 0, 0 },
	{ "pair_sinc", pair_sinc, 4, 1, 0, 0 },
	{ "pair_sinc_force", pair_sinc_force, 4, 0, 0, 0 },
	{ "debye_profiles", debye_profiles, 4, 1, 0, 0 },
	{ "debye_weights", debye_weights, 4, 1, 0, 0 },
	{ "pair_move", pair_move, 4, 1, 0, 0 },
	{ "wave_sum", wave_sum, 2, 0, 0, 0 },
	{ "wave_force", wave_force, 2, 0, 0, 0 },
	{ "exposed_fraction", exposed_fraction, 3, 1, 0, 0 },
	{ 0 },
};
