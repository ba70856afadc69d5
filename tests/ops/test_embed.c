/* tests/ops/test_embed.c: the lighter ops against upstream's numbers, in both variants. */
#include "../golden.h"

#include "ops/ops.h"

/* The README of the golden data derives 5e-5 + 1e-5 |x| for one module; one op in float32 stays well within it. */
enum { NAME = 160 };
static const double ATOL = 2e-5, RTOL = 1e-5;
static const char *const variants[] = { "original", "optimized" };

struct fix {
	struct bp_err err;
	struct bp_arena *mem;
	struct bp_ctx *cx;
	struct bp_st *w, *f, *m; /* weights, features, model run */
	int n, atoms, tz;
};

static struct fix
fix_open(const char *name, const char *variant)
{
	struct fix x = { 0 };
	char rel[NAME];

	assert_int_equal(bp_arena_open(&x.mem, 0, &x.err), BP_OK);
	assert_int_equal(bp_ctx_open(&x.cx, "cpu", variant, NULL, 0, "fp32", 2, 0, &x.err), BP_OK);
	x.w = golden_open("model/tiny.safetensors");
	snprintf(rel, sizeof rel, "features/%s.safetensors", name);
	x.f = golden_open(rel);
	snprintf(rel, sizeof rel, "model/tiny-%s.safetensors", name);
	x.m = golden_open(rel);
	x.n = golden_dim(x.m, "s_inputs", 1);
	x.atoms = golden_dim(x.f, "ref_pos", 1);
	x.tz = golden_dim(x.m, "z_init", 3);
	return x;
}

static void
fix_close(struct fix *x)
{
	bp_st_close(x->w);
	bp_st_close(x->f);
	bp_st_close(x->m);
	bp_ctx_close(x->cx);
	bp_arena_close(x->mem);
}

static const struct bp_weight *
weight(struct fix *x, const char *prefix, const char *name)
{
	char full[NAME];
	snprintf(full, sizeof full, "%s%s", prefix, name);
	return golden_weight(x->w, full, x->mem);
}

static float *
zeros(struct fix *x, int64_t count)
{
	float *p = bp_calloc(x->mem, (size_t)count, sizeof *p, &x->err);
	assert_non_null(p);
	return p;
}

#define F(name, count) golden_f32(x->f, name, count, x->mem)
#define I(name, count) golden_i32(x->f, name, count, x->mem)
#define M(name, count) golden_f32(x->m, name, count, x->mem)
#define OP(...) assert_int_equal(BP_OP(x->cx, __VA_ARGS__), BP_OK)

static void
rel_pos(struct fix *x, const char *prefix, bool add, float *z)
{
	OP(rel_pos, .n = x->n, .asym_id = I("asym_id", x->n), .residue_index = I("residue_index", x->n),
	    .entity_id = I("entity_id", x->n), .token_index = I("token_index", x->n), .sym_id = I("sym_id", x->n),
	    .cyclic_period = F("cyclic_period", x->n), .fix_sym_check = true,
	    .W = weight(x, prefix, "rel_pos.linear_layer.weight"), .add = add, .out = z);
}

static void
contact(struct fix *x, const char *prefix, float *z)
{
	char p[NAME];
	snprintf(p, sizeof p, "%scontact_conditioning.", prefix);
	OP(contact_embed, .n = x->n, .c = x->tz, .klass = I("contact_conditioning@idx", (int64_t)x->n * x->n),
	    .threshold = F("contact_threshold", (int64_t)x->n * x->n), .enc = weight(x, p, "encoder.weight"),
	    .enc_b = weight(x, p, "encoder.bias"), .fw = weight(x, p, "fourier_embedding.proj.weight"),
	    .fb = weight(x, p, "fourier_embedding.proj.bias"), .unspecified = weight(x, p, "encoding_unspecified"),
	    .unselected = weight(x, p, "encoding_unselected"), .out = z);
}

static void
bonds(struct fix *x, const char *prefix, float *z)
{
	OP(bond_embed, .n = x->n, .c = x->tz, .token_bonds = F("token_bonds", (int64_t)x->n * x->n),
	    .type_bonds = I("type_bonds", (int64_t)x->n * x->n), .W = weight(x, prefix, "token_bonds.weight"),
	    .E = weight(x, prefix, "token_bonds_type.weight"), .out = z);
}

/* out [rows,W->n] = W f(in), the reference being the original row of linear, which has tests of its own */
static const float *
linear(struct fix *x, const float *in, int rows, const struct bp_weight *W, const struct bp_weight *nw,
    const struct bp_weight *nb, bool relu)
{
	float *out = zeros(x, (int64_t)rows * W->n);
	OP(linear, .rows = rows, .k = W->k, .x = in, .W = W, .norm = nw != NULL, .nw = nw, .nb = nb, .in_relu = relu,
	    .out = out);
	return out;
}

static void
z_init(struct fix *x, const char *name)
{
	int64_t count = (int64_t)x->n * x->n * x->tz;
	const float *s = M("s_inputs", -1);
	float *z = zeros(x, count);

	OP(pair_sum, .n = x->n, .c = x->tz,
	    .a = linear(x, s, x->n, weight(x, "", "z_init_1.weight"), NULL, NULL, false),
	    .b = linear(x, s, x->n, weight(x, "", "z_init_2.weight"), NULL, NULL, false), .out = z);
	rel_pos(x, "", true, z);
	bonds(x, "", z);
	contact(x, "", z);
	golden_compare(name, z, M("z_init", count), count, ATOL, RTOL);
}

static void
confidence_input(struct fix *x, const char *name)
{
	const char *p = "confidence_module.";
	int64_t count = (int64_t)x->n * x->n * x->tz;
	const struct bp_weight *E = weight(x, p, "dist_bin_pairwise_embed.weight");
	const struct bp_weight *nw = weight(x, p, "s_inputs_norm.weight"), *nb = weight(x, p, "s_inputs_norm.bias");
	const float *s = M("s_inputs", -1);
	float *z = zeros(x, count), *rep = zeros(x, 3 * (int64_t)x->n), *dist = zeros(x, (int64_t)x->n * x->n);

	OP(layer_norm, .rows = (int64_t)x->n * x->n, .c = x->tz, .x = M("pass1.z_out", count),
	    .w = weight(x, p, "z_norm.weight"), .b = weight(x, p, "z_norm.bias"), .out = z);
	rel_pos(x, p, true, z);
	bonds(x, p, z);
	contact(x, p, z);
	OP(pair_sum, .n = x->n, .c = x->tz, .a = linear(x, s, x->n, weight(x, p, "s_to_z.weight"), nw, nb, false),
	    .b = linear(x, s, x->n, weight(x, p, "s_to_z_transpose.weight"), nw, nb, false), .add = true, .out = z);
	OP(pair_prod_linear, .n = x->n, .c = x->tz,
	    .a = linear(x, s, x->n, weight(x, p, "s_to_z_prod_in1.weight"), nw, nb, false),
	    .b = linear(x, s, x->n, weight(x, p, "s_to_z_prod_in2.weight"), nw, nb, false),
	    .W = weight(x, p, "s_to_z_prod_out.weight"), .out = z);
	OP(gather_rows, .b = 1, .rows = x->n, .from = x->atoms, .c = 3, .index = I("token_to_rep_atom@idx", x->n),
	    .x = M("given.x", 3 * (int64_t)x->atoms), .out = rep);
	OP(dist_bin_embed, .n = x->n, .c = x->tz, .nbound = E->n - 1, .x = rep,
	    .boundaries = weight(x, p, "boundaries"), .E = E, .dist = dist, .out = z);
	golden_compare(name, z, M("given.z_in", count), count, 5e-5, RTOL); /* a whole module's input */
	for (int i = 0; i < x->n; i++)
		for (int j = 0; j < x->n; j++) {
			const float *a = rep + 3 * i, *b = rep + 3 * j;
			double d = hypot(hypot((double)a[0] - b[0], (double)a[1] - b[1]), (double)a[2] - b[2]);
			assert_true(fabs(d - dist[i * x->n + j]) <= 1e-5);
		}
}

/* c_a of the atom features (cond.q is the score network's) */
static float *
atom_features(struct fix *x, const char *p)
{
	const struct bp_weight *W = weight(x, p, "embed_atom_features.weight");
	float *q = zeros(x, (int64_t)x->atoms * W->n);

	OP(atom_embed, .atoms = x->atoms, .ref_pos = F("ref_pos", 3 * (int64_t)x->atoms),
	    .charge = F("ref_charge", x->atoms), .element = I("ref_element@idx", x->atoms),
	    .chars = I("ref_atom_name_chars@idx", 4 * (int64_t)x->atoms), .W = W,
	    .b = weight(x, p, "embed_atom_features.bias"), .out = q);
	return q;
}

static void
atom_q(struct fix *x, const char *name)
{
	int64_t count = (int64_t)x->atoms * golden_dim(x->m, "cond.q", 2);
	golden_compare(
	    name, atom_features(x, "diffusion_conditioning.atom_encoder."), M("cond.q", count), count, ATOL, RTOL);
}

static void
atom_pairs(struct fix *x, const char *p, const float *c, const float *zp, const char *want)
{
	const struct bp_weight *W1 = weight(x, p, "p_mlp.1.weight");
	int64_t count = (int64_t)x->atoms * 128 * W1->n;
	float *out = zeros(x, count);

	OP(atom_pair_embed, .atoms = x->atoms, .cp = W1->n, .n = x->n, .ref_pos = F("ref_pos", 3 * (int64_t)x->atoms),
	    .mask = F("atom_pad_mask", x->atoms), .uid = I("ref_space_uid", x->atoms),
	    .token = I("atom_to_token@idx", x->atoms), .zp = zp,
	    .cq = linear(x, c, x->atoms, weight(x, p, "c_to_p_trans_q.1.weight"), NULL, NULL, true),
	    .ck = linear(x, c, x->atoms, weight(x, p, "c_to_p_trans_k.1.weight"), NULL, NULL, true),
	    .Wpos = weight(x, p, "embed_atompair_ref_pos.weight"),
	    .Wdist = weight(x, p, "embed_atompair_ref_dist.weight"),
	    .Wmask = weight(x, p, "embed_atompair_mask.weight"), .W1 = W1, .W2 = weight(x, p, "p_mlp.3.weight"),
	    .W3 = weight(x, p, "p_mlp.5.weight"), .out = out);
	golden_compare(want, out, M(want, count), count, ATOL, RTOL);
}

static void
atom_encoder(struct fix *x, const char *name)
{
	const char *p = "input_embedder.atom_encoder.", *d = "diffusion_conditioning.atom_encoder.";
	int64_t pairs = (int64_t)x->n * x->n;
	const struct bp_weight *W = weight(x, d, "s_to_c_trans.1.weight");
	const float *z = M("layer.diffusion_conditioning.pairwise_conditioner.out", pairs * x->tz), *s_to_c, *zp;
	float *c = atom_features(x, p);
	(void)name;

	golden_compare("input_embedder c", c, M("layer.input_embedder.atom_encoder.out1", -1), (int64_t)x->atoms * W->n,
	    ATOL, RTOL);
	atom_pairs(x, p, c, NULL, "layer.input_embedder.atom_encoder.out2");

	c = atom_features(x, d);
	s_to_c = linear(x, M("layer.diffusion_conditioning.atom_encoder.in", -1), x->n, W,
	    weight(x, d, "s_to_c_trans.0.weight"), weight(x, d, "s_to_c_trans.0.bias"), false);
	OP(gather_rows, .b = 1, .rows = x->atoms, .from = x->n, .c = W->n, .index = I("atom_to_token@idx", x->atoms),
	    .x = s_to_c, .add = true, .out = c);
	golden_compare("diffusion c", c, M("cond.c", -1), (int64_t)x->atoms * W->n, ATOL, RTOL);
	zp = linear(x, z, (int)pairs, weight(x, d, "z_to_p_trans.1.weight"), weight(x, d, "z_to_p_trans.0.weight"),
	    weight(x, d, "z_to_p_trans.0.bias"), false);
	atom_pairs(x, d, c, zp, "layer.diffusion_conditioning.atom_encoder.out2");
}

static void
tokens(struct fix *x, const char *name)
{
	const char *p = "input_embedder.";
	const struct bp_weight *W = weight(x, p, "atom_attention_encoder.atom_to_token_trans.0.weight");
	const int32_t *owner = I("atom_to_token@idx", x->atoms);
	const float *profile = F("profile", (int64_t)x->n * 33), *deletion = F("deletion_mean", x->n);
	const float *period = F("cyclic_period", x->n);
	float *q = zeros(x, (int64_t)x->atoms * W->n), *a = zeros(x, (int64_t)x->n * W->n), *cyclic = zeros(x, x->n);
	int32_t *first = bp_calloc(x->mem, x->n, sizeof *first, &x->err),
	        *count = bp_calloc(x->mem, x->n, sizeof *count, &x->err);
	int64_t total = (int64_t)x->n * W->n;
	(void)name;

	for (int i = x->atoms - 1; i >= 0; i--)
		if (owner[i] >= 0)
			first[owner[i]] = i, count[owner[i]]++;
	OP(linear, .rows = x->atoms, .k = W->k, .x = M("layer.input_embedder.atom_attention_encoder.out1", -1), .W = W,
	    .act = BP_ACT_RELU, .out = q);
	OP(atom_to_token, .b = 1, .n = x->n, .atoms = x->atoms, .c = W->n, .first = first, .count = count, .x = q,
	    .out = a);
	golden_compare(
	    "atom_to_token", a, M("layer.input_embedder.atom_attention_encoder.out0", total), total, ATOL, RTOL);

	OP(token_embed, .rows = x->n, .index = I("res_type@idx", x->n), .W = weight(x, p, "res_type_encoding.weight"),
	    .out = a);
	OP(linear, .rows = x->n, .k = 33, .k2 = 1, .x = profile, .x2 = deletion,
	    .W = weight(x, p, "msa_profile_encoding.weight"), .add = true, .out = a);
	OP(token_embed, .rows = x->n, .index = I("method_feature", x->n),
	    .W = weight(x, p, "method_conditioning_init.weight"), .embedding = true, .out = a);
	OP(token_embed, .rows = x->n, .index = I("modified", x->n),
	    .W = weight(x, p, "modified_conditioning_init.weight"), .embedding = true, .out = a);
	OP(token_embed, .rows = x->n, .index = I("mol_type", x->n),
	    .W = weight(x, p, "mol_type_conditioning_init.weight"), .embedding = true, .out = a);
	for (int i = 0; i < x->n; i++)
		cyclic[i] = fminf(period[i], 1);
	OP(linear, .rows = x->n, .k = 1, .x = cyclic, .W = weight(x, p, "cyclic_conditioning_init.weight"), .add = true,
	    .out = a);
	golden_compare("s_inputs", a, M("s_inputs", total), total, ATOL, RTOL);
}

static void
layers(struct fix *x, const char *name)
{
	static const char *const fourier[] = { "contact_conditioning.fourier_embedding",
		"confidence_module.contact_conditioning."
		"fourier_embedding",
		"structure_module.score_model.single_conditioner.fourier_embed" };
	int64_t pairs = (int64_t)x->n * x->n;
	float *z = zeros(x, pairs * x->tz);
	(void)name;

	rel_pos(x, "", false, z);
	golden_compare("rel_pos", z, M("rel_pos", pairs * x->tz), pairs * x->tz, 1e-6, 1e-6);
	memset(z, 0, (size_t)(pairs * x->tz) * sizeof *z);
	contact(x, "", z);
	golden_compare("contact_conditioning", z, M("contact_conditioning", pairs * x->tz), pairs * x->tz, ATOL, RTOL);
	for (size_t i = 0; i < sizeof fourier / sizeof *fourier; i++) {
		char in[NAME], out[NAME];
		const struct bp_weight *w = weight(x, fourier[i], ".proj.weight");
		snprintf(in, sizeof in, "layer.%s.in", fourier[i]);
		snprintf(out, sizeof out, "layer.%s.out", fourier[i]);
		int rows = golden_dim(x->m, in, 0);
		float *y = zeros(x, (int64_t)rows * w->n);
		OP(fourier, .rows = rows, .c = w->n, .t = M(in, rows), .w = w, .b = weight(x, fourier[i], ".proj.bias"),
		    .out = y);
		/* one rounding of 2 pi (w t + b), of size up to 30 */
		golden_compare(out, y, M(out, (int64_t)rows * w->n), (int64_t)rows * w->n, 30 * 2.4e-7, 0);
	}
}

static void
msa(struct fix *x, const char *name)
{
	const char *want = "layer.msa_module.layers.0.pair_weighted_averaging.in";
	const struct bp_weight *W = weight(x, "msa_module.", "msa_proj.weight");
	int rows = golden_dim(x->f, "msa", 1);
	int64_t cells = (int64_t)rows * x->n;
	float *m = zeros(x, cells * W->n);
	(void)name;

	OP(msa_embed, .s = rows, .n = x->n, .nclass = 33, .msa = I("msa", cells),
	    .has_deletion = F("has_deletion", cells), .deletion_value = F("deletion_value", cells),
	    .paired = F("msa_paired", cells), .W = W,
	    .add = linear(x, M("s_inputs", -1), x->n, weight(x, "msa_module.", "s_proj.weight"), NULL, NULL, false),
	    .out = m);
	golden_compare("msa_embed", m, M(want, cells * W->n), cells * W->n, ATOL, RTOL);
}

static void
templates(struct fix *x, const char *name)
{
	const char *p = "template_module.", *want = "layer.template_module.pairformer.layers.0.in";
	const struct bp_weight *W = weight(x, p, "a_proj.weight"), *Wz = weight(x, p, "z_proj.weight");
	int64_t pairs = (int64_t)x->n * x->n;
	float *v = zeros(x, pairs * W->n);
	(void)name;

	OP(linear, .rows = pairs, .k = x->tz, .x = M("pass0.z_in", pairs * x->tz), .norm = true,
	    .nw = weight(x, p, "z_norm.weight"), .nb = weight(x, p, "z_norm.bias"), .W = Wz, .out = v);
	OP(template_embed, .n = x->n, .c = W->n, .type = I("template_restype@idx", x->n),
	    .rot = F("template_frame_rot", 9 * x->n), .t = F("template_frame_t", 3 * x->n),
	    .cb = F("template_cb", 3 * x->n), .ca = F("template_ca", 3 * x->n),
	    .mask_frame = F("template_mask_frame", x->n), .mask_cb = F("template_mask_cb", x->n),
	    .visibility = F("visibility_ids", x->n), .W = W, .out = v);
	golden_compare("template_embed", v, M(want, pairs * W->n), pairs * W->n, ATOL, RTOL);
}

/* Every step of the sampler with upstream's draws: augment, align, and the step itself by affine and axpy. float32
 * rounding of coordinates of size 4 t_hat is what separates two correct implementations. */
static void
steps(struct fix *x, const char *name)
{
	int S = golden_dim(x->m, "noise.eps", 0), B = golden_dim(x->m, "noise.eps", 1), A = x->atoms;
	size_t per = (size_t)B * A * 3;
	const float *sigma = M("schedule.sigmas", S + 1), *gamma = M("schedule.gammas", S + 1),
	            *init = M("noise.init", (int64_t)per);
	const float *noisy = M("step.noisy", -1), *denoised = M("step.denoised", -1), *aligned = M("step.aligned", -1);
	const float *R = M("noise.R", 9L * S * B), *tr = M("noise.tr", 3L * S * B),
	            *eps = M("noise.eps", (int64_t)(S * per));
	const float *last = M("sample_atom_coords", (int64_t)per);
	float *y = zeros(x, (int64_t)per);
	char what[NAME];

	OP(affine, .count = (int64_t)per, .alpha = sigma[0], .x = init, .out = y);
	for (int s = 0; s < S; s++) {
		double t_hat = (double)sigma[s] * (1 + (double)gamma[s + 1]), tol = 2e-5 + 2e-6 * t_hat;
		double scale = 1.003 * sqrt(t_hat * t_hat - (double)sigma[s] * sigma[s]),
		       k = 1.5 * (sigma[s + 1] - t_hat) / t_hat;
		snprintf(what, sizeof what, "%s step %d", name, s);
		OP(augment, .b = B, .atoms = A, .x = y, .eps = eps + s * per, .R = R + 9L * s * B,
		    .tr = tr + 3L * s * B, .scale = (float)scale, .out = y);
		golden_compare(what, y, noisy + s * per, (int64_t)per, tol, RTOL);
		OP(align, .b = B, .atoms = A, .x = noisy + s * per, .target = denoised + s * per,
		    .w = F("atom_pad_mask", A), .out = y);
		golden_compare(what, y, aligned + s * per, (int64_t)per, tol, RTOL);
		/* from upstream's own numbers, so that a difference points at one step */
		OP(affine, .count = (int64_t)per, .alpha = (float)(1 + k), .beta = (float)-k, .x = aligned + s * per,
		    .y = denoised + s * per, .out = y);
	}
	golden_compare(name, y, last, (int64_t)per, 1e-4, RTOL);
}

static void
both(void (*test)(struct fix *x, const char *name), const char *name)
{
	for (int v = 0; v < 2; v++) {
		struct fix x = fix_open(name, variants[v]);
		printf("%s %s\n", name, variants[v]);
		test(&x, name);
		fix_close(&x);
	}
}

#define EACH(test)                                       \
	static void test##_one(const char *name)         \
	{                                                \
		both(test, name);                        \
	}                                                \
	static void test_##test(void **state)            \
	{                                                \
		(void)state;                             \
		golden_each("tiny", test##_one);         \
	}
/* runs that hold every layer's input and output */
#define TINY(test)                                       \
	static void test_##test(void **state)            \
	{                                                \
		(void)state;                             \
		both(test, "tiny");                      \
	}
EACH(z_init)
EACH(confidence_input)
EACH(atom_q)
EACH(steps)
TINY(atom_encoder)
TINY(tokens)
TINY(layers)
TINY(msa)
TINY(templates)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_z_init),
		cmocka_unit_test(test_confidence_input),
		cmocka_unit_test(test_atom_q),
		cmocka_unit_test(test_atom_encoder),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_msa),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
