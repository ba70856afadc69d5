#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/val.h"

static struct bp_arena *mem;
static struct bp_err err;

/* text -> value -> text */
static void
assert_json(const char *in, const char *out, int indent)
{
	struct bp_val *v;
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (bp_json_read(&v, in, strlen(in), mem, &err) != BP_OK)
		fail_msg("%s: %s", in, err.msg);
	assert_int_equal(bp_json_write(f, v, indent), BP_OK);
	fclose(f);
	assert_string_equal(text, out);
	free(text);
}

static void
test_json(void **state)
{
	(void)state;
	assert_json("{\"a\": [1, 2.5, -3e300, true, null, \"x\\n\\\"\\u00e9\"], \"b\": {}}",
	    "{\"a\": [1, 2.5, -3e+300, true, null, \"x\\n\\\"\u00e9\"], \"b\": {}}", 0);
	assert_json("[0.1, 1.0, 100000.0, 0.30000001192092896, 1e22, 0.00001, 123456.5, 0.0001]",
	    "[\n  0.1,\n  1.0,\n  100000.0,\n  0.30000001192092896,\n  1e+22,\n  1e-05,\n  123456.5,\n  0.0001\n]", 2);
	assert_json("[9007199254740993, -9223372036854775808]", "[9007199254740993, -9223372036854775808]", 0);
}

/* bytes that are no UTF-8 (a lone byte, a cut sequence, an overlong '/') must not make the file something else than
 * JSON */
static void
test_json_bytes(void **state)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	assert_int_equal(bp_json_write(f, bp_val_str(mem, "a\xff\xe2\x82 \xc0\xaf \xe2\x82\xac \x1b", NULL), 0), BP_OK);
	fclose(f);
	assert_string_equal(text, "\"a\\ufffd\\ufffd\\ufffd \\ufffd\\ufffd \xe2\x82\xac \\u001b\"");
	free(text);
}

static void
test_json_refused(void **state)
{
	static const char *const text[]
	    = { "", "{", "{\"a\": 1, \"a\": 2}", "[1] 2", "{\"a\"}", "[1,]", "nul", "\"\xff\"" };
	struct bp_val *v;

	(void)state;
	for (size_t i = 0; i < sizeof text / sizeof *text; i++)
		assert_int_equal(bp_json_read(&v, text[i], strlen(text[i]), mem, &err), BP_EINPUT);
}

static void
test_tree(void **state)
{
	struct bp_val *m = bp_val_map(mem, &err), *a = bp_val_arr(mem, &err);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(bp_val_push(a, bp_val_int(mem, i, &err), mem, &err), BP_OK);
	assert_int_equal(bp_val_set(m, "list", a, mem, &err), BP_OK);
	assert_int_equal(bp_val_set(m, "x", bp_val_real(mem, 1.5, &err), mem, &err), BP_OK);
	assert_int_equal(bp_val_set(m, "x", bp_val_bool(mem, true, &err), mem, &err), BP_OK);
	assert_int_equal(bp_val_count(m), 2);
	assert_int_equal(bp_val_i64(bp_val_at(bp_val_get(m, "list"), 99), -1), 99);
	assert_null(bp_val_at(bp_val_get(m, "list"), 100));
	assert_int_equal(bp_val_i64(bp_val_get(m, "x"), -1), 1);
	assert_true(bp_val_num(bp_val_get(m, "none"), 7) == 7);
	assert_string_equal(bp_val_cstr(bp_val_get(bp_val_get(m, "none"), "x"), "-"), "-");
	assert_int_equal(bp_val_push(a, NULL, mem, &err), BP_EMEM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_json), cmocka_unit_test(test_json_bytes),
		cmocka_unit_test(test_json_refused), cmocka_unit_test(test_tree) };
	int st;

	if (bp_arena_open(&mem, 0, &err) != BP_OK)
		return 1;
	st = cmocka_run_group_tests(tests, NULL, NULL);
	bp_arena_close(mem);
	return st;
}
