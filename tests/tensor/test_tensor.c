#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tensor/safetensors.h"

static struct bp_arena *mem;
static struct bp_err err;

static void
test_sizes(void **state)
{
	int64_t huge[3] = { INT64_MAX / 2, 3, 1 }, neg[1] = { -1 }, zero[2] = { 0, 5 };
	size_t n;

	(void)state;
	assert_false(bp_tensor_bytes(&n, BP_F32, 3, huge));
	assert_false(bp_tensor_bytes(&n, BP_F32, 1, neg));
	assert_true(bp_tensor_bytes(&n, BP_F64, 2, zero));
	assert_int_equal(n, 0);
	assert_false(bp_tensor_bytes(&n, BP_F32, 9, zero));
}

static void
test_half(void **state)
{
	(void)state;
	for (uint32_t h = 0; h < 65536; h++) {
		float f = bp_bf16_to_f32((uint16_t)h);
		if (isnan(f))
			assert_true(isnan(bp_bf16_to_f32(bp_f32_to_bf16(f))));
		else
			assert_int_equal(bp_f32_to_bf16(f), h);
	}
	assert_int_equal(bp_f32_to_bf16(1.00390625f), 0x3f80); /* half way: to even */
	assert_int_equal(bp_f32_to_bf16(1.01171875f), 0x3f82);
	assert_true(bp_f16_to_f32(0x3c00) == 1 && bp_f16_to_f32(0xc000) == -2 && bp_f16_to_f32(1) == 0x1p-24f);
	assert_true(isinf(bp_f16_to_f32(0x7c00)) && isnan(bp_f16_to_f32(0x7e00)));
}

static void
test_convert(void **state)
{
	float x[4] = { 0, 1, 255, -3 };
	struct bp_tensor t = { BP_F32, 1, { 3 }, x };
	const struct bp_tensor *u;

	(void)state;
	assert_int_equal(bp_tensor_as(&u, &t, BP_U8, mem, &err), BP_OK);
	assert_int_equal(((uint8_t *)u->data)[2], 255);
	assert_int_equal(bp_tensor_as(&u, &t, BP_F32, mem, &err), BP_OK);
	assert_ptr_equal(u, &t);
	t.shape[0] = 4;
	assert_int_equal(bp_tensor_as(&u, &t, BP_U8, mem, &err), BP_EINPUT);
	x[3] = NAN;
	assert_int_equal(bp_tensor_as(&u, &t, BP_I32, mem, &err), BP_EINPUT);
	x[3] = 0.5f;
	assert_int_equal(bp_tensor_as(&u, &t, BP_I64, mem, &err), BP_EINPUT);
}

static void
test_file(void **state)
{
	char path[] = "/tmp/bp_test_XXXXXX";
	float x[6] = { 1, 2, 3, 4, 5, 6 };
	uint8_t y[3] = { 7, 8, 9 };
	struct bp_tensor a = { BP_F32, 2, { 2, 3 }, x }, b = { BP_U8, 1, { 3 }, y }, e = { BP_I64, 1, { 0 }, y };
	struct bp_named list[] = { { "b", &b }, { "a.weight", &a }, { "empty", &e } };
	struct bp_val *m = bp_val_map(mem, &err);
	struct bp_st *s;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(bp_val_set(m, "format", bp_val_str(mem, "pt", &err), mem, &err), BP_OK);
	assert_int_equal(bp_st_write(path, list, 3, m, &err), BP_OK);
	assert_int_equal(bp_st_open(&s, path, &err), BP_OK);
	assert_int_equal(bp_st_count(s), 3);
	assert_string_equal(bp_st_name(s, 0), "a.weight");
	assert_memory_equal(bp_st_get(s, "a.weight")->data, x, sizeof x);
	assert_memory_equal(bp_st_get(s, "b")->data, y, sizeof y);
	assert_int_equal(bp_st_get(s, "empty")->shape[0], 0);
	assert_null(bp_st_get(s, "c"));
	assert_string_equal(bp_val_cstr(bp_val_get(bp_st_metadata(s), "format"), ""), "pt");
	bp_st_close(s);
	remove(path);
	assert_int_equal(bp_st_open(&s, path, &err), BP_EIO);
	assert_int_equal(bp_st_open(&s, "/", &err), BP_EIO);
}

static void
test_damaged(void **state)
{
	static const char *const header[] = {
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9]}}",
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}",
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}",
		"{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}",
		"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}",
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", "[]", "{\"a\":3}",
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}",
	};
	unsigned char buf[256];
	struct bp_st *s;

	(void)state;
	for (size_t i = 0; i < sizeof header / sizeof *header; i++) {
		size_t n = strlen(header[i]);
		memset(buf, 0, sizeof buf);
		buf[0] = (unsigned char)n;
		memcpy(buf + 8, header[i], n);
		assert_int_equal(bp_st_open_mem(&s, buf, 8 + n + 8, "test", &err), BP_EINPUT);
		assert_null(s);
	}
	memset(buf, 0xff, sizeof buf);
	for (size_t n = 0; n < 64; n++)
		assert_int_equal(bp_st_open_mem(&s, buf, n, "test", &err), BP_EINPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sizes), cmocka_unit_test(test_half), cmocka_unit_test(test_convert),
		cmocka_unit_test(test_file), cmocka_unit_test(test_damaged) };
	int st;

	if (bp_arena_open(&mem, 0, &err) != BP_OK)
		return 1;
	st = cmocka_run_group_tests(tests, NULL, NULL);
	bp_arena_close(mem);
	return st;
}
