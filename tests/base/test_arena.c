#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void
test_lifetimes(void **state)
{
	struct bp_arena *a;
	struct bp_err err;
	struct bp_mark m;
	size_t before;
	char *p, *q;

	(void)state;
	assert_int_equal(bp_arena_open(&a, 0, &err), BP_OK);
	p = bp_strdup(a, "kept", &err);
	m = bp_arena_mark(a);
	before = bp_arena_used(a);
	for (size_t n = 1; n < (size_t)8 << 20; n *= 3) {
		q = bp_alloc(a, n, &err);
		assert_non_null(q);
		assert_int_equal((uintptr_t)q % 64, 0);
		memset(q, 1, n);
	}
	assert_true(bp_arena_peak(a) > (size_t)4 << 20);
	bp_arena_release(a, m);
	assert_int_equal(bp_arena_used(a), before);
	assert_string_equal(p, "kept");
	q = bp_calloc(a, 1000, 7, &err);
	for (int i = 0; i < 7000; i++)
		assert_int_equal(q[i], 0);
	bp_arena_reset(a);
	assert_int_equal(bp_arena_used(a), 0);
	bp_arena_peak_reset(a);
	assert_int_equal(bp_arena_peak(a), 0);
	bp_arena_close(a);
	bp_arena_close(NULL);
}

/* the cap leaves room for the gaps that sanitized builds put between allocations */
static void
test_cap(void **state)
{
	struct bp_arena *a;
	struct bp_err err = { 0 };

	(void)state;
	assert_int_equal(bp_arena_open(&a, ((size_t)3 << 20) + 1024, &err), BP_OK);
	assert_non_null(bp_alloc(a, (size_t)2 << 20, &err));
	assert_null(bp_alloc(a, (size_t)2 << 20, &err));
	assert_int_equal(err.code, BP_EMEM);
	assert_non_null(bp_alloc(a, (size_t)1 << 20, &err));
	bp_arena_reset(a);
	assert_non_null(bp_alloc(a, (size_t)3 << 20, &err)); /* the kept blocks make room for one that is larger */
	assert_null(bp_alloc(a, SIZE_MAX - 10, &err));
	assert_null(bp_calloc(a, SIZE_MAX / 4, 8, &err));
	bp_arena_close(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lifetimes), cmocka_unit_test(test_cap) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
