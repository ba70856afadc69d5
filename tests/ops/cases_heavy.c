/* cases of the ops with matrix products */
#include "check.h"

/* c counts roundings: norm 2, a product and its sum 2, an activation 2 */
static void
linear(struct check *k, int shape)
{
	static const struct {
		int rows, k, k2, n;
		bool norm, in_relu, bias, add;
		enum bp_act act;
	} S[] = {
		{ 1, 1, 0, 1, false, false, false, false, BP_ACT_NONE },
		{ 7, 13, 0, 5, false, false, true, false, BP_ACT_NONE },
		{ 127, 32, 0, 33, true, false, true, true, BP_ACT_SIGMOID },
		{ 129, 64, 17, 48, true, true, false, false, BP_ACT_RELU },
		{ 64, 388, 0, 128, false, true, true, true, BP_ACT_NONE },
		{ 300, 96, 35, 96, true, false, true, false, BP_ACT_NONE },
		{ 1000, 16, 0, 64, false, false, true, false, BP_ACT_RELU },
		/* timed */
		{ 76, 96, 0, 96, true, false, true, false, BP_ACT_NONE },
		{ 214 * 214, 64, 0, 64, false, false, false, false, BP_ACT_NONE },
		{ 256 * 256, 128, 0, 128, true, false, false, false, BP_ACT_NONE },
		/* on cards: more rows than are copied at once */
		{ (1 << 17) + 5, 9, 3, 10, true, false, true, true, BP_ACT_RELU },
	};
	int rows = S[shape].rows, kk = S[shape].k + S[shape].k2, n = S[shape].n;
	struct bp_weight W = check_weight(k, n, kk), b = check_norm_b(k, n);
	struct bp_weight nw = check_norm_w(k, kk), nb = check_norm_b(k, kk);

	check_label(k, "rows=%d k=%d n=%d", rows, kk, n);
	check_flops(k, 2.0 * rows * kk * n);
	check_bound(k, 4, kk);
	CHECK_OP(k, linear, .rows = rows, .k = S[shape].k, .k2 = S[shape].k2,
	    .x = check_normal(k, (size_t)rows * S[shape].k),
	    .x2 = S[shape].k2 ? check_normal(k, (size_t)rows * S[shape].k2) : NULL, .norm = S[shape].norm, .nw = &nw,
	    .nb = &nb, .in_relu = S[shape].in_relu, .W = &W, .b = S[shape].bias ? &b : NULL, .act = S[shape].act,
	    .add = S[shape].add, .out = check_out(k, (size_t)rows * n));
}

static void
layer_norm(struct check *k, int shape)
{
	static const struct {
		int rows, c;
		bool affine;
	} S[] = { { 1, 1, true }, { 3, 2, false }, { 17, 31, true }, { 1000, 64, true }, { 65, 129, false },
		{ 5, 768, true }, { 214 * 214, 64, true }, { 256 * 256, 128, true } };
	size_t n = (size_t)S[shape].rows * S[shape].c;
	struct bp_weight w = check_norm_w(k, S[shape].c), b = check_norm_b(k, S[shape].c);

	check_label(k, "rows=%d c=%d", S[shape].rows, S[shape].c);
	check_bound(k, 6, 1);
	CHECK_OP(k, layer_norm, .rows = S[shape].rows, .c = S[shape].c, .x = check_normal(k, n),
	    .w = S[shape].affine ? &w : NULL, .b = S[shape].affine ? &b : NULL, .out = check_out(k, n));
}

/* norm 2, two products 2 each, silu 2, product, sum 2 */
static void
transition(struct check *k, int shape)
{
	static const struct {
		int rows, c, hidden;
		bool add;
	} S[] = { { 1, 8, 8, false }, { 83, 32, 128, true }, { 85, 17, 41, true }, { 1201, 64, 300, false },
		{ 777, 128, 512, true }, { 67, 384, 1536, true }, { 76, 96, 384, true }, { 76 * 76, 64, 256, true },
		{ 214 * 214, 64, 256, true }, { 256 * 256, 128, 512, true }, { 512 * 512, 128, 512, true },
		{ 1024 * 1024, 128, 512, true } };
	int rows = S[shape].rows, c = S[shape].c, hidden = S[shape].hidden;
	struct bp_weight nw = check_norm_w(k, c), nb = check_norm_b(k, c);
	struct bp_weight fc1 = check_weight(k, hidden, c), fc2 = check_weight(k, hidden, c),
	                 fc3 = check_weight(k, c, hidden);
	float *out = check_out(k, (size_t)rows * c);

	check_label(k, "rows=%d c=%d hidden=%d%s", rows, c, hidden, S[shape].add ? " in place" : "");
	check_flops(k, 6.0 * rows * c * hidden);
	check_bound(k, 11, c + hidden);
	CHECK_OP(k, transition, .rows = rows, .c = c, .hidden = hidden,
	    .x = S[shape].add ? out : check_normal(k, (size_t)rows * c), .nw = &nw, .nb = &nb, .fc1 = &fc1, .fc2 = &fc2,
	    .fc3 = &fc3, .add = S[shape].add, .out = out);
}

/* norm 2, product and gate 5, product of three 3, norm 2, product and gate 5 */
static void
tri_mul(struct check *k, int shape)
{
	static const struct {
		int n, c;
		bool incoming, add, mask, pair_mask;
		int members;
	} S[] = { { 1, 16, false, true, false, false, 0 }, { 5, 16, true, true, true, false, 0 },
		{ 33, 32, false, true, true, false, 0 }, { 37, 20, true, false, false, true, 0 },
		{ 31, 64, true, true, false, true, 0 },
		{ 35, 32, false, true, true, false, 3 }, { 24, 128, true, true, true, false, 2 }, { 13, 20, true, false, false, true, 4 }, { 67, 128, false, true, true, false, 0 },
		{ 72, 128, true, false, true, false, 0 }, { 76, 64, false, true, true, false, 0 },
		{ 76, 64, true, true, true, false, 0 }, { 214, 64, false, true, true, false, 0 },
		{ 214, 64, true, true, true, false, 0 }, { 256, 128, false, true, false, false, 0 },
		{ 256, 128, true, true, false, false, 0 }, { 100, 128, false, true, true, false, 8 }, { 512, 128, false, true, false, false, 0 },
		{ 512, 128, true, true, false, false, 0 }, { 1024, 128, false, true, false, false, 0 },
		{ 1024, 128, true, true, false, false, 0 },
		{ 258, 128, true, true, true, false, 0 } /* on cards: channels in two groups */ };
	int n = S[shape].n, c = S[shape].c, members = S[shape].members ? S[shape].members : 1;
	size_t nn = (size_t)members * n * n;
	const struct bp_tri_mul_weights w
	    = { check_norm_w(k, c), check_norm_b(k, c), check_weight(k, 2 * c, c), check_weight(k, 2 * c, c),
		      check_norm_w(k, c), check_norm_b(k, c), check_weight(k, c, c), check_weight(k, c, c) };
	float *out = check_out(k, nn * c);

	check_label(
	    k, "n=%d c=%d members=%d%s%s", n, c, members, S[shape].incoming ? " incoming" : " outgoing", S[shape].add ? " in place" : "");
	check_flops(k, (12.0 * c + 2 * n) * c * (double)nn);
	check_bound(k, 17, c + n);
	CHECK_OP(k, tri_mul, .n = n, .c = c, .members = S[shape].members, .incoming = S[shape].incoming,
	    .x = S[shape].add ? out : check_normal(k, nn * c), .mask = S[shape].mask ? check_mask(k, (size_t)members * n) : NULL,
	    .pair_mask = S[shape].pair_mask ? check_mask(k, nn) : NULL, .w = &w, .add = S[shape].add, .out = out);
}

/* a mask of n tokens whose first 64 are 0: the largest score of the first tile of keys is far below that of the next */
static const float *
late_mask(struct check *k, int n)
{
	float mask[256];

	bp_assert(n <= 256);
	for (int i = 0; i < n; i++)
		mask[i] = i >= 64;
	return check_floats(k, mask, n);
}

/* norm 2, products 2, logits 4 (an error e of a logit is a relative error e of its weight), weights 3, sum 2, gate 3,
 * product 2 */
static void
tri_attn(struct check *k, int shape)
{
	static const struct {
		int n, c, heads, d;
		bool ending, add, mask, pair_mask, late;
		int members;
	} S[] = { { 1, 16, 1, 8, false, true, false, false, false, 0 }, { 5, 16, 2, 32, true, true, true, false, false, 0 },
		{ 33, 32, 4, 32, false, true, true, false, false, 0 }, { 37, 20, 3, 7, true, false, false, true, false, 0 },
		{ 97, 16, 2, 32, true, true, true, false, false, 0 },
		{ 35, 32, 4, 32, false, true, true, false, false, 3 }, { 66, 128, 4, 32, true, true, true, false, false, 2 },
		{ 13, 20, 3, 7, true, false, false, true, false, 4 }, { 86, 32, 2, 32, false, true, false, false, false, 0 },
		{ 67, 128, 4, 32, false, true, true, false, false, 0 }, { 72, 128, 4, 32, true, false, true, false, false, 0 },
		{ 76, 64, 2, 32, false, true, true, false, false, 0 }, { 76, 64, 2, 32, true, true, true, false, false, 0 },
		{ 214, 64, 2, 32, false, true, true, false, false, 0 }, { 214, 64, 2, 32, true, true, true, false, false, 0 },
		{ 256, 128, 4, 32, false, true, false, false, false, 0 }, { 256, 128, 4, 32, true, true, false, false, false, 0 }, { 100, 128, 4, 32, true, true, true, false, false, 8 },
		{ 512, 128, 4, 32, false, true, false, false, false, 0 }, { 512, 128, 4, 32, true, true, false, false, false, 0 },
		{ 1024, 128, 4, 32, false, true, false, false, false, 0 }, { 1024, 128, 4, 32, true, true, false, false, false, 0 },
		/* on cards: whole tiles of keys without a mask, the second far above the first */
		{ 200, 32, 2, 32, false, true, false, false, false, 0 }, { 195, 32, 2, 32, true, true, false, false, true, 0 } };
	int n = S[shape].n, c = S[shape].c, heads = S[shape].heads, hd = heads * S[shape].d, members = S[shape].members ? S[shape].members : 1;
	size_t nn = (size_t)members * n * n;
	const struct bp_tri_attn_weights w
	    = { check_norm_w(k, c), check_norm_b(k, c), check_weight(k, heads, c), check_weight(k, hd, c),
		      check_weight(k, hd, c), check_weight(k, hd, c), check_weight(k, hd, c), check_weight(k, c, hd) };
	float *out = check_out(k, nn * c);

	check_label(k, "n=%d c=%d heads=%d members=%d%s%s", n, c, heads, members, S[shape].ending ? " ending" : " starting",
	    S[shape].add ? " in place" : "");
	check_flops(k, (10.0 * c + 4 * n) * hd * (double)nn);
	check_bound(k, 18, c + n);
	CHECK_OP(k, tri_attn, .n = n, .c = c, .members = S[shape].members, .ending = S[shape].ending,
	    .x = S[shape].add ? out : check_normal(k, nn * c),
	    .mask = S[shape].late ? late_mask(k, n) : S[shape].mask ? check_mask(k, (size_t)members * n) : NULL,
	    .pair_mask = S[shape].pair_mask ? check_mask(k, nn) : NULL, .w = &w, .add = S[shape].add, .out = out);
}

static void
ada_ln(struct check *k, int shape)
{
	static const struct {
		int b, rows, c;
	} S[] = { { 1, 1, 8 }, { 3, 29, 33 }, { 2, 1100, 64 }, { 1, 76, 192 }, { 5, 1664, 64 }, { 5, 256, 768 } };
	size_t shared = (size_t)S[shape].rows * S[shape].c, n = shared * S[shape].b;

	check_label(k, "b=%d rows=%d c=%d", S[shape].b, S[shape].rows, S[shape].c);
	check_bound(k, 8, 1);
	CHECK_OP(k, ada_ln, .b = S[shape].b, .rows = S[shape].rows, .c = S[shape].c, .a = check_normal(k, n),
	    .scale = check_normal(k, shared), .shift = check_normal(k, shared), .out = check_out(k, n));
}

static struct bp_ada_weights
ada_weights(struct check *k, int cs, int c)
{
	return (struct bp_ada_weights) { check_norm_w(k, cs), check_kept(k, c, cs), check_norm_b(k, c),
		check_kept(k, c, cs), check_kept(k, c, cs), check_norm_b(k, c) };
}

static void
ada_cond(struct check *k, int shape)
{
	static const struct {
		int rows, cs, c, layers;
		bool odd; /* weights between those of the layers, so that these are not evenly spaced */
	} S[] = { { 1, 8, 8, 1, false }, { 25, 31, 33, 3, true }, { 110, 64, 48, 4, false }, { 1100, 64, 48, 1, false },
		{ 76, 192, 192, 2, false }, { 1664, 64, 64, 3, false }, { 256, 768, 768, 8, false }, { 512, 768, 768, 24, false } };
	int rows = S[shape].rows, cs = S[shape].cs, c = S[shape].c, layers = S[shape].layers;
	struct bp_ada_weights w[48];

	for (int i = 0; i < 2 * layers; i++) {
		w[i] = ada_weights(k, cs, c);
		if (S[shape].odd)
			check_normal(k, (size_t)i * 1000 + 1);
	}
	check_label(k, "rows=%d cs=%d c=%d layers=%d", rows, cs, c, layers);
	check_flops(k, 12.0 * layers * rows * cs * c);
	check_bound(k, 6, cs);
	CHECK_OP(k, ada_cond, .rows = rows, .cs = cs, .c = c, .layers = layers, .s = check_normal(k, (size_t)rows * cs),
	    .w = w, .out = check_out(k, (size_t)6 * layers * rows * c));
}

static void
cond_transition(struct check *k, int shape)
{
	static const struct {
		int b, rows, c, hidden;
	} S[] = { { 1, 1, 8, 16 }, { 3, 25, 33, 57 }, { 2, 1100, 32, 64 }, { 1, 76, 192, 384 }, { 5, 1664, 64, 128 },
		{ 1, 256, 768, 1536 } };
	int b = S[shape].b, rows = S[shape].rows, c = S[shape].c, hidden = S[shape].hidden;
	const struct bp_weight sg = check_kept(k, 2 * hidden, c), ab = check_kept(k, hidden, c),
	                       ba = check_kept(k, c, hidden);
	size_t n = (size_t)b * rows * c;

	check_label(k, "b=%d rows=%d c=%d hidden=%d", b, rows, c, hidden);
	check_flops(k, 8.0 * b * rows * c * hidden);
	check_bound(k, 13, c + hidden);
	CHECK_OP(k, cond_transition, .b = b, .rows = rows, .c = c, .hidden = hidden, .x = check_normal(k, n),
	    .gate = check_normal(k, (size_t)rows * c), .swish_gate = &sg, .a_to_b = &ab, .b_to_a = &ba,
	    .out = check_out(k, n));
}

const struct check_op check_heavy[] = {
	{ "linear", linear, 7, 3, 0, 1 },
	{ "layer_norm", layer_norm, 6, 2, 0, 0 },
	{ "transition", transition, 6, 4, 2, 0 },
	{ "tri_mul", tri_mul, 10, 7, 4, 1 },
	{ "tri_attn", tri_attn, 11, 7, 4, 2 },
	{ "ada_ln", ada_ln, 3, 3, 0, 0 },
	{ "ada_cond", ada_cond, 4, 3, 1, 0 },
	{ "cond_transition", cond_transition, 3, 3, 0, 0 },
	{ 0 },
};
