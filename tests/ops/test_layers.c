/* tests/ops/test_layers.c: the ops with matrix products against upstream's layers, in both variants: layer.MODULE.in
 * and .out of a run of the configuration `tiny`. */
#include "../golden.h"

#include "ops/ops.h"

enum { NAME = 200, TOKENS = 13, ATOMS = 96 };
/* relative to the largest number of the output: a few roundings of sums of at most 1024 terms, on both sides */
static const double RELATIVE = 1e-5;

struct fix {
	struct bp_err err;
	struct bp_arena *mem;
	struct bp_ctx *cx;
	struct bp_st *w, *m, *f; /* weights, run, features */
};

static struct fix
fix_open(const char *variant)
{
	struct fix x = { 0 };

	assert_int_equal(bp_arena_open(&x.mem, 0, &x.err), BP_OK);
	assert_int_equal(bp_ctx_open(&x.cx, "cpu", variant, NULL, 0, "fp32", 2, 0, &x.err), BP_OK);
	x.w = golden_open("model/tiny.safetensors");
	x.m = golden_open("model/tiny-tiny.safetensors");
	x.f = golden_open("features/tiny.safetensors");
	return x;
}

static void
fix_close(struct fix *x)
{
	bp_st_close(x->w);
	bp_st_close(x->m);
	bp_st_close(x->f);
	bp_ctx_close(x->cx);
	bp_arena_close(x->mem);
}

static struct bp_weight
weight(struct fix *x, const char *module, const char *name)
{
	char full[2 * NAME];

	snprintf(full, sizeof full, "%s.%s", module, name);
	return *golden_weight(x->w, full, x->mem);
}

static const struct bp_tensor *
layer(struct fix *x, const char *module, const char *end)
{
	char full[2 * NAME];
	const struct bp_tensor *t;

	snprintf(full, sizeof full, "layer.%s.%s", module, end);
	if (!(t = bp_st_get(x->m, full)))
		fail_msg("no %s", full);
	return t;
}

static const float *
layer_f32(struct fix *x, const char *module, const char *end, int64_t count)
{
	char full[2 * NAME];

	snprintf(full, sizeof full, "layer.%s.%s", module, end);
	return golden_f32(x->m, full, count, x->mem);
}

static float *
zeros(struct fix *x, int64_t count)
{
	float *p = bp_calloc(x->mem, (size_t)count, sizeof *p, &x->err);

	assert_non_null(p);
	return p;
}

/* out of the op, without upstream's residual, against layer.MODULE.out */
static void
compare(struct fix *x, const char *module, const float *got, int64_t count)
{
	const float *want = layer_f32(x, module, "out", count);
	double most = 0;

	for (int64_t i = 0; i < count; i++)
		most = fmax(most, fabs(want[i]));
	assert_true(most > 0);
	golden_compare(module, got, want, count, RELATIVE * most, 0);
}

static void
tri_mul(struct fix *x, const char *module, bool incoming)
{
	const struct bp_tri_mul_weights w = { weight(x, module, "norm_in.weight"), weight(x, module, "norm_in.bias"),
		weight(x, module, "p_in.weight"), weight(x, module, "g_in.weight"),
		weight(x, module, "norm_out.weight"), weight(x, module, "norm_out.bias"),
		weight(x, module, "p_out.weight"), weight(x, module, "g_out.weight") };
	int c = w.norm_in.n;
	int64_t count = (int64_t)TOKENS * TOKENS * c;
	float *out = zeros(x, count);

	assert_int_equal(BP_OP(x->cx, tri_mul, .n = TOKENS, .c = c, .incoming = incoming,
	                     .x = layer_f32(x, module, "in", count), .w = &w, .add = true, .out = out),
	    BP_OK);
	compare(x, module, out, count);
}

static void
tri_attn(struct fix *x, const char *module, bool ending)
{
	const struct bp_tri_attn_weights w
	    = { weight(x, module, "layer_norm.weight"), weight(x, module, "layer_norm.bias"),
		      weight(x, module, "linear.weight"), weight(x, module, "mha.linear_q.weight"),
		      weight(x, module, "mha.linear_k.weight"), weight(x, module, "mha.linear_v.weight"),
		      weight(x, module, "mha.linear_g.weight"), weight(x, module, "mha.linear_o.weight") };
	int c = w.norm.n;
	int64_t count = (int64_t)TOKENS * TOKENS * c;
	float *out = zeros(x, count);

	assert_int_equal(BP_OP(x->cx, tri_attn, .n = TOKENS, .c = c, .ending = ending,
	                     .x = layer_f32(x, module, "in", count), .w = &w, .add = true, .out = out),
	    BP_OK);
	compare(x, module, out, count);
}

static void
transition(struct fix *x, const char *module)
{
	const struct bp_weight nw = weight(x, module, "norm.weight"), nb = weight(x, module, "norm.bias"),
	                       fc1 = weight(x, module, "fc1.weight"), fc2 = weight(x, module, "fc2.weight"),
	                       fc3 = weight(x, module, "fc3.weight");
	int64_t count = bp_count(layer(x, module, "in"));
	float *out = zeros(x, count);

	assert_int_equal(BP_OP(x->cx, transition, .rows = count / nw.n, .c = nw.n, .hidden = fc1.n,
	                     .x = layer_f32(x, module, "in", count), .nw = &nw, .nb = &nb, .fc1 = &fc1, .fc2 = &fc2,
	                     .fc3 = &fc3, .out = out),
	    BP_OK);
	compare(x, module, out, count);
}

static struct bp_attn_weights
attn_weights(struct fix *x, const char *module)
{
	return (struct bp_attn_weights) { weight(x, module, "proj_q.weight"), weight(x, module, "proj_q.bias"),
		weight(x, module, "proj_k.weight"), weight(x, module, "proj_v.weight"),
		weight(x, module, "proj_g.weight"), weight(x, module, "proj_o.weight") };
}

/* the pairformer's attention: z is that after its own layers (tri_mul ... transition_z), out1 of the block */
static void
pair_attention(struct fix *x, const char *block, int heads)
{
	char module[NAME];
	struct bp_attn_weights w;
	struct bp_pair_bias_weights pw;
	float *bias = zeros(x, (int64_t)heads * TOKENS * TOKENS), *out;
	int c, cz;

	snprintf(module, sizeof module, "%s.attention", block);
	w = attn_weights(x, module);
	pw = (struct bp_pair_bias_weights) { weight(x, module, "proj_z.0.weight"), weight(x, module, "proj_z.0.bias"),
		weight(x, module, "proj_z.1.weight") };
	c = w.q.n, cz = pw.nw.n;
	out = zeros(x, TOKENS * c);
	assert_int_equal(BP_OP(x->cx, pair_bias, .rows = TOKENS * TOKENS, .c = cz, .heads = heads, .layers = 1,
	                     .x = layer_f32(x, block, "out1", TOKENS * TOKENS * cz), .w = &pw, .out = bias),
	    BP_OK);
	assert_int_equal(BP_OP(x->cx, attn_pair_bias, .b = 1, .n = TOKENS, .c = c, .heads = heads,
	                     .x = layer_f32(x, module, "in", TOKENS * c), .bias = bias, .w = &w, .out = out),
	    BP_OK);
	compare(x, module, out, TOKENS * c);
}

/* bias [heads][count] of a tensor [count][layers*heads], layer 0 */
static const float *
first_layer(struct fix *x, const char *name, int64_t count, int heads)
{
	int channels = golden_dim(x->m, name, bp_st_get(x->m, name)->ndim - 1);
	const float *all = golden_f32(x->m, name, count * channels, x->mem);
	float *bias = zeros(x, count * heads);

	for (int64_t i = 0; i < count; i++)
		for (int h = 0; h < heads; h++)
			bias[h * count + i] = all[i * channels + h];
	return bias;
}

static void
token_attention(struct fix *x, int heads)
{
	static const char module[] = "structure_module.score_model.token_transformer.layers.0.pair_bias_attn";
	const struct bp_attn_weights w = attn_weights(x, module);
	int c = w.q.n, b = (int)layer(x, module, "in")->shape[0];
	int64_t count = (int64_t)b * TOKENS * c;
	float *out = zeros(x, count);

	assert_int_equal(
	    BP_OP(x->cx, attn_pair_bias, .b = b, .n = TOKENS, .c = c, .heads = heads,
	        .x = layer_f32(x, module, "in", count),
	        .bias = first_layer(x, "cond.token_trans_bias", TOKENS * TOKENS, heads), .w = &w, .out = out),
	    BP_OK);
	compare(x, module, out, count);
}

static void
atom_attention(struct fix *x, const char *part, const char *bias, int heads)
{
	char module[NAME];
	struct bp_attn_weights w;
	int64_t count;
	float *out;
	int c, b;

	snprintf(module, sizeof module,
	    "structure_module.score_model.atom_attention_%s.atom_%s.diffusion_transformer.layers.0.pair_bias_attn",
	    part, part);
	w = attn_weights(x, module);
	c = w.q.n, b = (int)layer(x, module, "in")->shape[0] * BP_WINDOW_Q / ATOMS;
	count = (int64_t)b * ATOMS * c;
	out = zeros(x, count);
	assert_int_equal(
	    BP_OP(x->cx, atom_attention, .b = b, .atoms = ATOMS, .c = c, .heads = heads,
	        .x = layer_f32(x, module, "in", count), .bias = first_layer(x, bias, ATOMS * BP_WINDOW_K, heads),
	        .mask = golden_f32(x->f, "atom_pad_mask", ATOMS, x->mem), .w = &w, .out = out),
	    BP_OK);
	compare(x, module, out, count);
}

static struct bp_ada_weights
ada_weights(struct fix *x, const char *adaln, const char *gate)
{
	return (struct bp_ada_weights) { weight(x, adaln, "s_norm.weight"), weight(x, adaln, "s_scale.weight"),
		weight(x, adaln, "s_scale.bias"), weight(x, adaln, "s_bias.weight"), weight(x, gate, "weight"),
		weight(x, gate, "bias") };
}

/* AdaLN and the conditioned transition of a diffusion transformer layer whose conditioning is s [rows,cs], b samples of
 * it. The transition's input is stored; its s is the layer's. */
static void
conditioned(struct fix *x, const char *block, const char *cond, int rows)
{
	char adaln[NAME], trans[NAME], tada[NAME], gate[NAME], tgate[NAME];
	const float *s = golden_f32(x->m, cond, -1, x->mem), *in;
	struct bp_weight sg, ab, ba;
	float *six, *out, *y;
	int c, cs, b;
	int64_t count, plane;

	snprintf(adaln, sizeof adaln, "%s.adaln", block);
	snprintf(trans, sizeof trans, "%s.transition", block);
	snprintf(tada, sizeof tada, "%s.transition.adaln", block);
	snprintf(gate, sizeof gate, "%s.output_projection.0", block);
	snprintf(tgate, sizeof tgate, "%s.transition.output_projection.0", block);
	const struct bp_ada_weights w[2] = { ada_weights(x, adaln, gate), ada_weights(x, tada, tgate) };
	c = w[0].s_scale.n, cs = w[0].s_norm.n, b = (int)(bp_count(layer(x, adaln, "in")) / rows / c);
	plane = (int64_t)rows * c, count = b * plane;
	six = zeros(x, 6 * plane), out = zeros(x, count), y = zeros(x, count);
	assert_int_equal(
	    BP_OP(x->cx, ada_cond, .rows = rows, .cs = cs, .c = c, .layers = 1, .s = s, .w = w, .out = six),
	    BP_OK);
	assert_int_equal(BP_OP(x->cx, ada_ln, .b = b, .rows = rows, .c = c, .a = layer_f32(x, adaln, "in", count),
	                     .scale = six, .shift = six + plane, .out = out),
	    BP_OK);
	compare(x, adaln, out, count);

	in = layer_f32(x, trans, "in", count);
	sg = weight(x, trans, "swish_gate.0.weight"), ab = weight(x, trans, "a_to_b.weight"),
	ba = weight(x, trans, "b_to_a.weight");
	memset(out, 0, (size_t)count * sizeof *out);
	assert_int_equal(BP_OP(x->cx, ada_ln, .b = b, .rows = rows, .c = c, .a = in, .scale = six + 3 * plane,
	                     .shift = six + 4 * plane, .out = y),
	    BP_OK);
	assert_int_equal(BP_OP(x->cx, cond_transition, .b = b, .rows = rows, .c = c, .hidden = ab.n, .x = y,
	                     .gate = six + 5 * plane, .swish_gate = &sg, .a_to_b = &ab, .b_to_a = &ba, .out = out),
	    BP_OK);
	compare(x, trans, out, count);
}

static void
msa_layer(struct fix *x)
{
	static const char opm[] = "msa_module.layers.0.outer_product_mean",
	                  pwa[] = "msa_module.layers.0.pair_weighted_averaging";
	const struct bp_weight nw = weight(x, opm, "norm.weight"), nb = weight(x, opm, "norm.bias"),
	                       a = weight(x, opm, "proj_a.weight"), b = weight(x, opm, "proj_b.weight"),
	                       o = weight(x, opm, "proj_o.weight"), o_b = weight(x, opm, "proj_o.bias");
	const struct bp_weight nmw = weight(x, pwa, "norm_m.weight"), nmb = weight(x, pwa, "norm_m.bias"),
	                       nzw = weight(x, pwa, "norm_z.weight"), nzb = weight(x, pwa, "norm_z.bias"),
	                       pm = weight(x, pwa, "proj_m.weight"), pg = weight(x, pwa, "proj_g.weight"),
	                       pz = weight(x, pwa, "proj_z.weight"), po = weight(x, pwa, "proj_o.weight");
	int s = (int)layer(x, opm, "in")->shape[1], c = nw.n, cz = o.n;
	int64_t count = (int64_t)TOKENS * TOKENS * cz, rows = (int64_t)s * TOKENS;
	float *z = zeros(x, count), *m = zeros(x, rows * c), *sum = zeros(x, rows * c);
	const float *in = layer_f32(x, pwa, "in", rows * c);

	assert_int_equal(BP_OP(x->cx, outer_product_mean, .s = s, .n = TOKENS, .c = c, .hidden = a.n, .cz = cz,
	                     .m = layer_f32(x, opm, "in", rows * c), .mask = golden_f32(x->f, "msa_mask", rows, x->mem),
	                     .nw = &nw, .nb = &nb, .a = &a, .b = &b, .o = &o, .o_b = &o_b, .z = z),
	    BP_OK);
	compare(x, opm, z, count);
	memcpy(m, in, (size_t)(rows * c) * sizeof *m);
	assert_int_equal(
	    BP_OP(x->cx, pair_weighted_average, .s = s, .n = TOKENS, .c = c, .cz = cz, .heads = pz.n, .d = pm.n / pz.n,
	        .m = m, .z = layer_f32(x, "msa_module.layers.0", "in", count), .nmw = &nmw, .nmb = &nmb, .nzw = &nzw,
	        .nzb = &nzb, .pm = &pm, .pg = &pg, .pz = &pz, .po = &po),
	    BP_OK);
	for (int64_t i = 0; i < rows * c; i++) /* the op adds its result to m */
		sum[i] = m[i] - in[i];
	compare(x, pwa, sum, rows * c);
}

static void
all_layers(const char *variant)
{
	static const char *const blocks[] = { "pairformer_module.layers.0", "msa_module.layers.0.pairformer_layer",
		"confidence_module.pairformer_stack.layers.0" };
	struct fix x = fix_open(variant);
	char module[NAME];

	for (int i = 0; i < 3; i++) {
		snprintf(module, sizeof module, "%s.tri_mul_out", blocks[i]);
		tri_mul(&x, module, false);
		snprintf(module, sizeof module, "%s.tri_mul_in", blocks[i]);
		tri_mul(&x, module, true);
		snprintf(module, sizeof module, "%s.tri_att_start", blocks[i]);
		tri_attn(&x, module, false);
		snprintf(module, sizeof module, "%s.tri_att_end", blocks[i]);
		tri_attn(&x, module, true);
		snprintf(module, sizeof module, "%s.transition_z", blocks[i]);
		transition(&x, module);
	}
	transition(&x, "pairformer_module.layers.0.transition_s");
	transition(&x, "msa_module.layers.0.msa_transition");
	pair_attention(&x, blocks[0], 4);
	pair_attention(&x, blocks[2], 4);
	token_attention(&x, 4);
	atom_attention(&x, "encoder", "cond.atom_enc_bias", 2);
	atom_attention(&x, "decoder", "cond.atom_dec_bias", 2);
	conditioned(&x,
	    "structure_module.score_model.atom_attention_encoder.atom_encoder.diffusion_transformer.layers.0", "cond.c",
	    ATOMS);
	conditioned(&x, "structure_module.score_model.token_transformer.layers.0", "score.s", TOKENS);
	msa_layer(&x);
	fix_close(&x);
}

static void
test_original(void **state)
{
	(void)state;
	all_layers("original");
}

static void
test_optimized(void **state)
{
	(void)state;
	all_layers("optimized");
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_original), cmocka_unit_test(test_optimized) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
