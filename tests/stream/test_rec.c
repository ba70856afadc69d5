/* records in memory: lib/stream/rec.h, and the arena's bp_grow */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "stream/rec.h"

static int
setup(void **state)
{
	return bp_arena_open((struct bp_arena **)state, 0, NULL);
}

static int
teardown(void **state)
{
	bp_arena_close(*state);
	return 0;
}

static void
test_put_get_drop(void **state)
{
	struct bp_err err = { 0 };
	struct bp_tensor *a, *b, *c;
	struct bp_rec *r;
	char name[16];

	assert_int_equal(bp_rec_new(&r, BP_TRUNK, "ubq", *state, &err), BP_OK);
	assert_string_equal(r->kind_name, "trunk");
	assert_int_equal(bp_rec_add(&a, r, "a", BP_F32, BP_SHAPE(2, 3), &err), BP_OK);
	assert_int_equal(bp_rec_add(&b, r, "b", BP_I64, BP_SHAPE(0, 3), &err), BP_OK);
	assert_int_equal(bp_rec_add(&c, r, "a", BP_U8, BP_SHAPE(4), &err), BP_OK);
	assert_int_equal(r->n, 2);
	assert_ptr_equal(bp_rec_get(r, "a"), c);
	assert_null(bp_rec_get(r, "z"));
	bp_rec_drop(r, "z");
	bp_rec_drop(r, "a");
	assert_int_equal(r->n, 1);
	assert_ptr_equal(bp_rec_get(r, "b"), b);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "t%d", i);
		assert_int_equal(bp_rec_put(r, name, a, &err), BP_OK);
	}
	assert_int_equal(r->n, 101);
	assert_ptr_equal(bp_rec_get(r, "t99"), a);
}

static void
test_want(void **state)
{
	struct bp_err err = { 0 };
	const struct bp_tensor *t;
	struct bp_tensor *a;
	struct bp_rec *r;
	int64_t shape[2] = { -1, 3 };

	assert_int_equal(bp_rec_new(&r, BP_FEATURES, "x", *state, &err), BP_OK);
	assert_int_equal(bp_rec_add(&a, r, "coords", BP_I16, BP_SHAPE(5, 3), &err), BP_OK);
	((int16_t *)a->data)[14] = -7;
	assert_int_equal(bp_rec_want(&t, r, "coords", BP_F32, 2, shape, &err), BP_OK);
	assert_int_equal(shape[0], 5);
	assert_int_equal(t->dtype, BP_F32);
	assert_true(((const float *)t->data)[14] == -7.0f);
	shape[0] = 6;
	assert_int_equal(bp_rec_want(&t, r, "coords", BP_F32, 2, shape, &err), BP_EINPUT);
	assert_string_equal(err.msg, "tensor coords: shape [5,3], wanted [6,3]");
	assert_null(t);
	shape[0] = -1;
	assert_int_equal(bp_rec_want(&t, r, "coords", BP_F32, 1, shape, &err), BP_EINPUT);
	assert_string_equal(err.msg, "tensor coords: shape [5,3], wanted [n]");
	assert_int_equal(bp_rec_want(&t, r, "msa", BP_F32, 2, shape, &err), BP_EINPUT);
	assert_string_equal(err.msg, "tensor msa: the features record has none");
	shape[0] = 5;
	assert_int_equal(bp_rec_want(&t, r, "coords", BP_U8, 2, shape, &err), BP_EINPUT); /* -7 is no uint8 */
	assert_memory_equal(err.msg, "tensor coords: ", 15);
}

static void
test_failure_needs_no_memory(void **state)
{
	struct bp_err err = { 0 }, why = { .code = BP_ENUM, .hint = "lower the step" };
	struct bp_arena *mem;
	struct bp_rec *r, *f;

	(void)state;
	memset(why.msg, 'x', sizeof why.msg - 1);
	assert_int_equal(bp_arena_open(&mem, 64 << 10, &err), BP_OK);
	assert_int_equal(bp_rec_new(&r, BP_TRUNK, "t1", mem, &err), BP_OK);
	r->index = 7;
	while (bp_alloc(mem, 64, NULL))
		;
	f = bp_rec_failure(r, "diffuse", &why);
	assert_int_equal(f->kind, BP_ERROR);
	assert_string_equal(f->id, "t1");
	assert_int_equal(f->index, 7);
	assert_int_equal(f->n, 0);
	assert_string_equal(bp_val_cstr(bp_val_get(f->meta, "stage"), ""), "diffuse");
	assert_string_equal(bp_val_cstr(bp_val_get(f->meta, "message"), ""), why.msg);
	assert_string_equal(bp_val_cstr(bp_val_get(f->meta, "hint"), ""), "lower the step");
	assert_int_equal(bp_val_i64(bp_val_get(f->meta, "code"), 0), BP_ENUM);
	bp_arena_close(mem);
}

static void
test_grow(void **state)
{
	struct bp_arena *mem = *state;
	struct bp_mark mark;
	size_t n = 1, used;
	char *p;

	assert_non_null(bp_alloc(mem, 100, NULL)); /* so that p does not start its block */
	mark = bp_arena_mark(mem);
	used = bp_arena_used(mem);
	assert_non_null(p = bp_alloc(mem, n, NULL));
	p[0] = 1;
	for (size_t next = 3; next < (size_t)40 << 20; n = next, next = next * 3 + 1) {
		assert_non_null(p = bp_grow(mem, p, n, next, NULL));
		assert_int_equal((uintptr_t)p % 64, 0);
		for (size_t i = n; i < next; i++)
			p[i] = (char)(i * 7 + 1);
		for (size_t i = 0; i < next; i += next / 1000 + 1)
			assert_int_equal(p[i], (char)(i * 7 + 1));
		assert_true(bp_arena_used(mem) - used >= next && bp_arena_used(mem) - used < next + 256);
	}
	assert_null(bp_grow(mem, p, n, SIZE_MAX - 100, NULL));
	bp_arena_release(mem, mark);
	assert_int_equal(bp_arena_used(mem), used);
	assert_non_null(bp_calloc(mem, 1, 1 << 20, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put_get_drop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_want, setup, teardown),
		cmocka_unit_test(test_failure_needs_no_memory),
		cmocka_unit_test_setup_teardown(test_grow, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
