/* cases of attention with a given bias, of the MSA's ops and of the heads' ops */
#include "check.h"

static struct bp_attn_weights
attn_weights(struct check *k, int c)
{
	return (struct bp_attn_weights) { check_kept(k, c, c), check_norm_b(k, c), check_kept(k, c, c),
		check_kept(k, c, c), check_kept(k, c, c), check_kept(k, c, c) };
}

/* products 2, logits 4 (an error e of a logit is a relative error e of its weight), weights 3, sum 2, gate 3, product
 * 2, gate 1 */
static void
attn_pair_bias(struct check *k, int shape)
{
	static const struct {
		int b, n, c, heads;
		bool mask, gate;
		int members;
	} S[] = { { 1, 1, 8, 1, false, false, 0 }, { 2, 5, 24, 3, true, true, 0 }, { 3, 33, 96, 4, true, true, 0 },
		{ 6, 33, 96, 4, true, true, 3 }, { 4, 18, 24, 2, false, true, 4 },
		{ 1, 85, 40, 2, false, false, 0 }, { 2, 131, 64, 2, true, true, 0 }, { 2, 70, 192, 4, true, true, 0 }, { 1, 76, 96, 4, true, false, 0 },
		{ 1, 76, 192, 8, true, true, 0 }, { 5, 214, 192, 8, true, true, 0 }, { 1, 214, 96, 4, true, false, 0 },
		{ 1, 256, 384, 16, true, false, 0 }, { 1, 256, 768, 16, true, true, 0 }, { 8, 100, 768, 16, true, true, 8 },
		{ 1, 512, 384, 16, false, false, 0 }, { 1, 1024, 384, 16, false, false, 0 } };
	int b = S[shape].b, n = S[shape].n, c = S[shape].c, heads = S[shape].heads, members = S[shape].members;
	size_t count = (size_t)b * n * c, rows = (size_t)n * (size_t)bp_members(members);
	const struct bp_attn_weights w = attn_weights(k, c);

	check_label(k, "b=%d n=%d c=%d heads=%d members=%d", b, n, c, heads, members);
	check_flops(k, b * (10.0 * n * c * c + 4.0 * n * n * c));
	check_bound(k, 17, c + n);
	CHECK_OP(k, attn_pair_bias, .b = b, .n = n, .c = c, .heads = heads, .members = members, .x = check_normal(k, count),
	    .bias = check_normal(k, heads * rows * (size_t)n), .mask = S[shape].mask ? check_mask(k, rows) : NULL,
	    .gate = S[shape].gate ? check_normal(k, rows * (size_t)c) : NULL, .w = &w, .out = check_out(k, count));
}

static void
atom_attention(struct check *k, int shape)
{
	static const struct {
		int b, atoms, c, heads;
		bool gate;
		int members;
	} S[] = { { 1, 32, 16, 1, false, 0 }, { 2, 64, 24, 3, true, 0 }, { 6, 64, 24, 3, true, 2 }, { 3, 160, 32, 2, false, 3 }, { 1, 96, 32, 2, true, 0 }, { 2, 320, 64, 2, true, 0 },
		{ 1, 608, 64, 2, true, 0 }, { 5, 1664, 64, 2, true, 0 }, { 1, 2048, 128, 4, true, 0 } };
	int b = S[shape].b, atoms = S[shape].atoms, c = S[shape].c, heads = S[shape].heads, members = S[shape].members;
	size_t count = (size_t)b * atoms * c, rows = (size_t)atoms * (size_t)bp_members(members);
	const struct bp_attn_weights w = attn_weights(k, c);

	check_label(k, "b=%d atoms=%d c=%d heads=%d members=%d", b, atoms, c, heads, members);
	check_flops(k, (double)b * atoms * (10.0 * c * c + 4.0 * BP_WINDOW_K * c));
	check_bound(k, 17, c + BP_WINDOW_K);
	CHECK_OP(k, atom_attention, .b = b, .atoms = atoms, .c = c, .heads = heads, .members = members, .x = check_normal(k, count),
	    .bias = check_normal(k, heads * rows * BP_WINDOW_K), .mask = check_mask(k, rows),
	    .gate = S[shape].gate ? check_normal(k, rows * (size_t)c) : NULL, .w = &w, .out = check_out(k, count));
}

/* norm 2, weight times weight 1, product 2 */
static void
pair_bias(struct check *k, int shape)
{
	static const struct {
		int rows, c, heads, layers;
	} S[] = { { 1, 8, 1, 1 }, { 97, 17, 3, 2 }, { 1100, 64, 4, 1 }, { 191, 16, 4, 3 }, { 76 * 76, 64, 4, 1 },
		{ 76 * 76, 64, 8, 6 }, { 214 * 214, 64, 8, 6 }, { 256 * 256, 128, 16, 1 },
		{ 512 * 512, 128, 16, 1 }, { 1024 * 1024, 128, 16, 1 } };
	int rows = S[shape].rows, c = S[shape].c, heads = S[shape].heads, layers = S[shape].layers;
	struct bp_pair_bias_weights w[8];

	for (int l = 0; l < layers; l++)
		w[l] = (struct bp_pair_bias_weights) { check_norm_w(k, c), check_norm_b(k, c),
			check_weight(k, heads, c) };
	check_label(k, "rows=%d c=%d heads=%d layers=%d", rows, c, heads, layers);
	check_flops(k, 2.0 * rows * c * heads * layers);
	check_bound(k, 5, c);
	CHECK_OP(k, pair_bias, .rows = rows, .c = c, .heads = heads, .layers = layers, .stride = shape == 1 ? rows + 6 : 0,
	    .x = check_normal(k, (size_t)rows * c), .w = w,
	    .out = check_out(k, (size_t)layers * heads * (size_t)(shape == 1 ? rows + 6 : rows)));
}

/* norm 2, products 2, outer sum 2, division 1, product 2, sum 1 */
static void
outer_product_mean(struct check *k, int shape)
{
	static const struct {
		int s, n, c, hidden, cz;
		bool mask;
	} S[] = { { 1, 1, 8, 4, 8, false }, { 5, 13, 16, 32, 32, true }, { 7, 25, 33, 9, 17, true },
		{ 40, 29, 32, 32, 16, false }, { 1, 76, 32, 32, 64, true }, { 1, 214, 32, 32, 64, true },
		{ 64, 256, 64, 32, 128, true }, { 128, 512, 64, 32, 128, false }, { 128, 1024, 64, 32, 128, false } };
	int s = S[shape].s, n = S[shape].n, c = S[shape].c, hid = S[shape].hidden, cz = S[shape].cz;
	const struct bp_weight nw = check_norm_w(k, c), nb = check_norm_b(k, c), a = check_weight(k, hid, c),
	                       b = check_weight(k, hid, c), o = check_weight(k, cz, hid * hid),
	                       o_b = check_norm_b(k, cz);

	check_label(k, "s=%d n=%d c=%d hidden=%d cz=%d", s, n, c, hid, cz);
	check_flops(k, 2.0 * n * n * hid * hid * (s + cz));
	check_bound(k, 10, c + s + hid * hid);
	CHECK_OP(k, outer_product_mean, .s = s, .n = n, .c = c, .hidden = hid, .cz = cz,
	    .m = check_normal(k, (size_t)s * n * c), .mask = S[shape].mask ? check_mask(k, (size_t)s * n) : NULL,
	    .nw = &nw, .nb = &nb, .a = &a, .b = &b, .o = &o, .o_b = &o_b, .z = check_out(k, (size_t)n * n * cz));
}

/* norm 2, products 2, weights 3, sum 2, gate 3, product 2. Few tokens are not masked: the logits of a masked one stand beside -1e6, in steps of
 * 1/16, and one that turns over shows in an average of few. */
static void
pair_weighted_average(struct check *k, int shape)
{
	static const struct {
		int s, n, c, cz, heads, d;
		bool mask;
	} S[] = { { 1, 1, 8, 4, 1, 8, false }, { 3, 13, 16, 32, 8, 32, false }, { 2, 37, 20, 9, 3, 7, true },
		{ 2, 97, 8, 8, 2, 32, false }, { 1, 76, 32, 64, 8, 32, true }, { 1, 214, 32, 64, 8, 32, true },
		{ 64, 256, 64, 128, 8, 32, true }, { 128, 512, 64, 128, 8, 32, false }, { 128, 1024, 64, 128, 8, 32, false } };
	int s = S[shape].s, n = S[shape].n, c = S[shape].c, cz = S[shape].cz, heads = S[shape].heads,
	    hd = heads * S[shape].d;
	const struct bp_weight nmw = check_norm_w(k, c), nmb = check_norm_b(k, c), nzw = check_norm_w(k, cz),
	                       nzb = check_norm_b(k, cz), pm = check_weight(k, hd, c), pg = check_weight(k, hd, c),
	                       pz = check_weight(k, heads, cz), po = check_weight(k, c, hd);

	check_label(k, "s=%d n=%d c=%d cz=%d heads=%d d=%d", s, n, c, cz, heads, S[shape].d);
	check_flops(k, 2.0 * s * n * hd * (3 * c + n) + 2.0 * n * n * cz * heads);
	check_bound(k, 14, c + cz + n + hd);
	CHECK_OP(k, pair_weighted_average, .s = s, .n = n, .c = c, .cz = cz, .heads = heads, .d = S[shape].d,
	    .m = check_out(k, (size_t)s * n * c), .z = check_normal(k, (size_t)n * n * cz),
	    .mask = S[shape].mask ? check_mask(k, n) : NULL, .nmw = &nmw, .nmb = &nmb, .nzw = &nzw, .nzb = &nzb,
	    .pm = &pm, .pg = &pg, .pz = &pz, .po = &po);
}

static void
pair_head(struct check *k, int shape)
{
	static const struct {
		int n, c, bins;
		bool symmetric, other, bias;
	} S[] = { { 1, 8, 1, false, false, false }, { 13, 17, 64, true, true, false },
		{ 37, 32, 33, false, true, true }, { 85, 16, 64, true, false, true }, { 76, 64, 64, true, false, true },
		{ 214, 64, 64, true, true, false }, { 256, 128, 64, false, true, false },
		{ 363, 9, 10, true, true, true } /* on cards: more pairs than are copied at once */ };
	int n = S[shape].n, c = S[shape].c, bins = S[shape].bins;
	const struct bp_weight W = check_weight(k, bins, c), other = check_weight(k, bins, c),
	                       b = check_norm_b(k, bins);

	check_label(k, "n=%d c=%d bins=%d%s%s", n, c, bins, S[shape].symmetric ? " symmetric" : "",
	    S[shape].other ? " chains" : "");
	check_flops(k, 2.0 * n * n * c * bins);
	check_bound(k, 4, c);
	CHECK_OP(k, pair_head, .n = n, .c = c, .symmetric = S[shape].symmetric, .z = check_normal(k, (size_t)n * n * c),
	    .asym_id = check_ints(k, n, 0, 2), .W = &W, .W_other = S[shape].other ? &other : NULL,
	    .b = S[shape].bias ? &b : NULL, .out = check_out(k, (size_t)n * n * bins));
}

/* exp 2, sum 2, product and sum 2 */
static void
binned_mean(struct check *k, int shape)
{
	static const struct {
		int rows, bins, tables;
	} S[] = { { 1, 1, 1 }, { 97, 50, 3 }, { 1000, 64, 2 }, { 214 * 214, 64, 2 }, { 256 * 256, 64, 2 } };
	int rows = S[shape].rows, bins = S[shape].bins;

	check_label(k, "rows=%d bins=%d tables=%d", rows, bins, S[shape].tables);
	check_bound(k, 6, 1);
	CHECK_OP(k, binned_mean, .rows = rows, .bins = bins, .tables = S[shape].tables,
	    .logits = check_normal(k, (size_t)rows * bins), .value = check_normal(k, (size_t)S[shape].tables * bins),
	    .out = check_out(k, (size_t)S[shape].tables * rows));
}

const struct check_op check_attn[] = {
	{ "attn_pair_bias", attn_pair_bias, 8, 7, 2, 0 },
	{ "atom_attention", atom_attention, 6, 3, 0, 0 },
	{ "pair_bias", pair_bias, 4, 4, 2, 0 },
	{ "outer_product_mean", outer_product_mean, 4, 3, 2, 0 },
	{ "pair_weighted_average", pair_weighted_average, 4, 3, 2, 0 },
	{ "pair_head", pair_head, 4, 3, 0, 1 },
	{ "binned_mean", binned_mean, 3, 2, 0, 0 },
	{ 0 },
};
