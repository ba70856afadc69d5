/* Whole targets on disk: the files that upstream writes, nothing overwritten, whatever the id. */
#include "outdir_try.h"

/* the same keys in the same order, the same numbers */
static void
same_json(const struct bp_val *a, const struct bp_val *b)
{
	assert_non_null(a);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->n, b->n);
	if (a->type == BP_REAL)
		assert_true(a->u.f == b->u.f);
	for (size_t i = 0; a->type == BP_MAP && i < 2 * a->n; i += 2) {
		assert_string_equal(bp_val_cstr(a->u.item[i], NULL), bp_val_cstr(b->u.item[i], NULL));
		same_json(a->u.item[i + 1], b->u.item[i + 1]);
	}
}

/* dtype and shape of each array as upstream's, and the record's numbers */
static void
check_npz(const char *path, const struct bp_val *arrays, const struct bp_rec *rec, int sample)
{
	struct npz_array *a;
	char key[80], shape[64];
	char *text;
	size_t n;
	int count;

	text = file(path, &n);
	a = npz_read(text, n, &count, mem);
	assert_int_equal(count, bp_val_count(arrays));
	for (int i = 0; i < count; i++) {
		const struct bp_val *want, *dims;
		int k = 0;
		snprintf(key, sizeof key, "%.*s", (int)strlen(a[i].name) - 4, a[i].name);
		want = bp_val_get(arrays, key);
		assert_non_null(want);
		assert_string_equal(bp_val_cstr(bp_val_at(want, 0), ""), "float32");
		assert_string_equal(a[i].descr, "<f4");
		dims = bp_val_at(want, 1);
		for (size_t j = 0; j < bp_val_count(dims); j++)
			k += snprintf(shape + k, sizeof shape - (size_t)k, j ? ", %d" : "(%d",
			    (int)bp_val_i64(bp_val_at(dims, j), -1));
		snprintf(shape + k, sizeof shape - (size_t)k, bp_val_count(dims) == 1 ? ",)" : ")");
		assert_string_equal(a[i].shape, shape);
		/* embeddings have one set for all samples */
		assert_memory_equal(a[i].data,
		    strlen(key) == 1 ? bp_rec_get(rec, key)->data : (void *)case_row(rec, key, sample), a[i].bytes);
	}
}

/* every file of FILES.json that belongs to a format is there and right, and no other */
static void
check_target(const char *name, const char *folder, const struct bp_rec *rec, bool pdb)
{
	char rel[256], path[512];
	struct bp_val *files;
	int n = 0;

	snprintf(rel, sizeof rel, "write/%s/FILES.json", name);
	files = case_json(rel, mem);
	for (size_t i = 0; i < bp_val_count(files); i++) {
		const struct bp_val *f = bp_val_at(files, i);
		const char *base = bp_val_cstr(bp_val_get(f, "name"), ""), *dot = strrchr(base, '.');
		size_t len;
		if (strcmp(dot, pdb ? ".cif" : ".pdb") == 0 || strncmp(base, "pre_affinity_", 13) == 0)
			continue; /* the other format; upstream's note to itself */
		n++;
		snprintf(path, sizeof path, "%s/%s", folder, base);
		snprintf(rel, sizeof rel, "write/%s/%s", name, base);
		if (strcmp(dot, ".npz") == 0) {
			check_npz(path, bp_val_get(f, "arrays"), rec, strstr(base, "_model_0") ? 1 : 0);
		} else if (strcmp(dot, ".json") == 0) {
			struct bp_val *v;
			char *text = file(path, &len);
			assert_int_equal(bp_json_read(&v, text, len, mem, NULL), BP_OK);
			same_json(v, case_json(rel, mem));
		} else { /* the texts are compared in test_mmcif and test_pdb: here only that each model has its own
			    coordinates */
			const float *x = case_row(rec, "sample_atom_coords", strstr(base, "_model_0") ? 1 : 0);
			char number[40];
			snprintf(number, sizeof number, pdb ? "%.3f" : " %.5f ", (double)x[6]);
			if (!strstr(file(path, &len), number))
				fail_msg("%s: no %s in it", path, number);
		}
	}
	assert_int_equal(count_files(folder), n + 1); /* and the manifest */
}

static void
add_affinity(struct bp_rec *rec)
{
	static const char *const keys[]
	    = { "affinity_pred_value", "affinity_probability_binary", "affinity_pred_value1",
		      "affinity_probability_binary1", "affinity_pred_value2", "affinity_probability_binary2" };
	struct bp_st *in = golden_open("write/affinity_small.input.safetensors");

	for (int i = 0; i < 6; i++)
		case_tensor(rec, in, keys[i], keys[i], 1);
	bp_st_close(in);
}

static void
test_golden(void **state)
{
	(void)state;
	for (int c = 0; c < CASES; c++)
		for (int pdb = 0; pdb < 2; pdb++) {
			struct bp_rec *rec = case_record(cases[c], true, mem);
			struct bp_save_opt o = all;
			struct bp_val *line, *models;
			struct bp_outdir *d;
			char dir[128], folder[256];
			snprintf(dir, sizeof dir, "%s/golden%d/deep", top, pdb);
			snprintf(folder, sizeof folder, "%s/predictions/%s", dir, cases[c]);
			o.pdb = pdb;
			if (pdb) /* too wide for a PDB file; test_pdb has it */
				((float *)bp_rec_get(rec, "sample_atom_coords")->data)[0] = 1;
			if (strcmp(cases[c], "affinity_small") == 0)
				add_affinity(rec);
			d = open_dir(dir, false);
			line = save(rec, &o, d);
			check_target(cases[c], folder, rec, pdb);
			assert_string_equal(bp_val_cstr(bp_val_get(line, "status"), ""), "ok");
			assert_string_equal(bp_val_cstr(bp_val_get(line, "id"), ""), cases[c]);
			assert_int_equal(bp_val_count(bp_val_get(line, "files")), count_files(folder));
			for (size_t i = 0; i < bp_val_count(bp_val_get(line, "files")); i++)
				assert_int_equal(
				    access(bp_val_cstr(bp_val_at(bp_val_get(line, "files"), i), ""), R_OK), 0);
			models = bp_val_get(line, "models");
			assert_int_equal(bp_val_count(models), 2);
			assert_int_equal(bp_val_i64(bp_val_get(bp_val_at(models, 0), "sample"), -1), 1);
			assert_true(bp_val_num(bp_val_get(bp_val_at(models, 0), "confidence_score"), 0) == 0.75);
			snprintf(folder, sizeof folder, "%s/predictions/.%s.part", dir, cases[c]);
			assert_int_equal(count_files(folder), -1);
			bp_outdir_close(d);
			bp_arena_reset(mem);
		}
}

/* without scores the samples keep their order and there are models only, whatever the features are called */
static void
test_no_scores(void **state)
{
	static const char *const drop[]
	    = { "confidence_score", "pae", "pde", "plddt", "ptm", "iptm", "ligand_iptm", "protein_iptm",
		      "complex_plddt", "complex_iplddt", "complex_pde", "complex_ipde", "pair_chains_iptm", "s", "z" };
	struct bp_rec *rec = case_record("order", true, mem);
	struct bp_tensor *feature;
	struct bp_outdir *d;
	char dir[128], path[256];
	struct bp_val *line;

	(void)state;
	for (size_t i = 0; i < sizeof drop / sizeof *drop; i++)
		bp_rec_drop(rec, drop[i]);
	assert_int_equal(bp_rec_add(&feature, rec, "plddt", BP_F32, BP_SHAPE(160), NULL), BP_OK);
	snprintf(dir, sizeof dir, "%s/bare", top);
	snprintf(path, sizeof path, "%s/predictions/order", dir);
	d = open_dir(dir, false);
	line = save(rec, &(struct bp_save_opt) { .full_pae = true }, d);
	assert_int_equal(count_files(path), 3);
	assert_int_equal(bp_val_i64(bp_val_get(bp_val_at(bp_val_get(line, "models"), 1), "sample"), -1), 1);
	bp_outdir_close(d);
	bp_arena_reset(mem);
}

static void
test_ranks(void **state)
{
	static const float score[6] = { 0.5f, NAN, 0.7f, 0.5f, NAN, 0.9f };
	static const int want[6] = { 5, 2, 0, 3, 1, 4 };
	struct bp_rec *rec;
	struct bp_tensor *x, *t;
	struct bp_outdir *d;
	struct bp_val *line;
	char dir[128];

	(void)state;
	rec = case_record("order", true, mem);
	for (int i = rec->n - 1; i >= 0; i--)
		if (strstr("pae pde plddt pair_chains_iptm ligand_iptm protein_iptm complex_plddt complex_iplddt "
		           "complex_pde complex_ipde ptm",
		        rec->tensor[i].name))
			bp_rec_drop(rec, rec->tensor[i].name);
	assert_int_equal(bp_rec_add(&t, rec, "confidence_score", BP_F32, BP_SHAPE(6), NULL), BP_OK);
	memcpy(t->data, score, sizeof score);
	assert_int_equal(bp_rec_add(&x, rec, "sample_atom_coords", BP_F32, BP_SHAPE(6, 160, 3), NULL), BP_OK);
	snprintf(dir, sizeof dir, "%s/ranks", top);
	d = open_dir(dir, false);
	line = save(rec, &(struct bp_save_opt) { .full_pae = true }, d);
	for (int i = 0; i < 6; i++)
		assert_int_equal(
		    bp_val_i64(bp_val_get(bp_val_at(bp_val_get(line, "models"), (size_t)i), "sample"), -1), want[i]);
	bp_outdir_close(d);
	bp_arena_reset(mem);
}

static void
test_ids(void **state)
{
	char longest[202], dir[128], path[512];
	const char *const bad[] = { "", ".", "..", "../x", "a/b", "/etc/passwd", "a\nb", "a\x1b[2J", ".hidden", "-o",
		"\x7f", "a\xff", "\xc0\xaf", longest };
	struct bp_rec *rec = case_record("order", true, mem);
	struct bp_outdir *d;

	(void)state;
	memset(longest, 'x', 201);
	longest[201] = 0;
	snprintf(dir, sizeof dir, "%s/ids", top);
	d = open_dir(dir, true);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		rec->id = bad[i];
		save_fails(rec, d, BP_EINPUT, "not fit for a file name");
	}
	snprintf(path, sizeof path, "%s/predictions", dir);
	assert_int_equal(count_files(path), 0);
	longest[200] = 0;
	save(rec, &all, d);
	rec->id = "\303\244 b'\"$;*";
	save(rec, &all, d);
	assert_int_equal(count_files(path), 2);
	bp_outdir_close(d);
	bp_arena_reset(mem);
}

static void
test_existing(void **state)
{
	struct bp_rec *rec = case_record("order", true, mem);
	struct bp_tensor *one;
	struct bp_outdir *d;
	struct bp_save_opt o = { .full_pae = true };
	char dir[128], folder[256], note[300], stale[300], *before, *after;
	size_t n, m;
	FILE *f;

	(void)state;
	snprintf(dir, sizeof dir, "%s/existing", top);
	snprintf(folder, sizeof folder, "%s/predictions/order", dir);
	snprintf(note, sizeof note, "%s/order.cif", folder);
	snprintf(stale, sizeof stale, "%s/order_model_1.cif", folder);
	d = open_dir(dir, false);
	save(rec, &o, d);
	save_fails(rec, d, BP_EINPUT, "comes twice");
	bp_outdir_close(d);
	before = file(stale, &n);
	f = fopen(note, "w");
	assert_non_null(f);
	fputs("mine", f);
	fclose(f);
	d = open_dir(dir, false);
	save_fails(rec, d, BP_EINPUT, "is there already");
	bp_outdir_close(d);
	after = file(stale, &m);
	assert_int_equal(n, m);
	assert_memory_equal(after, before, n);
	/* one sample now: the second model of the first run must go, the user's own file stay */
	bp_rec_drop(rec, "confidence_score");
	for (int i = rec->n - 1; i >= 0; i--)
		if (rec->tensor[i].t->ndim && rec->tensor[i].t->shape[0] == 2
		    && strcmp(rec->tensor[i].name, "sample_atom_coords"))
			bp_rec_drop(rec, rec->tensor[i].name);
	assert_int_equal(bp_rec_add(&one, rec, "sample_atom_coords", BP_F32, BP_SHAPE(1, 160, 3), NULL), BP_OK);
	d = open_dir(dir, true);
	save(rec, &o, d);
	save_fails(rec, d, BP_EINPUT, "comes twice");
	bp_outdir_close(d);
	assert_int_equal(count_files(folder), 3);
	assert_string_equal(file(note, &n), "mine");
	snprintf(folder, sizeof folder, "%s/predictions", dir);
	assert_int_equal(count_files(folder), 1);
	/* a file in the target's place */
	snprintf(folder, sizeof folder, "%s/predictions/taken", dir);
	f = fopen(folder, "w");
	assert_non_null(f);
	fclose(f);
	rec->id = "taken";
	d = open_dir(dir, true);
	save_fails(rec, d, BP_EINPUT, "is no folder");
	bp_outdir_close(d);
	bp_arena_reset(mem);
}

static void
test_two_writers(void **state)
{
	struct bp_rec *rec = case_record("order", true, mem);
	struct bp_target *t;
	struct bp_outdir *d[2];
	struct bp_err err;
	char dir[128];

	(void)state;
	snprintf(dir, sizeof dir, "%s/two", top);
	d[0] = open_dir(dir, false);
	d[1] = open_dir(dir, false);
	assert_int_equal(bp_target_open(&t, d[0], "order", &err), BP_OK);
	save_fails(rec, d[1], BP_EINPUT, "another process is writing");
	bp_target_discard(t);
	save(rec, &all, d[1]);
	save_fails(rec, d[0], BP_EINPUT, "is there already");
	bp_outdir_close(d[0]);
	bp_outdir_close(d[1]);
	bp_arena_reset(mem);
}

static struct bp_rec *
step_record(const char *id, int step)
{
	struct bp_rec *rec;
	struct bp_tensor *x;

	assert_int_equal(bp_rec_new(&rec, BP_TRAJECTORY, id, mem, NULL), BP_OK);
	assert_int_equal(bp_rec_add(&x, rec, "noisy", BP_F32, BP_SHAPE(2, 160, 3), NULL), BP_OK);
	for (int i = 0; i < 960; i++)
		((float *)x->data)[i] = (float)(step * 1000 + i);
	assert_int_equal(bp_rec_add(&x, rec, "denoised", BP_F32, BP_SHAPE(2, 160, 3), NULL), BP_OK);
	assert_int_equal(bp_val_set(rec->meta, "step", bp_val_int(mem, step, NULL), mem, NULL), BP_OK);
	assert_int_equal(bp_val_set(rec->meta, "sigma", bp_val_real(mem, 0.5 * step, NULL), mem, NULL), BP_OK);
	return rec;
}

static void
test_trajectory(void **state)
{
	struct bp_outdir *d;
	struct npz_array *a;
	struct bp_rec *rec = case_record("order", true, mem), *bad;
	char dir[128], path[512], *text;
	int count;
	size_t n;

	(void)state;
	snprintf(dir, sizeof dir, "%s/steps", top);
	d = open_dir(dir, false);
	for (int i = 0; i < 3; i++) { /* of two targets at a time */
		bp_trajectory_keep(step_record("order", i), all.trajectory, d);
		bp_trajectory_keep(step_record("other", i), all.trajectory, d);
	}
	save(rec, &all, d);
	snprintf(path, sizeof path, "%s/predictions/order/trajectory_order.npz", dir);
	text = file(path, &n);
	a = npz_read(text, n, &count, mem);
	assert_int_equal(count, 9);
	assert_string_equal(a[3].name, "noisy_00001.npy");
	assert_string_equal(a[3].shape, "(2, 160, 3)");
	assert_true(((const float *)a[3].data)[959] == 1959);
	assert_string_equal(a[5].name, "sigma_00001.npy");
	assert_true(*(const double *)a[5].data == 0.5);
	/* a step that is damaged fails the target, once, when its structures come */
	bad = step_record("other", 3);
	bp_rec_drop(bad, "denoised");
	bp_trajectory_keep(bad, all.trajectory, d);
	bp_trajectory_keep(step_record("other", 4), all.trajectory, d);
	rec->id = "other";
	save_fails(rec, d, BP_EINPUT, "denoised");
	/* one whose structures never come leaves nothing */
	bp_trajectory_keep(step_record("third", 0), all.trajectory, d);
	assert_non_null(bp_target_find(d, "third"));
	bp_outdir_close(d);
	snprintf(path, sizeof path, "%s/predictions", dir);
	assert_int_equal(count_files(path), 1);
	bp_arena_reset(mem);
}

/* bad numbers fail the target before anything is visible */
static void
test_bad_numbers(void **state)
{
	struct bp_outdir *d;
	struct bp_rec *rec;
	char dir[128];

	(void)state;
	snprintf(dir, sizeof dir, "%s/bad", top);
	d = open_dir(dir, false);
	rec = case_record("order", true, mem);
	((float *)bp_rec_get(rec, "plddt")->data)[3] = NAN;
	save_fails(rec, d, BP_ENUM, "plddt[0,3]");
	((float *)bp_rec_get(rec, "plddt")->data)[3] = 1.5f;
	save_fails(rec, d, BP_ENUM, "1.5");
	bp_rec_drop(rec, "plddt");
	rec = case_record("order", true, mem);
	assert_int_equal(bp_rec_put(rec, "pae", bp_rec_get(rec, "sample_atom_coords"), NULL), BP_OK);
	save_fails(rec, d, BP_EINPUT, "pae");
	snprintf(dir, sizeof dir, "%s/bad/predictions", top);
	assert_int_equal(count_files(dir), 0);
	bp_outdir_close(d);
	bp_arena_reset(mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_no_scores),
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_existing),
		cmocka_unit_test(test_two_writers),
		cmocka_unit_test(test_trajectory),
		cmocka_unit_test(test_bad_numbers),
	};

	return in_folder(tests, sizeof tests / sizeof *tests);
}
