/* .npz archives: written, then read back by another program's rules. */
#include "npz_read.h"
#include "structure/npz.h"

static struct bp_arena *mem;

static char *
contents(FILE *f, size_t *n)
{
	char *text;

	assert_int_equal(fflush(f), 0);
	*n = (size_t)ftello(f);
	rewind(f);
	text = bp_calloc(mem, *n + 1, 1, NULL);
	assert_int_equal(fread(text, 1, *n, f), *n);
	return text;
}

static void
test_arrays(void **state)
{
	static const struct {
		enum bp_dtype dtype;
		int ndim;
		int64_t shape[4];
		const char *descr, *text;
	} c[] = {
		{ BP_F32, 1, { 20 }, "<f4", "(20,)" },
		{ BP_F32, 2, { 7, 11 }, "<f4", "(7, 11)" },
		{ BP_F32, 3, { 300, 411, 3 }, "<f4", "(300, 411, 3)" }, /* longer than a piece */
		{ BP_U8, 1, { 1 << 20 }, "|u1", "(1048576,)" },         /* exactly one */
		{ BP_F64, 0, { 0 }, "<f8", "()" },
		{ BP_I64, 2, { 0, 5 }, "<i8", "(0, 5)" },
		{ BP_B8, 1, { 3 }, "|b1", "(3,)" },
		{ BP_I16, 4, { 1, 2, 3, 4 }, "<i2", "(1, 2, 3, 4)" },
	};
	enum { N = sizeof c / sizeof *c };
	struct bp_tensor *t[N];
	struct npz_array *a;
	struct bp_npz *z;
	struct bp_err err = { 0 };
	uint32_t seed = 7;
	char name[16], *text;
	FILE *f = tmpfile();
	size_t n;
	int count;

	(void)state;
	assert_non_null(f);
	assert_int_equal(bp_npz_open(&z, f, "test", &err), BP_OK);
	for (int i = 0; i < N; i++) {
		assert_int_equal(bp_tensor_new(&t[i], c[i].dtype, c[i].ndim, c[i].shape, mem, &err), BP_OK);
		for (size_t k = 0; k < (size_t)bp_count(t[i]) * bp_dtype_size(c[i].dtype); k++)
			((unsigned char *)t[i]->data)[k] = (unsigned char)((seed = seed * 1664525 + 1013904223) >> 24);
		snprintf(name, sizeof name, "a%d", i);
		assert_int_equal(bp_npz_put(z, name, t[i], &err), BP_OK);
	}
	assert_int_equal(bp_npz_end(z, &err), BP_OK);
	bp_npz_close(z);
	text = contents(f, &n);
	fclose(f);
	a = npz_read(text, n, &count, mem);
	assert_int_equal(count, N);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof name, "a%d.npy", i);
		assert_string_equal(a[i].name, name);
		assert_string_equal(a[i].descr, c[i].descr);
		assert_string_equal(a[i].shape, c[i].text);
		assert_int_equal(a[i].bytes, (size_t)bp_count(t[i]) * bp_dtype_size(c[i].dtype));
		assert_memory_equal(a[i].data, t[i]->data, a[i].bytes);
	}
	bp_arena_reset(mem);
}

/* NumPy has no bfloat16: refused, and the archive stays sound */
static void
test_bf16(void **state)
{
	struct bp_tensor *t;
	struct bp_npz *z;
	struct bp_err err = { 0 };
	FILE *f = tmpfile();
	char *text;
	size_t n;
	int count;

	(void)state;
	assert_int_equal(bp_tensor_new(&t, BP_BF16, BP_SHAPE(3), mem, &err), BP_OK);
	assert_int_equal(bp_npz_open(&z, f, "test", &err), BP_OK);
	assert_int_equal(bp_npz_put(z, "x", t, &err), BP_EUNSUP);
	assert_int_equal(bp_npz_end(z, &err), BP_OK);
	bp_npz_close(z);
	text = contents(f, &n);
	npz_read(text, n, &count, mem);
	assert_int_equal(count, 0);
	fclose(f);
	bp_arena_reset(mem);
}

static void
test_empty(void **state)
{
	struct bp_npz *z;
	struct bp_err err = { 0 };
	FILE *f = tmpfile();
	char *text;
	size_t n;
	int count;

	(void)state;
	assert_int_equal(bp_npz_open(&z, f, "test", &err), BP_OK);
	assert_int_equal(bp_npz_end(z, &err), BP_OK);
	bp_npz_close(z);
	text = contents(f, &n);
	npz_read(text, n, &count, mem);
	assert_int_equal(count, 0);
	fclose(f);
	bp_arena_reset(mem);
}

static void
test_full(void **state)
{
	struct bp_tensor *t;
	struct bp_npz *z;
	struct bp_err err = { 0 };
	FILE *f = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(f);
	assert_int_equal(bp_tensor_new(&t, BP_F32, BP_SHAPE(100, 1000), mem, &err), BP_OK);
	assert_int_equal(bp_npz_open(&z, f, "here.npz", &err), BP_OK);
	assert_int_equal(bp_npz_put(z, "x", t, &err), BP_EIO);
	assert_non_null(strstr(err.msg, "here.npz: No space left"));
	bp_npz_close(z);
	fclose(f);
	bp_arena_reset(mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_bf16),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_full),
	};
	int failed;

	if (bp_arena_open(&mem, 0, NULL) != BP_OK)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	bp_arena_close(mem);
	return failed;
}
