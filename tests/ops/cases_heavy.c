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
	};
	int rows = S[shape].rows, kk = S[shape].k + S[shape].k2, n = S[shape].n;
	struct bp_weight W = check_weight(k, n, kk), b = check_norm_b(k, n);
	struct bp_weight nw = check_norm_w(k, kk), nb = check_norm_b(k, kk);

	check_label(k, "rows=%d k=%d n=%d", rows, kk, n);
	check_flops(k, 2.0 * rows * kk * n);
	check_bound(k, 4, kk);
	CHECK_OP(k, linear, .rows = rows, .k = S[shape].k, .k2 = S[shape].k2, .x = check_normal(k, (size_t)rows * S[shape].k),
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
	} S[] = { { 1, 1, true }, { 3, 2, false }, { 17, 31, true }, { 1000, 64, true }, { 65, 129, false }, { 5, 768, true },
		{ 214 * 214, 64, true }, { 256 * 256, 128, true } };
	size_t n = (size_t)S[shape].rows * S[shape].c;
	struct bp_weight w = check_norm_w(k, S[shape].c), b = check_norm_b(k, S[shape].c);

	check_label(k, "rows=%d c=%d", S[shape].rows, S[shape].c);
	check_bound(k, 6, 1);
	CHECK_OP(k, layer_norm, .rows = S[shape].rows, .c = S[shape].c, .x = check_normal(k, n),
	    .w = S[shape].affine ? &w : NULL, .b = S[shape].affine ? &b : NULL, .out = check_out(k, n));
}

const struct check_op check_heavy[] = {
	{ "linear", linear, 7, 3 },
	{ "layer_norm", layer_norm, 6, 2 },
	{ 0 },
};
