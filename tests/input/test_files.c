/* tests/input/test_files.c: files and folders on the command line, names of targets, random placement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "input/features.h"
#include "input/files.h"

static void
touch(const char *dir, const char *name)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static void
test_list(void **state)
{
	static const char *const names[] = { "b.yaml", "a.YML", "c.fasta", "d.fa", "note.txt", ".hidden.yaml" };
	static const char *const ids[] = { "x.y", "a", "b", "c", "d", "b#6" };
	char dir[] = "/tmp/test_files.XXXXXX", path[128], again[128];
	struct bp_strlist args = { (const char *[]){ "nowhere/x.y.yaml", dir, again }, 3 };
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_file *f;
	int n;

	(void)state;
	bp_log_open("test_files", BP_LOG_ERROR);
	assert_int_equal(bp_arena_open(&mem, 0, &err), BP_OK);
	assert_non_null(mkdtemp(dir));
	snprintf(again, sizeof again, "%s/b.yaml", dir);
	args.n = 2;
	assert_int_equal(bp_files_list(&f, &n, &args, mem, &err), BP_EUSAGE); /* an empty folder */
	for (int i = 0; i < 6; i++)
		touch(dir, names[i]);
	snprintf(path, sizeof path, "%s/folder.yaml", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	args.n = 3;
	assert_int_equal(bp_files_list(&f, &n, &args, mem, &err), BP_OK);
	assert_int_equal(n, 6);
	for (int i = 0; i < n; i++) {
		assert_string_equal(f[i].id, ids[i]);
		assert_int_equal(f[i].as != NULL, i == 5);
	}
	assert_ptr_equal(f[5].as, &f[2]);
	args.n = 0;
	assert_int_equal(bp_files_list(&f, &n, &args, mem, &err), BP_EUSAGE);
	rmdir(path);
	for (int i = 0; i < 6; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
	bp_arena_close(mem);
}

static const float *
positions(struct bp_arena *mem, const struct bp_ccd *ccd, const char *id, uint64_t seed, bool augment, int *atoms)
{
	struct bp_features_opt opt = BP_FEATURES_OPT_INIT;
	struct bp_err err = { 0 };
	struct bp_rec *rec;

	opt.seed = seed;
	opt.augment = augment;
	assert_int_equal(bp_rec_new(&rec, BP_FEATURES, id, mem, &err), BP_OK);
	if (bp_featurize(rec, "tests/cases/prot20.yaml", ccd, &opt, &err) != BP_OK)
		fail_msg("%s", err.msg);
	*atoms = (int)bp_rec_get(rec, "ref_pos")->shape[0];
	return bp_rec_get(rec, "ref_pos")->data;
}

static double
distance(const float *a, const float *b)
{
	return sqrt(pow((double)a[0] - b[0], 2) + pow((double)a[1] - b[1], 2) + pow((double)a[2] - b[2], 2));
}

/* The placement turns and shifts each residue as a whole, but not the last one; it depends on seed and name only. */
static void
test_placement(void **state)
{
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_ccd *ccd;
	const float *plain, *placed, *same, *other, *named;
	int n, moved = 0;

	(void)state;
	assert_int_equal(bp_arena_open(&mem, 0, &err), BP_OK);
	assert_int_equal(bp_ccd_open_file(&ccd, "share/ccd/builtin.bpccd", mem, &err), BP_OK);
	plain = positions(mem, ccd, "x", 1, false, &n);
	placed = positions(mem, ccd, "x", 1, true, &n);
	same = positions(mem, ccd, "x", 1, true, &n);
	other = positions(mem, ccd, "x", 2, true, &n);
	named = positions(mem, ccd, "y", 1, true, &n);
	assert_memory_equal(placed, same, 3 * sizeof *same * (size_t)n);
	assert_true(distance(placed, other) > 1e-3);
	assert_true(distance(placed, named) > 1e-3);
	for (int i = 0; i < 5; i++) /* alanine, the first residue */
		for (int j = 0; j < i; j++)
			assert_true(
			    fabs(distance(plain + 3 * i, plain + 3 * j) - distance(placed + 3 * i, placed + 3 * j))
			    < 1e-5);
	for (int i = 0; i < n; i++)
		moved += distance(plain + 3 * i, placed + 3 * i) > 1e-3;
	assert_int_equal(moved, 160); /* of 167 atoms: the valine at the end has 7 */
	bp_ccd_close(ccd);
	bp_arena_close(mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_placement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
