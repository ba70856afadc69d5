/* tests/model/test_weights.c: what a weights file may be, and what is said about one that does not fit. */
#include "../golden.h"

#include <unistd.h>

#include "model/trunk.h"

struct fix {
	struct bp_err err;
	struct bp_arena *mem;
	struct bp_ctx *cx;
	struct bp_st *from;
	struct bp_named *t;
	struct bp_tensor *copy;
	int n;
	char path[64];
};

/* the tensors of the tiny network, to be written again with a fault */
static void
fix_open(struct fix *x)
{
	*x = (struct fix){ .path = "/tmp/bp-test-weights-XXXXXX" };
	assert_int_equal(bp_arena_open(&x->mem, 0, &x->err), BP_OK);
	assert_int_equal(bp_ctx_open(&x->cx, "cpu", "original", NULL, 0, "fp32", 1, 0, &x->err), BP_OK);
	x->from = golden_open("model/tiny.safetensors");
	x->n = bp_st_count(x->from);
	x->t = bp_calloc(x->mem, (size_t)x->n, sizeof *x->t, &x->err);
	x->copy = bp_calloc(x->mem, (size_t)x->n, sizeof *x->copy, &x->err);
	assert_true(x->t && x->copy);
	for (int i = 0; i < x->n; i++) {
		x->copy[i] = *bp_st_tensor(x->from, i);
		x->t[i] = (struct bp_named){ bp_st_name(x->from, i), &x->copy[i] };
	}
	close(mkstemp(x->path));
}

static void
fix_close(struct fix *x)
{
	unlink(x->path);
	bp_st_close(x->from);
	bp_ctx_close(x->cx);
	bp_arena_close(x->mem);
}

static struct bp_tensor *
tensor(struct fix *x, const char *name)
{
	for (int i = 0; i < x->n; i++)
		if (!strcmp(x->t[i].name, name))
			return &x->copy[i];
	fail_msg("no %s", name);
	return NULL;
}

static void
drop(struct fix *x, const char *name)
{
	int i = (int)(tensor(x, name) - x->copy);

	x->n--;
	memmove(&x->t[i], &x->t[i + 1], (size_t)(x->n - i) * sizeof *x->t);
}

/* write the file with a metadata entry, open it, bind the trunk to it */
static int
open_trunk(struct fix *x, const char *key, const char *value)
{
	static const struct bp_trunk_opt o = BP_TRUNK_INIT;
	struct bp_val *meta = bp_val_map(x->mem, &x->err);
	struct bp_trunk *trunk;
	struct bp_weights *w;
	int st;

	if (key)
		assert_int_equal(bp_val_set(meta, key, bp_val_str(x->mem, value, &x->err), x->mem, &x->err), BP_OK);
	assert_int_equal(bp_st_write(x->path, x->t, x->n, meta, &x->err), BP_OK);
	if ((st = bp_weights_open(&w, x->path, &x->err)) != BP_OK)
		return st;
	st = bp_trunk_open(&trunk, x->cx, w, &o, x->mem, &x->err);
	bp_weights_close(w);
	return st;
}

static void
refused(struct fix *x, int code, const char *a, const char *b, const char *key, const char *value)
{
	int st = open_trunk(x, key, value);

	if (st != code)
		fail_msg("code %d, wanted %d (%s)", st, code, x->err.msg);
	if (!strstr(x->err.msg, a) || !strstr(x->err.msg, b) || !strstr(x->err.msg, x->path))
		fail_msg("'%s' does not name '%s', '%s' and the file", x->err.msg, a, b);
	fix_close(x);
}

static void
missing_and_misshapen(void **state)
{
	struct fix x;

	(void)state;
	fix_open(&x);
	assert_int_equal(open_trunk(&x, NULL, NULL), BP_OK);
	fix_close(&x);
	fix_open(&x);
	drop(&x, "pairformer_module.layers.1.tri_att_end.mha.linear_k.weight");
	refused(&x, BP_EUSAGE, "pairformer_module.layers.1.tri_att_end.mha.linear_k.weight", "missing, wanted [128,32]",
	    NULL, NULL);
	fix_open(&x);
	drop(&x, "input_embedder.atom_encoder.embed_atom_features.bias");
	refused(&x, BP_EUSAGE, "embed_atom_features.bias", "missing, wanted [32]", NULL, NULL);
	fix_open(&x);
	tensor(&x, "msa_module.layers.0.outer_product_mean.proj_o.weight")->shape[0] = 16;
	tensor(&x, "msa_module.layers.0.outer_product_mean.proj_o.weight")->shape[1] = 2048;
	refused(&x, BP_EUSAGE, "proj_o.weight is [16,2048]", "wanted [32,1024]", NULL, NULL);
	fix_open(&x);
	tensor(&x, "s_norm.weight")->shape[1] = 1;
	tensor(&x, "s_norm.weight")->ndim = 2;
	refused(&x, BP_EUSAGE, "s_norm.weight is [48,1]", "wanted [48]", NULL, NULL);
	fix_open(&x); /* a network has at least one block */
	for (int i = 0; i < x.n; i++)
		if (!strncmp(x.t[i].name, "pairformer_module.", 18)) {
			memmove(&x.t[i], &x.t[i + 1], (size_t)(x.n - i - 1) * sizeof *x.t);
			x.n--;
			i--;
		}
	refused(&x, BP_EUSAGE, "pairformer_module.layers.0", "missing", NULL, NULL);
	fix_open(&x);
	tensor(&x, "s_init.weight")->dtype = BP_I32;
	refused(&x, BP_EUSAGE, "s_init.weight is int32", "wanted float32", NULL, NULL);
}

static void
heads_that_do_not_divide(void **state)
{
	struct fix x;

	(void)state;
	fix_open(&x);
	tensor(&x, "pairformer_module.layers.0.tri_att_start.linear.weight")->shape[0] = 3;
	refused(&x, BP_EUSAGE, "tri_att_start", "3 heads do not divide 128", NULL, NULL);
	fix_open(&x);
	tensor(&x, "input_embedder.atom_enc_proj_z.1.weight")->shape[0] = 3;
	refused(&x, BP_EUSAGE, "3 channels", "2 layers", NULL, NULL);
}

static void
metadata(void **state)
{
	struct fix x;

	(void)state;
	fix_open(&x);
	refused(&x, BP_EUNSUP, "use_templates_v2", "off", "hyper_parameters", "{\"use_templates_v2\": false}");
	fix_open(&x);
	refused(&x, BP_EUSAGE, "metadata config", "", "config", "{\"a\": ");
	fix_open(&x);
	refused(&x, BP_EUSAGE, "cutoffs", "4 and 20", "config", "{\"conditioning_cutoff_max\": 22}");
}

/* hyper-parameters are found by path, and published values stand in for those that are not there */
static void
hyper_parameters(void **state)
{
	struct bp_weights *w;
	struct fix x;

	(void)state;
	fix_open(&x);
	assert_int_equal(open_trunk(&x, "config",
	    "{\"diffusion_process_args\": {\"rho\": 8}, \"fix_sym_check\": false, \"x\": 3}"), BP_OK);
	assert_int_equal(bp_weights_open(&w, x.path, &x.err), BP_OK);
	assert_true(bp_weights_num(w, "diffusion_process_args.rho", 7) == 8);
	assert_true(bp_weights_num(w, "diffusion_process_args.gamma_0", 0.8) == 0.8);
	assert_true(bp_weights_num(w, "x.y", 1) == 1);
	assert_false(bp_weights_flag(w, "fix_sym_check", true));
	assert_true(bp_weights_flag(w, "cyclic_pos_enc", true));
	assert_false(bp_weights_demo(w));
	bp_weights_close(w);
	fix_close(&x);
}

/* bf16 and f16 files give the numbers they hold, at any place in the file */
static void
half_precision(void **state)
{
	static const uint16_t bf16[] = { 0x3f80, 0xc040, 0x0001, 0x4049 }, f16[] = { 0x3c00, 0xc200, 0x0001, 0x7bff };
	static const float is[2][4] = { { 1, -3, 0x1p-133f, 3.140625f }, { 1, -3, 0x1p-24f, 65504 } };
	struct bp_tensor t[2] = { { BP_BF16, 2, { 2, 2 }, (void *)(uintptr_t)bf16 },
		{ BP_F16, 2, { 2, 2 }, (void *)(uintptr_t)f16 } };
	const struct bp_named named[] = { { "a", &t[0] }, { "b", &t[1] } };
	struct bp_weights *w;
	struct fix x;

	(void)state;
	fix_open(&x);
	assert_int_equal(bp_st_write(x.path, named, 2, NULL, &x.err), BP_OK);
	assert_int_equal(bp_weights_open(&w, x.path, &x.err), BP_OK);
	struct bp_bind b = BP_BIND(w, x.cx, x.mem, &x.err);
	for (int i = 0; i < 2; i++) {
		struct bp_weight p;
		bp_bind_mat(&b, &p, 2, -1, i ? "b" : "a");
		assert_int_equal(b.st, BP_OK);
		assert_int_equal(p.k, 2);
		for (int k = 0; k < 4; k++)
			assert_true(p.p[k] == is[i][k]);
	}
	bp_weights_close(w);
	fix_close(&x);
}

static void
not_there(void **state)
{
	struct bp_err err = { 0 };
	struct bp_weights *w;
	char dir[] = "/tmp/bp-test-home-XXXXXX";

	(void)state;
	assert_int_equal(bp_weights_open(&w, "/nonexistent/weights.safetensors", &err), BP_EUSAGE);
	assert_non_null(strstr(err.msg, "/nonexistent/weights.safetensors"));
	assert_non_null(mkdtemp(dir));
	setenv("HOME", dir, 1);
	setenv("BOLTZPIPE_WEIGHTS", "/nonexistent/other", 1); /* named, so nothing else is taken */
	assert_int_equal(bp_weights_open(&w, NULL, &err), BP_EUSAGE);
	assert_non_null(strstr(err.msg, "/nonexistent/other"));
	setenv("BOLTZPIPE_WEIGHTS", "", 1);
	setenv("BOLTZPIPE_SHARE", dir, 1);
	rmdir(dir);
	assert_int_equal(bp_weights_open(&w, NULL, &err), BP_EUSAGE);
	assert_non_null(strstr(err.msg, "boltz2.safetensors"));
	unsetenv("BOLTZPIPE_SHARE");
	assert_int_equal(bp_weights_open(&w, "share/demo/boltz-demo.safetensors", &err), BP_OK);
	assert_true(bp_weights_demo(w));
	bp_weights_close(w);
}

/* a file that bp_st_write made carries its checksum: a bit flipped in a number is seen, though every shape still fits */
static void
damaged(void **state)
{
	char path[] = "/tmp/bp_weights_XXXXXX";
	float x[64] = { 0 };
	struct bp_tensor t = { .dtype = BP_F32, .ndim = 1, .shape = { 64 }, .data = x };
	struct bp_named named = { "w", &t };
	struct bp_weights *w;
	struct bp_err err;
	FILE *f;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(bp_st_write(path, &named, 1, NULL, &err), BP_OK);
	assert_int_equal(bp_weights_open(&w, path, &err), BP_OK);
	assert_int_equal(bp_weights_check(w, &err), BP_OK);
	assert_int_equal(bp_weights_check(w, &err), BP_OK);
	bp_weights_close(w);
	f = fopen(path, "r+b");
	assert_int_equal(fseek(f, -7, SEEK_END), 0);
	assert_int_equal(fputc(1, f), 1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(bp_weights_open(&w, path, &err), BP_OK);
	assert_int_equal(bp_weights_check(w, &err), BP_EUSAGE);
	assert_non_null(strstr(err.msg, "is damaged: checksum"));
	bp_weights_close(w);
	remove(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_and_misshapen), cmocka_unit_test(heads_that_do_not_divide),
		cmocka_unit_test(metadata), cmocka_unit_test(damaged),
		cmocka_unit_test(hyper_parameters), cmocka_unit_test(half_precision), cmocka_unit_test(not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
