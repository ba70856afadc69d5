/* cases of the embedding and coordinate ops */
#include <math.h>
#include <stdlib.h>

#include "check.h"

/* c counts the float32 additions and products between input and output. Where there is hardly a sum, 2.5 for each: the
 * largest of many outputs is about 5 rms, and half a unit in its last place 2.5 * 2^-23 rms. */
static void
msa_embed(struct check *k, int shape)
{
	static const struct {
		int s, n, nclass, c;
		bool paired;
	} S[] = { { 1, 1, 1, 1, true }, { 3, 7, 33, 5, false }, { 17, 31, 33, 64, true }, { 128, 256, 33, 64, true } };
	int s = S[shape].s, n = S[shape].n, c = S[shape].c;
	size_t cells = (size_t)s * n;
	struct bp_weight W = check_weight(k, c, S[shape].nclass + 2 + S[shape].paired);

	check_label(k, "s=%d n=%d c=%d", s, n, c);
	check_bound(k, 4, 5);
	CHECK_OP(k, msa_embed, .s = s, .n = n, .nclass = S[shape].nclass,
	    .msa = check_ints(k, cells, 0, S[shape].nclass - 1), .has_deletion = check_mask(k, cells),
	    .deletion_value = check_normal(k, cells), .paired = check_mask(k, cells), .W = &W,
	    .add = check_normal(k, (size_t)n * c), .out = check_out(k, cells * c));
}

static void
rel_pos(struct check *k, int shape)
{
	static const struct {
		int n, c;
		bool cyclic, sym, add;
	} S[] = { { 1, 1, false, false, false }, { 13, 5, true, true, true }, { 31, 32, true, false, false },
		{ 65, 128, false, true, true }, { 512, 128, true, true, true } };
	static const float period[] = { 0, 0, 12, 37.5f, 100, 3, 0, 1 };
	int n = S[shape].n;
	float *p = malloc((size_t)n * sizeof *p);
	struct bp_weight W = check_weight(k, S[shape].c, 139);

	bp_assert(p);
	for (int i = 0; i < n; i++)
		p[i] = period[i % 8];
	check_label(k, "n=%d c=%d%s", n, S[shape].c, S[shape].cyclic ? " cyclic" : "");
	check_bound(k, 4, 5);
	CHECK_OP(k, rel_pos, .n = n, .asym_id = check_ints(k, n, 0, 2), .residue_index = check_ints(k, n, -3, 60),
	    .entity_id = check_ints(k, n, 0, 1), .token_index = check_ints(k, n, 0, n),
	    .sym_id = check_ints(k, n, 0, 5), .cyclic_period = S[shape].cyclic ? check_floats(k, p, n) : NULL,
	    .fix_sym_check = S[shape].sym, .W = &W, .add = S[shape].add, .first = shape == 2 ? 5 : 0, .rows = shape == 2 ? 20 : 0,
	    .out = check_out(k, (size_t)n * n * S[shape].c));
	free(p);
}

/* n and c of the ops over pairs; { 512, 128 } is timed; the last, on cards: more pairs than are copied at once */
static const int pair_shapes[][2] = { { 1, 1 }, { 7, 3 }, { 33, 31 }, { 64, 128 }, { 512, 128 }, { 363, 9 } };
#define PAIRS                                                       \
	const int n = pair_shapes[shape][0], c = pair_shapes[shape][1]; \
	const size_t nn = (size_t)n * n;                            \
	check_label(k, "n=%d c=%d", n, c)

static void
pair_sum(struct check *k, int shape)
{
	PAIRS;
	check_bound(k, 5, 1);
	CHECK_OP(k, pair_sum, .n = n, .c = c, .a = check_normal(k, (size_t)n * c), .b = check_normal(k, (size_t)n * c),
	    .add = shape != 2, .out = check_out(k, nn * c));
}

static void
pair_prod_linear(struct check *k, int shape)
{
	PAIRS;
	struct bp_weight W = check_weight(k, c, c);
	check_flops(k, 2.0 * nn * c * c);
	check_bound(k, 4, c);
	CHECK_OP(k, pair_prod_linear, .n = n, .c = c, .a = check_normal(k, (size_t)n * c),
	    .b = check_normal(k, (size_t)n * c), .W = &W, .out = check_out(k, nn * c));
}

static void
bond_embed(struct check *k, int shape)
{
	PAIRS;
	struct bp_weight W = check_weight(k, c, 1), E = check_weight(k, 7, c);
	check_bound(k, 3, 3);
	CHECK_OP(k, bond_embed, .n = n, .c = c, .token_bonds = check_mask(k, nn),
	    .type_bonds = shape == 1 ? NULL : check_ints(k, nn, 0, 6), .W = &W, .E = shape == 1 ? NULL : &E,
	    .out = check_out(k, nn * c));
}

/* the float32 argument 2 pi (w t + b) of the cosines is of size 30: their error is 16 units of the last place */
static void
contact_embed(struct check *k, int shape)
{
	static const float thresholds[] = { 0, 4, 6, 12.5f, 20 };
	PAIRS;
	struct bp_weight enc = check_weight(k, c, c + 4), enc_b = check_norm_b(k, c), fw = check_norm_w(k, c),
	                 fb = check_norm_b(k, c);
	struct bp_weight u0 = check_norm_b(k, c), u1 = check_norm_b(k, c);
	float *t = malloc(nn * sizeof *t);

	bp_assert(t);
	for (size_t i = 0; i < nn; i++)
		t[i] = thresholds[i % 5];
	check_bound(k, 4, c + 4);
	CHECK_OP(k, contact_embed, .n = n, .c = c, .klass = check_ints(k, nn, shape == 4 ? 0 : -1, shape == 4 ? 1 : 4),
	    .threshold = check_floats(k, t, nn), .enc = &enc, .enc_b = &enc_b, .fw = &fw, .fb = &fb, .unspecified = &u0,
	    .unselected = &u1, .out = check_out(k, nn * c));
	free(t);
}

static void
template_embed(struct check *k, int shape)
{
	static const float ids[] = { 0, 0, 1, -1 };
	PAIRS;
	struct bp_weight W = check_weight(k, c, 109);
	float *vis = malloc((size_t)n * sizeof *vis), *far = malloc(3 * (size_t)n * sizeof *far);

	bp_assert(vis && far);
	for (int i = 0; i < n; i++) {
		vis[i] = ids[i % 4];
		for (int d = 0; d < 3; d++) /* distances on both sides of every boundary */
			far[3 * i + d] = (float)((i * (d + 1) * 37) % 41);
	}
	check_bound(k, 6, 9);
	CHECK_OP(k, template_embed, .n = n, .c = c, .type = check_ints(k, n, -1, 32),
	    .rot = check_normal(k, 9 * (size_t)n), .t = check_normal(k, 3 * (size_t)n),
	    .cb = check_floats(k, far, 3 * (size_t)n), .ca = check_normal(k, 3 * (size_t)n),
	    .mask_frame = check_mask(k, n), .mask_cb = check_mask(k, n), .visibility = check_floats(k, vis, n), .W = &W,
	    .out = check_out(k, nn * c));
	free(vis);
	free(far);
}

static void
dist_bin_embed(struct check *k, int shape)
{
	PAIRS;
	const int nbound = shape == 0 ? 1 : 63;
	struct bp_weight E = check_weight(k, nbound + 1, c), bound = { NULL, NULL, nbound, 1 };
	float *b = malloc((size_t)nbound * sizeof *b);

	bp_assert(b);
	for (int i = 0; i < nbound; i++)
		b[i] = 0.1f * (float)i;
	bound.p = check_floats(k, b, nbound);
	check_bound(k, 2, 2);
	CHECK_OP(k, dist_bin_embed, .n = n, .c = c, .nbound = nbound, .x = check_normal(k, 3 * (size_t)n),
	    .boundaries = &bound, .E = &E, .dist = shape == 1 ? NULL : check_out(k, nn), .out = check_out(k, nn * c));
	free(b);
}

static void
token_embed(struct check *k, int shape)
{
	static const struct {
		int rows, classes, c;
		bool embedding;
	} S[] = { { 1, 1, 1, false }, { 7, 33, 5, false }, { 31, 33, 384, true }, { 33, 12, 48, true },
		{ 2000, 33, 384, false } };
	int c = S[shape].c, classes = S[shape].classes;
	struct bp_weight W = S[shape].embedding ? check_weight(k, classes, c) : check_weight(k, c, classes);

	check_label(k, "rows=%d c=%d%s", S[shape].rows, c, S[shape].embedding ? " embedding" : "");
	check_bound(k, 1, 2);
	CHECK_OP(k, token_embed, .rows = S[shape].rows, .index = check_ints(k, S[shape].rows, -1, classes - 1), .W = &W,
	    .embedding = S[shape].embedding, .out = check_out(k, (size_t)S[shape].rows * c));
}

static void
atom_embed(struct check *k, int shape)
{
	static const int S[][2] = { { 1, 1 }, { 31, 7 }, { 64, 128 }, { 4096, 128 } };
	int n = S[shape][0], c = S[shape][1];
	struct bp_weight W = check_weight(k, c, BP_ATOM_FEATURES), b = check_norm_b(k, c);

	check_label(k, "atoms=%d c=%d", n, c);
	check_bound(k, 4, 10);
	CHECK_OP(k, atom_embed, .atoms = n, .ref_pos = check_normal(k, 3 * (size_t)n), .charge = check_normal(k, n),
	    .element = check_ints(k, n, -1, BP_ATOM_ELEMENTS - 1),
	    .chars = check_ints(k, 4 * (size_t)n, -1, BP_ATOM_CHARS - 1), .W = &W, .b = &b,
	    .out = check_out(k, (size_t)n * c));
}

static void
atom_pair_embed(struct check *k, int shape)
{
	static const struct {
		int atoms, cp, n; /* n 0: without zp */
	} S[] = { { 32, 1, 0 }, { 64, 7, 3 }, { 192, 16, 11 }, { 96, 16, 0 }, { 2048, 16, 256 } };
	int A = S[shape].atoms, cp = S[shape].cp, n = S[shape].n;
	struct bp_weight Wpos = check_weight(k, cp, 3), Wdist = check_weight(k, cp, 1), Wmask = check_weight(k, cp, 1);
	struct bp_weight W1 = check_weight(k, cp, cp), W2 = check_weight(k, cp, cp), W3 = check_weight(k, cp, cp);

	check_label(k, "atoms=%d cp=%d n=%d", A, cp, n);
	check_flops(k, 6.0 * A * 128 * cp * cp);
	check_bound(k, 16, cp + 6);
	CHECK_OP(k, atom_pair_embed, .atoms = A, .cp = cp, .n = n, .ref_pos = check_normal(k, 3 * (size_t)A),
	    .mask = check_mask(k, A), .uid = check_ints(k, A, 0, 2), .token = check_ints(k, A, -1, n - 1),
	    .cq = check_normal(k, (size_t)A * cp), .ck = check_normal(k, (size_t)A * cp),
	    .zp = n ? check_normal(k, (size_t)n * n * cp) : NULL, .Wpos = &Wpos, .Wdist = &Wdist, .Wmask = &Wmask,
	    .W1 = &W1, .W2 = &W2, .W3 = &W3, .out = check_out(k, (size_t)A * 128 * cp));
}

static void
gather_rows(struct check *k, int shape)
{
	static const int S[][4] = { { 1, 1, 1, 1 }, { 3, 31, 7, 5 }, { 2, 33, 65, 128 }, { 5, 4096, 512, 128 } };
	int b = S[shape][0], rows = S[shape][1], from = S[shape][2], c = S[shape][3];

	check_label(k, "b=%d rows=%d c=%d", b, rows, c);
	check_bound(k, 1, 1);
	CHECK_OP(k, gather_rows, .b = b, .rows = rows, .from = from, .c = c, .index = check_ints(k, rows, -1, from - 1),
	    .x = check_normal(k, (size_t)b * from * c), .add = shape % 2, .out = check_out(k, (size_t)b * rows * c));
}

static void
atom_to_token(struct check *k, int shape)
{
	static const int S[][3] = { { 1, 1, 1 }, { 3, 7, 5 }, { 2, 31, 128 }, { 5, 512, 768 } }; /* b, n, c */
	int b = S[shape][0], n = S[shape][1], c = S[shape][2], atoms = 0;
	int32_t *first = malloc(2 * (size_t)n * sizeof *first);

	bp_assert(first);
	for (int i = 0; i < n; i++) { /* 0 to 23 atoms: a padding token has none */
		first[i] = atoms;
		first[n + i] = i % 5 == 3 ? 0 : 1 + i % 23;
		atoms += first[n + i];
	}
	check_label(k, "b=%d n=%d c=%d", b, n, c);
	check_bound(k, 2, 23);
	CHECK_OP(k, atom_to_token, .b = b, .n = n, .atoms = atoms, .c = c, .first = check_given(k, first, n),
	    .count = check_given(k, first + n, n), .x = check_normal(k, (size_t)b * atoms * c), .add = shape % 2,
	    .out = check_out(k, (size_t)b * n * c));
	free(first);
}

/* see contact_embed for the cosine */
static void
fourier(struct check *k, int shape)
{
	static const int S[][2] = { { 1, 1 }, { 7, 31 }, { 33, 256 }, { 5, 256 } };
	int rows = S[shape][0], c = S[shape][1];
	struct bp_weight w = check_norm_w(k, c), b = check_norm_b(k, c);

	check_label(k, "rows=%d c=%d", rows, c);
	check_bound(k, 4, 1);
	CHECK_OP(k, fourier, .rows = rows, .c = c, .t = check_normal(k, rows), .w = &w, .b = &b,
	    .out = check_out(k, (size_t)rows * c));
}

static const int counts[] = { 1, 7, 1000, 100003, 1 << 24 };

static void
axpy(struct check *k, int shape)
{
	int n = counts[shape];
	check_label(k, "n=%d", n);
	check_bound(k, 5, 1);
	CHECK_OP(k, axpy, .count = n, .alpha = 0.7f, .x = check_normal(k, n), .y = check_out(k, n));
}

static void
affine(struct check *k, int shape)
{
	int n = counts[shape];
	check_label(k, "n=%d", n);
	check_bound(k, 7.5, 1);
	CHECK_OP(k, affine, .count = n, .alpha = 0.7f, .beta = -1.3f, .x = check_normal(k, n),
	    .y = shape == 1 ? NULL : check_normal(k, n), .out = check_out(k, n));
}

static void
noise(struct check *k, int shape)
{
	static const int S[][2] = { { 1, 1 }, { 3, 7 }, { 2, 4099 }, { 5, 48000 } };
	check_label(k, "b=%d count=%d", S[shape][0], S[shape][1]);
	check_bound(k, 1, 1);
	CHECK_OP(k, noise, .key = 0x123456789abcdef, .stream = 17, .b = S[shape][0], .sample0 = 4, .count = S[shape][1],
	    .scale = 2.5f, .out = check_out(k, (size_t)S[shape][0] * S[shape][1]));
}

static const int sample_shapes[][2] = { { 1, 1 }, { 3, 7 }, { 2, 1025 }, { 1, 16000 }, { 5, 16000 } };

static void
augment(struct check *k, int shape)
{
	int b = sample_shapes[shape][0], n = sample_shapes[shape][1];
	size_t count = 3 * (size_t)b * n;
	check_label(k, "b=%d atoms=%d", b, n);
	check_bound(k, 4, 6);
	CHECK_OP(k, augment, .b = b, .atoms = n, .centred = shape == 1 ? 4 : 0, .x = check_normal(k, count),
	    .eps = shape == 1 ? NULL : check_normal(k, count), .R = shape == 2 ? NULL : check_normal(k, 9 * (size_t)b),
	    .tr = shape == 2 ? NULL : check_normal(k, 3 * (size_t)b), .w = shape < 2 ? NULL : check_mask(k, n),
	    .scale = 1.7f, .rest = 0.25f, .out = check_out(k, count));
}

/* target: x turned and moved a little, so that the rotation is well determined */
static void
align(struct check *k, int shape)
{
	int b = sample_shapes[shape][0], n = sample_shapes[shape][1], members = b;
	size_t count = 3 * (size_t)b * n;
	float *x = malloc(2 * count * sizeof *x), *t = x + count;

	bp_assert(x);
	for (size_t i = 0; i < count; i++)
		x[i] = (float)((i * 7919) % 1013) / 50;
	for (size_t i = 0; i < count; i += 3) {
		t[i] = -x[i + 1] + 100 + (float)(i % 5) / 10;
		t[i + 1] = x[i] - 30;
		t[i + 2] = x[i + 2] + (float)(i % 7) / 10;
	}
	check_label(k, "b=%d atoms=%d members=%d", b, n, members);
	check_bound(k, 2, 1);
	CHECK_OP(k, align, .b = b, .atoms = n, .members = members, .x = check_floats(k, x, count), .target = check_floats(k, t, count),
	    .w = check_mask(k, (size_t)n * (size_t)members), .out = check_out(k, count));
	free(x);
}

const struct check_op check_light[] = {
	{ "msa_embed", msa_embed, 3, 1, 0, 0 },
	{ "rel_pos", rel_pos, 4, 1, 0, 0 },
	{ "pair_sum", pair_sum, 4, 1, 0, 0 },
	{ "pair_prod_linear", pair_prod_linear, 4, 1, 0, 1 },
	{ "bond_embed", bond_embed, 4, 1, 0, 0 },
	{ "contact_embed", contact_embed, 4, 1, 0, 0 },
	{ "template_embed", template_embed, 4, 1, 0, 0 },
	{ "dist_bin_embed", dist_bin_embed, 4, 1, 0, 0 },
	{ "token_embed", token_embed, 4, 1, 0, 0 },
	{ "atom_embed", atom_embed, 3, 1, 0, 0 },
	{ "atom_pair_embed", atom_pair_embed, 4, 1, 0, 0 },
	{ "gather_rows", gather_rows, 3, 1, 0, 0 },
	{ "atom_to_token", atom_to_token, 3, 1, 0, 0 },
	{ "fourier", fourier, 3, 1, 0, 0 },
	{ "axpy", axpy, 4, 1, 0, 0 },
	{ "affine", affine, 4, 1, 0, 0 },
	{ "noise", noise, 3, 1, 0, 0 },
	{ "augment", augment, 4, 1, 0, 0 },
	{ "align", align, 4, 1, 0, 0 },
	{ 0 },
};
