/* The guides' logs as JSON values, and what is none. */
#include <math.h>

#include "../golden.h"
#include "structure/guide_log.h"

static struct bp_arena *mem;

/* a record with guides of these kinds, each with a log of 2 evaluations, 2 samples, columns step, chi2 */
static struct bp_rec *
record(const char *const *kinds, int n)
{
	struct bp_val *guides = bp_val_arr(mem, NULL);
	struct bp_rec *rec;

	assert_int_equal(bp_rec_new(&rec, BP_STRUCTURES, "x", mem, NULL), BP_OK);
	assert_int_equal(bp_val_set(rec->meta, "guides", guides, mem, NULL), BP_OK);
	for (int i = 0; i < n; i++) {
		struct bp_val *g = bp_val_map(mem, NULL), *columns = bp_val_arr(mem, NULL);
		struct bp_tensor *t;
		char name[32];

		assert_int_equal(bp_val_push(guides, g, mem, NULL), BP_OK);
		assert_int_equal(bp_val_set(g, "kind", bp_val_str(mem, kinds[i], NULL), mem, NULL), BP_OK);
		assert_int_equal(bp_val_set(g, "columns", columns, mem, NULL), BP_OK);
		assert_int_equal(bp_val_push(columns, bp_val_str(mem, "step", NULL), mem, NULL), BP_OK);
		assert_int_equal(bp_val_push(columns, bp_val_str(mem, "chi2", NULL), mem, NULL), BP_OK);
		snprintf(name, sizeof name, "guide_log_%d", i + 1);
		assert_int_equal(bp_rec_add(&t, rec, name, BP_F64, BP_SHAPE(2, 2, 2), NULL), BP_OK);
		for (int k = 0; k < 8; k++)
			((double *)t->data)[k] = 10 * i + k;
	}
	return rec;
}

static void
names_and_numbers(void **state)
{
	static const char *const kinds[] = { "saxs", "rg", "saxs", "exec", "../x" };
	static const char *const names[] = { "saxs_chi2", "rg_guide", "saxs_chi2_2", "exec_guide", "guide_5" };
	struct bp_rec *rec = record(kinds, 5);
	struct bp_guide_log log;
	struct bp_err err = { 0 };
	struct bp_val *list;

	(void)state;
	assert_int_equal(bp_guide_logs(rec), 5);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(bp_guide_log_read(&log, rec, i, &err), BP_OK);
		assert_string_equal(log.name, names[i]);
		((double *)log.rows->data)[7] = NAN;
		assert_int_equal(bp_guide_log_sample(&list, &log, 1, mem, &err), BP_OK);
		assert_int_equal(bp_val_count(list), 2);
		assert_int_equal(bp_val_i64(bp_val_get(bp_val_at(list, 0), "sample"), -1), 1);
		assert_int_equal(bp_val_i64(bp_val_get(bp_val_at(list, 0), "step"), -1), 10 * i + 2);
		assert_true(bp_val_num(bp_val_get(bp_val_at(list, 0), "chi2"), -1) == 10 * i + 3);
		assert_true(bp_val_is(bp_val_get(bp_val_at(list, 1), "chi2"), BP_NIL));
	}
	bp_arena_reset(mem);
}

static void
refused(void **state)
{
	static const char *const kinds[] = { "saxs" };
	struct bp_rec *rec = record(kinds, 1);
	struct bp_guide_log log;
	struct bp_err err = { 0 };

	(void)state;
	bp_rec_drop(rec, "guide_log_1");
	assert_int_equal(bp_guide_log_read(&log, rec, 0, &err), BP_EINPUT);
	rec = record(kinds, 1);
	assert_int_equal(bp_val_set(bp_val_at(bp_val_get(rec->meta, "guides"), 0), "columns", bp_val_arr(mem, NULL), mem, NULL), BP_OK);
	assert_int_equal(bp_guide_log_read(&log, rec, 0, &err), BP_EINPUT); /* two columns, no names */
	assert_int_equal(bp_val_set(rec->meta, "guides", bp_val_int(mem, 3, NULL), mem, NULL), BP_OK);
	assert_int_equal(bp_guide_logs(rec), 0);
	bp_arena_reset(mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers),
		cmocka_unit_test(refused),
	};
	int failed;

	if (bp_arena_open(&mem, 0, NULL) != BP_OK)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	bp_arena_close(mem);
	return failed;
}
