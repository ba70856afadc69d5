/* tests/input/test_features.c: featurize against upstream's tensors and tables, case by case: integers equal, floats to
 * 1e-6. The inputs lie in $CASES, else tests/cases, their results in $GOLDEN, else tests/golden; a golden case whose
 * input is not there, or which needs what is not built yet, is named. */
#include "../golden.h"

#include <unistd.h>

#include "input/features.h"
#include "input/text.h"
#include "input/yaml.h"

static const char *
cases_dir(void)
{
	const char *dir = getenv("CASES");

	return dir && *dir ? dir : "tests/cases";
}

/* Not made, because the network does not use them at inference (README of the golden data). */
static const char *const unused[]
    = { "disto_target@idx", "disto_center", "disto_coords_ensemble", "coords", "plddt", "bfactor" };

struct fix {
	struct bp_err err;
	struct bp_arena *mem;
	struct bp_ccd *ccd;
	struct bp_rec *rec;
	struct bp_st *want;
	struct bp_val *tables;
};

static bool
is_unused(const char *name)
{
	for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
		if (strcmp(unused[i], name) == 0)
			return true;
	return false;
}

/* frames of ligand tokens are not defined before there are coordinates */
static bool
skip_element(const struct fix *x, const char *name, int64_t i)
{
	const struct bp_tensor *mol = bp_st_get(x->want, "mol_type");

	return strcmp(name, "frames_idx") == 0 && bp_tensor_get(mol, i / 3) == BP_NONPOLYMER;
}

static void
compare(struct fix *x, const char *name, const struct bp_tensor *want)
{
	const struct bp_tensor *got = bp_rec_get(x->rec, name);
	double tolerance = 1e-6;
	bool floats;

	if (!got)
		fail_msg("%s: %s is not there", x->rec->id, name);
	if (got->ndim != want->ndim - 1)
		fail_msg("%s: %s has %d axes, wanted %d", x->rec->id, name, got->ndim, want->ndim - 1);
	for (int d = 0; d < got->ndim; d++)
		if (got->shape[d] != want->shape[d + 1])
			fail_msg("%s: %s: axis %d is %lld, wanted %lld", x->rec->id, name, d, (long long)got->shape[d],
			    (long long)want->shape[d + 1]);
	floats = got->dtype == BP_F32;
	if (!floats && got->dtype != BP_I32 && got->dtype != BP_B8)
		fail_msg("%s: %s is %s", x->rec->id, name, bp_dtype_name(got->dtype));
	if (want->dtype == BP_F32 && !floats)
		fail_msg("%s: %s is no float", x->rec->id, name);
	for (int64_t i = 0; i < bp_count(want); i++) {
		double a = bp_tensor_get(got, i), b = bp_tensor_get(want, i);
		if (!(a == b || (floats && fabs(a - b) <= tolerance)) && !skip_element(x, name, i))
			fail_msg("%s: %s: element %lld is %.9g, wanted %.9g", x->rec->id, name, (long long)i, a, b);
	}
}

/* our table of columns against the golden one of rows, by the column names that lie beside it */
static void
compare_table(struct fix *x, const char *name)
{
	const struct bp_val *rows = bp_val_get(x->tables, name), *got = bp_val_get(x->rec->meta, name), *names;
	char key[32];

	snprintf(key, sizeof key, "%s_columns", name);
	names = bp_val_get(x->tables, key);
	assert_non_null(rows);
	assert_true(bp_val_count(names) > 0);
	for (size_t c = 0; c < bp_val_count(names); c++) {
		const char *column = bp_val_cstr(bp_val_at(names, c), "");
		const struct bp_val *col = bp_val_get(got, column);
		if (bp_val_count(col) != bp_val_count(rows))
			fail_msg("%s: %s.%s has %zu rows, wanted %zu", x->rec->id, name, column, bp_val_count(col),
			    bp_val_count(rows));
		for (size_t r = 0; r < rows->n; r++) {
			const struct bp_val *a = bp_val_at(col, r), *b = bp_val_at(bp_val_at(rows, r), c);
			if (b->type == BP_STR ? strcmp(bp_val_cstr(a, ""), b->u.s) != 0
			                      : bp_val_i64(a, -99) != bp_val_i64(b, -98))
				fail_msg("%s: %s.%s[%zu] differs", x->rec->id, name, column, r);
		}
	}
}

static void
read_tables(struct fix *x, const char *name)
{
	char rel[160], path[512], *text;
	FILE *f;
	size_t n;

	snprintf(rel, sizeof rel, "features/%s.json", name);
	f = fopen(golden_path(path, rel), "rb");
	assert_non_null(f);
	text = malloc(1 << 20);
	assert_non_null(text);
	n = fread(text, 1, 1 << 20, f);
	fclose(f);
	assert_int_equal(bp_json_read(&x->tables, text, n, x->mem, &x->err), BP_OK);
	free(text);
}

/* the case's input; without its sections that are not built yet, which *cut then says */
static int
read_input(struct bp_input **in, struct fix *x, const char *stem, bool *cut)
{
	static const char *const later[] = { "templates", "properties" };
	char path[512], *text;
	struct bp_val *v;
	size_t n;
	int st;

	snprintf(path, sizeof path, "%s/%s.yaml", cases_dir(), stem);
	if (access(path, R_OK) != 0)
		snprintf(path, sizeof path, "%s/%s.fasta", cases_dir(), stem);
	st = bp_input_read(in, path, x->mem, &x->err);
	*cut = st == BP_EUNSUP;
	if (!*cut || strstr(path, ".fasta"))
		return st;
	BP_TRY(bp_text_read(&text, &n, path, 1 << 20, x->mem, &x->err));
	BP_TRY(bp_yaml_read(&v, path, text, n, x->mem, &x->err));
	for (int i = 0; i < 2; i++)
		if (bp_val_get(v, later[i]))
			*bp_val_get(v, later[i]) = (struct bp_val){ .type = BP_NIL };
	return bp_schema_read(in, path, v, x->mem, &x->err);
}

static int
featurize(struct fix *x, const char *name, bool *cut)
{
	struct bp_features_opt opt = BP_FEATURES_OPT_INIT;
	char stem[128], method[64];
	const char *plus = strchr(name, '+');
	struct bp_input *in;

	snprintf(stem, sizeof stem, "%.*s", (int)strcspn(name, "+"), name);
	if (plus) {
		snprintf(method, sizeof method, "%s", plus + 1);
		for (char *s = method; *s; s++)
			*s = *s == '_' ? ' ' : *s;
		opt.method = bp_method_id(method);
		assert_true(opt.method >= 0);
	}
	opt.augment = false;
	assert_int_equal(bp_rec_new(&x->rec, BP_FEATURES, name, x->mem, &x->err), BP_OK);
	BP_TRY(read_input(&in, x, stem, cut));
	return bp_features_make(x->rec, in, x->ccd, &opt, &x->err);
}

static bool
of_later_section(const char *name)
{
	return strncmp(name, "template_", 9) == 0 || strcmp(name, "query_to_template") == 0
	    || strcmp(name, "visibility_ids") == 0 || strcmp(name, "affinity_token_mask") == 0;
}

/* returns false when the input asks for what is not built yet */
static bool
check_case(const char *name)
{
	struct fix x = { 0 };
	int st, compared = 0;
	char rel[160];
	bool cut;

	assert_int_equal(bp_arena_open(&x.mem, 0, &x.err), BP_OK);
	if (bp_ccd_open_file(&x.ccd, "share/ccd/builtin.bpccd", x.mem, &x.err) != BP_OK)
		fail_msg("%s", x.err.msg);
	snprintf(rel, sizeof rel, "features/%s.safetensors", name);
	x.want = golden_open(rel);
	if ((st = featurize(&x, name, &cut)) == BP_EUNSUP) {
		printf("%s: not compared: %s\n", name, x.err.msg);
	} else if (st != BP_OK) {
		fail_msg("%s", x.err.msg);
	} else {
		read_tables(&x, name);
		for (int i = 0; i < bp_st_count(x.want); i++) {
			const char *tensor = bp_st_name(x.want, i);
			if (is_unused(tensor) || (cut && of_later_section(tensor)))
				continue;
			compare(&x, tensor, bp_st_tensor(x.want, i));
			compared++;
		}
		assert_int_equal(compared + (cut ? 11 : 0), x.rec->n); /* nothing more, nothing less */
		compare_table(&x, "chains");
		compare_table(&x, "residues");
		compare_table(&x, "bonds");
		printf("%s: %d tensors equal%s\n", name, compared, cut ? ", without its templates or affinity" : "");
	}
	bp_st_close(x.want);
	bp_ccd_close(x.ccd);
	bp_arena_close(x.mem);
	return st == BP_OK;
}

static void
test_golden(void **state)
{
	char path[512];
	int same = 0;
	glob_t g;

	(void)state;
	assert_int_equal(glob(golden_path(path, "features/*.safetensors"), 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		char name[128];
		const char *base = strrchr(g.gl_pathv[i], '/') + 1;
		snprintf(name, sizeof name, "%.*s", (int)(strlen(base) - strlen(".safetensors")), base);
		if (strstr(name, ".affinity")) /* the second featurization, of a predicted structure */
			continue;
		same += check_case(name);
	}
	globfree(&g);
	assert_true(same >= 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
