/* tests/input/test_yaml.c: plain scalars mean what PyYAML's safe_load takes them for; what is refused; limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/yaml.h"

static int
read_n(struct bp_val **v, struct bp_arena *mem, struct bp_err *err, const char *text, size_t n)
{
	return bp_yaml_read(v, "t", text, n, mem, err);
}

/* PyYAML 6: yaml.safe_load("- " + text)[0]; dates, which it makes objects of, are strings here */
static const struct {
	const char *text;
	enum bp_vtype type;
	double number;
} scalars[] = {
	{ "A", BP_STR, 0 },
	{ "1", BP_INT, 1 },
	{ "'1'", BP_STR, 0 },
	{ "\"1\"", BP_STR, 0 },
	{ "-17", BP_INT, -17 },
	{ "+3", BP_INT, 3 },
	{ "017", BP_INT, 15 },
	{ "08", BP_STR, 0 },
	{ "0", BP_INT, 0 },
	{ "0x1F", BP_INT, 31 },
	{ "0x", BP_STR, 0 },
	{ "0b101", BP_INT, 5 },
	{ "0o17", BP_STR, 0 },
	{ "1_000", BP_INT, 1000 },
	{ "1:30", BP_INT, 90 },
	{ "1:30.5", BP_REAL, 90.5 },
	{ "1:60", BP_STR, 0 },
	{ "1e5", BP_STR, 0 },
	{ "1.0e5", BP_STR, 0 },
	{ "1.0e+5", BP_REAL, 1e5 },
	{ "1.", BP_REAL, 1 },
	{ ".5", BP_REAL, 0.5 },
	{ "-.5", BP_STR, 0 },
	{ "6.02", BP_REAL, 6.02 },
	{ "-1.5", BP_REAL, -1.5 },
	{ ".", BP_STR, 0 },
	{ "1.2.3", BP_STR, 0 },
	{ ".inf", BP_REAL, INFINITY },
	{ "-.INF", BP_REAL, -INFINITY },
	{ "9223372036854775807", BP_INT, 9223372036854775807.0 },
	{ "99999999999999999999", BP_REAL, 1e20 },
	{ "yes", BP_BOOL, 1 },
	{ "NO", BP_BOOL, 0 },
	{ "On", BP_BOOL, 1 },
	{ "y", BP_STR, 0 },
	{ "true", BP_BOOL, 1 },
	{ "TRUE", BP_BOOL, 1 },
	{ "tRUE", BP_STR, 0 },
	{ "~", BP_NIL, 0 },
	{ "null", BP_NIL, 0 },
	{ "", BP_NIL, 0 },
	{ "nil", BP_STR, 0 },
	{ "!!str 1", BP_STR, 0 },
	{ "2020-01-01", BP_STR, 0 },
	{ "|\n  a\n  b", BP_STR, 0 },
	{ "-", BP_ARR, 0 },
	{ "+", BP_STR, 0 },
	{ "_1", BP_STR, 0 },
	{ "1_", BP_INT, 1 },
};

static void
test_scalars(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
		struct bp_arena *mem;
		struct bp_err err = { 0 };
		struct bp_val *v;
		char text[80];
		int n = snprintf(text, sizeof text, "- %s\n", scalars[i].text);
		assert_int_equal(bp_arena_open(&mem, 0, &err), BP_OK);
		if (read_n(&v, mem, &err, text, (size_t)n) != BP_OK)
			fail_msg("'%s': %s", scalars[i].text, err.msg);
		v = bp_val_at(v, 0);
		if (v->type != scalars[i].type)
			fail_msg("'%s' is %s", scalars[i].text, bp_vtype_name(v->type));
		if (v->type == BP_INT || v->type == BP_REAL || v->type == BP_BOOL) {
			double x = v->type == BP_BOOL ? (double)v->u.b : bp_val_num(v, NAN);
			if (!(x == scalars[i].number))
				fail_msg("'%s' is %.17g", scalars[i].text, x);
		}
		bp_arena_close(mem);
	}
}

static const struct {
	const char *text, *message;
} wrong[] = {
	{ "", "t:1: the file is empty" },
	{ "# nothing\n", "t:1: the file is empty" },
	{ "--- ~\n", "t:1: the file is empty" },
	{ "a: 1\n---\nb: 2\n", "t:2: a second YAML document ('---')" },
	{ "a: [1, 2\n", "t:2: YAML syntax error at line 2: unexpected end" },
	{ "a: b: c\n", "t:1: YAML syntax error at line 1: mapping values are not allowed in this context" },
	{ "a: 1\na: 2\n", "t:2: duplicate key 'a' in the input" },
	{ "x:\n- y: {a: 1, a: 2}\n", "t:2: duplicate key 'a' in y entry 1" },
	{ "x:\n- {a: 1, 'a': 2}\n", "t:2: duplicate key 'a' in x entry 1" },
	{ "x: {1: a, 1: b}\n", "t:1: duplicate key '1' in x" },
	{ "? [a]\n: 1\n", "t:1: a key must not be a list" },
	{ "a: &x 1\nb: {<<: *x}\n", "t:2: YAML merge keys are not supported" },
	{ "a: *x\n", "t:1: YAML alias '*x' is not defined" },
	{ "a: &x [*x]\n", "t:1: YAML alias '*x' is not defined" },
	{ "a: !!python/object:os.system x\n",
	    "t:1: YAML tag 'tag:yaml.org,2002:python/object:os.system' is not supported" },
	{ "a: !t [x]\n", "t:1: YAML tag '!t' is not supported" },
	{ "a: \"x\\0y\"\n", "t:1: control character (NUL) in the input" },
	{ "a: \x01\n", "t:1: control character (0x01) in the input" },
	{ "a: \xc0\x80\n", "t:1: not UTF-8 text (byte 0xc0 at offset 3)" },
	{ "a: \xed\xa0\x80\n", "t:1: not UTF-8 text (byte 0xed at offset 3)" },
	{ "a: \xe2\x82", "t:1: not UTF-8 text (byte 0xe2 at offset 3)" },
};

static void
test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct bp_arena *mem;
		struct bp_err err = { 0 };
		struct bp_val *v;
		assert_int_equal(bp_arena_open(&mem, 0, &err), BP_OK);
		assert_int_equal(read_n(&v, mem, &err, wrong[i].text, strlen(wrong[i].text)), BP_EINPUT);
		assert_string_equal(err.msg, wrong[i].message);
		assert_null(v);
		bp_arena_close(mem);
	}
}

static void
test_limits(void **state)
{
	struct bp_arena *mem;
	struct bp_err err = { 0 };
	struct bp_val *v;
	char *text = malloc(BP_YAML_MAXBYTES + 1);
	int n = 0;

	(void)state;
	assert_non_null(text);
	assert_int_equal(bp_arena_open(&mem, (size_t)256 << 20, &err), BP_OK);
	memset(text, '[', 2000); /* deep */
	assert_int_equal(read_n(&v, mem, &err, text, 2000), BP_EINPUT);
	for (int i = 0; i < 2 * BP_YAML_MAXKEYS; i++) /* many keys */
		n += sprintf(text + n, "k%d: 1\n", i);
	assert_int_equal(read_n(&v, mem, &err, text, (size_t)n), BP_EINPUT);
	assert_string_equal(err.msg, "t:1001: more than 1000 keys in a mapping");
	n = 0;
	for (int i = 0; i < 2 * BP_YAML_MAXANCHORS; i++)
		n += sprintf(text + n, "- &a%d x\n", i);
	assert_int_equal(read_n(&v, mem, &err, text, (size_t)n), BP_EINPUT);
	memset(text, 'x', BP_YAML_MAXBYTES + 1);
	assert_int_equal(read_n(&v, mem, &err, text, BP_YAML_MAXBYTES + 1), BP_EINPUT);
	free(text);
	bp_arena_close(mem);
}

static void
test_tree(void **state)
{
	static const char text[] = "a: &x {k: [1, two]}\nb: *x\n# c\nc:\n  - d\n";
	struct bp_arena *mem;
	struct bp_err err = { 0 };
	struct bp_val *v;

	(void)state;
	assert_int_equal(bp_arena_open(&mem, 0, &err), BP_OK);
	assert_int_equal(read_n(&v, mem, &err, text, sizeof text - 1), BP_OK);
	assert_int_equal(bp_val_count(v), 3);
	assert_ptr_equal(bp_val_get(v, "a"), bp_val_get(v, "b"));
	assert_string_equal(bp_val_cstr(bp_val_at(bp_val_get(bp_val_get(v, "b"), "k"), 1), ""), "two");
	assert_int_equal(bp_val_at(bp_val_get(v, "c"), 0)->line, 5);
	bp_arena_close(mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
