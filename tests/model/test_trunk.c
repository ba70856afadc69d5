/* tests/model/test_trunk.c: the trunk against upstream's intermediates, in both variants, and what it refuses. */
#include "../golden_rec.h"

#include <unistd.h>

#include "model/trunk.h"
#include "ops/ops.h"

enum { FULL_BYTES = 22805440 }; /* of the data that tests/model/full1.header describes */

struct fix {
	struct bp_err err;
	struct bp_arena *mem, *rec_mem;
	struct bp_ctx *cx;
	struct bp_weights *w;
	struct bp_trunk *t;
	struct bp_trunk_opt o;
};

static void
must(struct fix *x, int st)
{
	if (st != BP_OK)
		fail_msg("%s (%s)", x->err.msg, x->err.hint);
}

static void
fix_open(struct fix *x, const char *config, const char *variant)
{
	char rel[128], path[512];

	*x = (struct fix){ .o = BP_TRUNK_INIT };
	x->o.variant = variant;
	x->o.device = "cpu";
	snprintf(rel, sizeof rel, "model/%s.safetensors", config);
	must(x, bp_arena_open(&x->mem, 0, &x->err));
	must(x, bp_arena_open(&x->rec_mem, 0, &x->err));
	must(x, bp_ctx_open(&x->cx, "cpu", variant, NULL, 0, "fp32", 2, 0, &x->err));
	must(x, bp_weights_open(&x->w, golden_path(path, rel), &x->err));
	must(x, bp_trunk_open(&x->t, x->cx, x->w, &x->o, x->mem, &x->err));
}

static void
fix_close(struct fix *x)
{
	bp_weights_close(x->w);
	bp_ctx_close(x->cx);
	bp_arena_close(x->rec_mem);
	bp_arena_close(x->mem);
}

/* recycling steps of a stored run */
static int
recycling(struct fix *x, const struct bp_st *s)
{
	const char *text = bp_val_cstr(bp_val_get(bp_st_metadata(s), "meta"), "");
	struct bp_val *v;

	must(x, bp_json_read(&v, text, strlen(text), x->rec_mem, &x->err));
	return (int)bp_val_i64(bp_val_get(v, "recycling_steps"), -1);
}

/* Tolerance: the oracle's own float32 differs from float64 by 1.2e-6 (s_inputs) to 9.5e-6 (z, whose largest elements are about 30), and
 * ten times that is allowed to another order of sums: README of the golden data. As a share of the tensor's largest element that is
 * about 1e-5 everywhere. */
static void
compare(const char *what, const struct bp_tensor *got, const struct bp_tensor *want)
{
	const float *g, *w = want->data;
	double scale = 0;

	if (!got)
		fail_msg("%s is missing", what);
	g = got->data;
	assert_int_equal(got->dtype, BP_F32);
	assert_int_equal(bp_count(got), bp_count(want));
	for (int64_t i = 0; i < bp_count(want); i++)
		scale = fmax(scale, fabs((double)w[i]));
	golden_compare(what, g, w, bp_count(want), 1e-5 * scale, 0);
}

static bool
is_trunk(const char *name)
{
	static const char *const names[] = { "s_inputs", "s_init", "z_init", "rel_pos", "contact_conditioning", "pdistogram", "pbfactor" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i]))
			return true;
	return !strncmp(name, "pass", 4);
}

static void
run_case(const char *config, const char *name, const char *variant)
{
	static const char *const out[] = { "s_inputs", "s", "z", "pdistogram", "pbfactor" };
	char dump[] = "/tmp/bp-test-trunk-XXXXXX", rel[256], last[64];
	struct bp_st *want, *got;
	struct bp_rec *rec;
	struct fix x;
	int compared = 0;

	printf("%s %s %s\n", config, name, variant);
	fix_open(&x, config, variant);
	close(mkstemp(dump));
	snprintf(rel, sizeof rel, "model/%s-%s.safetensors", config, name);
	want = golden_open(rel);
	x.o.recycling_steps = recycling(&x, want);
	assert_true(x.o.recycling_steps >= 0);
	x.o.dump = dump;
	rec = golden_features(name, x.rec_mem);
	must(&x, bp_trunk_run(x.t, &rec, x.rec_mem, NULL, &x.err));
	must(&x, bp_st_open(&got, dump, &x.err));
	for (int i = 0; i < bp_st_count(want); i++)
		if (is_trunk(bp_st_name(want, i))) {
			compare(bp_st_name(want, i), bp_st_get(got, bp_st_name(want, i)), bp_st_tensor(want, i));
			compared++;
		}
	assert_true(compared >= 10);
	snprintf(last, sizeof last, "pass%d.s_out", x.o.recycling_steps);
	for (size_t i = 0; i < sizeof out / sizeof *out; i++) /* the record has the last pass's */
		compare(out[i], bp_rec_get(rec, out[i]),
		    bp_st_get(got, !strcmp(out[i], "s") ? last : !strcmp(out[i], "z") ? (last[strlen(last) - 5] = 'z', last) : out[i]));
	assert_int_equal(rec->kind, BP_TRUNK);
	assert_null(bp_rec_get(rec, "msa"));
	assert_non_null(bp_rec_get(rec, "ref_pos"));
	unlink(dump);
	bp_st_close(got);
	bp_st_close(want);
	fix_close(&x);
}

/* every stored run of the whole network, of whatever configuration: model/CONFIG-CASE.safetensors */
static void
golden_runs(void **state)
{
	char pattern[512];
	int runs = 0;
	glob_t g;

	(void)state;
	assert_int_equal(glob(golden_path(pattern, "model/*-*.safetensors"), 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *base = strrchr(g.gl_pathv[i], '/') + 1, *dash = strchr(base, '-');
		char config[64], name[128], rel[256];
		struct bp_st *s;
		bool whole;
		snprintf(config, sizeof config, "%.*s", (int)(dash - base), base);
		snprintf(name, sizeof name, "%.*s", (int)(strlen(dash + 1) - strlen(".safetensors")), dash + 1);
		snprintf(rel, sizeof rel, "model/%s", base);
		s = golden_open(rel);
		whole = bp_st_get(s, "z_init") && bp_st_get(s, "pass0.z_out");
		bp_st_close(s);
		if (!whole) /* a steering run */
			continue;
		run_case(config, name, "original");
		run_case(config, name, "optimized");
		runs++;
	}
	globfree(&g);
	assert_true(runs > 0);
}

/* weights of the published dimensions with one block of each kind: the header of such a file, and zeros that are never read */
static void
open_full(struct fix *x, const char *variant, char *path)
{
	FILE *in = fopen("tests/model/full1.header", "rb"), *out = fdopen(mkstemp(path), "wb");
	static char header[1 << 16];
	size_t n;

	assert_non_null(in);
	assert_non_null(out);
	n = fread(header, 1, sizeof header, in);
	assert_in_range(n, 1000, sizeof header - 1);
	assert_int_equal(fwrite(header, 1, n, out), n);
	assert_int_equal(fflush(out), 0);
	assert_int_equal(ftruncate(fileno(out), (off_t)n + FULL_BYTES), 0);
	fclose(in);
	fclose(out);
	must(x, bp_arena_open(&x->mem, 0, &x->err));
	must(x, bp_arena_open(&x->rec_mem, 0, &x->err));
	must(x, bp_ctx_open(&x->cx, "cpu", variant, NULL, 0, "fp32", 2, 0, &x->err));
	must(x, bp_weights_open(&x->w, path, &x->err));
	must(x, bp_trunk_open(&x->t, x->cx, x->w, &x->o, x->mem, &x->err));
}

/* 1,000 tokens at the published dimensions: no more than 6 pair tensors, the results in the record included */
static void
memory_of_1000_tokens(void **state)
{
	static const char *const variants[] = { "original", "optimized" };
	const double pair = 1000.0 * 1000 * 128 * sizeof(float);

	(void)state;
	for (int i = 0; i < 2; i++)
		for (int templates = 0; templates < 2; templates++) {
			char path[] = "/tmp/bp-test-full-XXXXXX";
			struct fix x = { .o = BP_TRUNK_INIT };
			size_t device, host;
			open_full(&x, variants[i], path);
			must(&x, bp_trunk_bytes(&device, &host, x.t, 1000, 8000, 128, templates, x.mem, &x.err));
			printf("%s, %d templates: %.2f + %.2f pair tensors\n", variants[i], templates, (double)device / pair,
			    (double)host / pair);
			assert_true((double)device >= 2 * pair);
			if (i == 1) /* `original` keeps every intermediate */
				assert_true((double)(device + host) <= 6 * pair);
			unlink(path);
			fix_close(&x);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_runs),
		cmocka_unit_test(memory_of_1000_tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
