#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/opt.h"

struct opt {
	struct bp_common common;
	int steps;
	double scale;
	bool templates;
	const char *dir;
};

static const struct bp_optdef table[] = {
	BP_OPT_STREAM(struct opt, common),
	BP_OPT_COMPUTE(struct opt, common),
	BP_OPT_SEED(struct opt, common),
	BP_OPT_GENERAL(struct opt, common),
	{ "sampling-steps", 's', BP_OPT_INT, offsetof(struct opt, steps), "[1,1000]", NULL, "steps" },
	{ "step-scale", 0, BP_OPT_NUM, offsetof(struct opt, scale), "(0,", NULL, "scale" },
	{ "out-dir", 'o', BP_OPT_STR, offsetof(struct opt, dir), BP_REQUIRED, "DIR", "where to" },
	{ "templates", 't', BP_OPT_FLAG, offsetof(struct opt, templates), NULL, NULL, "use templates" },
	{ 0 },
};
static const struct bp_program prog = { "test", "a test", "FILE...", NULL, table };

static struct bp_arena *mem;
static struct bp_err err;

static int
parse(struct opt *o, struct bp_strlist *args, const char *line)
{
	static char buf[512];
	char *argv[32] = { "test" };
	int argc = 1;

	*o = (struct opt) { .common = BP_COMMON_INIT, .steps = 200, .dir = "here" };
	snprintf(buf, sizeof buf, "%s", line);
	for (char *w = strtok(buf, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	return bp_opt_parse(&prog, o, args, argc, argv, mem, &err);
}

static void
test_values(void **state)
{
	struct opt o;
	struct bp_strlist args = { 0 };

	(void)state;
	assert_int_equal(
	    parse(&o, &args, "a.yaml --sampling_steps=17 -tv --step-scale 1.5 b.yaml --op x=y --op z=w --mem-cap 2G"),
	    BP_OK);
	assert_int_equal(o.steps, 17);
	assert_true(o.templates && o.common.verbose && !o.common.quiet);
	assert_true(o.scale == 1.5);
	assert_int_equal(args.n, 2);
	assert_string_equal(args.v[1], "b.yaml");
	assert_int_equal(o.common.op.n, 2);
	assert_string_equal(o.common.op.v[1], "z=w");
	assert_int_equal(o.common.mem_cap, (size_t)2 << 30);
	assert_int_equal(
	    parse(&o, NULL, "-s5 --no-templates --no_cuda_optimizations --precision bf16 --no-mixed-precision"), BP_OK);
	assert_int_equal(o.steps, 5);
	assert_false(o.templates);
	assert_string_equal(o.common.variant, "original");
	assert_string_equal(o.common.precision, "fp32");
}

static void
test_refused(void **state)
{
	static const char *const line[][2] = {
		{ "--sampling-stesp 3", "unknown option --sampling-stesp" },
		{ "--sampling-steps 0", "--sampling-steps: '0' given, a whole number in [1,1000] wanted" },
		{ "--sampling-steps 3x", "--sampling-steps: '3x' given" },
		{ "--sampling-steps 99999999999", "--sampling-steps: '99999999999' given" },
		{ "--step-scale nan", "--step-scale: 'nan' given" },
		{ "--step-scale 0", "--step-scale: '0' given" },
		{ "--variant fast", "--variant: 'fast' given, one of original|optimized wanted" },
		{ "--variant orig", "--variant: 'orig' given" },
		{ "--seed -1", "--seed: '-1' given" },
		{ "--mem-cap much", "--mem-cap: 'much' given" },
		{ "--templates=1", "--templates takes no value" },
		{ "--in", "--in needs a value" },
		{ "-z", "unknown option -z" },
		{ "file", "unexpected argument 'file'" },
	};
	struct opt o;

	(void)state;
	for (size_t i = 0; i < sizeof line / sizeof *line; i++) {
		assert_int_equal(parse(&o, NULL, line[i][0]), BP_EUSAGE);
		if (strncmp(err.msg, line[i][1], strlen(line[i][1])) != 0)
			fail_msg("%s gave: %s", line[i][0], err.msg);
	}
	assert_int_equal(parse(&o, NULL, "--sampling-stesp 3"), BP_EUSAGE);
	assert_string_equal(err.hint, "did you mean --sampling-steps?");
	o.dir = NULL;
	assert_int_equal(bp_opt_parse(&prog, &o, NULL, 1, (char *[]) { "test" }, mem, &err), BP_EUSAGE);
	assert_string_equal(err.msg, "--out-dir is missing");
	assert_string_equal(err.hint, "give -o DIR");
}

static void
test_changed(void **state)
{
	struct opt o, d;
	struct bp_strlist l;

	(void)state;
	assert_int_equal(parse(&d, NULL, ""), BP_OK);
	assert_int_equal(parse(&o, NULL, "--sampling-steps 9 --op a=b -t"), BP_OK);
	assert_int_equal(bp_opt_changed(&l, &prog, &o, &d, mem, &err), BP_OK);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.v[0], "--op=a=b");
	assert_string_equal(l.v[1], "--sampling-steps=9");
	assert_string_equal(l.v[2], "--templates=true");
}

static void
test_nearest(void **state)
{
	static const char *const words[] = { "sequences", "constraints", "properties", NULL };

	(void)state;
	assert_string_equal(bp_nearest("sequence", words, -1), "sequences");
	assert_string_equal(bp_nearest("constriants", words, -1), "constraints");
	assert_null(bp_nearest("version", words, 3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_values), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_changed), cmocka_unit_test(test_nearest) };
	int st;

	if (bp_arena_open(&mem, 0, &err) != BP_OK)
		return 1;
	st = cmocka_run_group_tests(tests, NULL, NULL);
	bp_arena_close(mem);
	return st;
}
