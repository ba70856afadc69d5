/* tests/stream/stream_try.h: streams in memory, for tests of what reads and writes them */
#ifndef BP_TEST_STREAM_TRY_H
#define BP_TEST_STREAM_TRY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stream/io.h"

struct bytes {
	char *p;
	size_t n;
};

static const int64_t shapes[][3] = { { 2, 3, 4 }, { 0, 3, 1 }, { 1, 1, 1 }, { 7, 1, 5 } };

/* a record with a tensor of every dtype and a bit of everything else; ends in the arena */
static inline struct bp_rec *
sample(struct bp_arena *mem, const char *id, int big)
{
	struct bp_rec *r;
	struct bp_tensor *t;
	struct bp_val *list;
	char name[32];
	size_t bytes;

	assert_int_equal(bp_rec_new(&r, BP_FEATURES, id, mem, NULL), BP_OK);
	for (int d = 0; d < BP_NDTYPE; d++) {
		snprintf(name, sizeof name, "t_%s", bp_dtype_name((enum bp_dtype)d));
		assert_int_equal(bp_rec_add(&t, r, name, (enum bp_dtype)d, big ? 3 : 1,
		                     big ? shapes[d % 4] : (int64_t[]) { 2 }, NULL),
		    BP_OK);
		assert_true(bp_tensor_bytes(&bytes, t->dtype, t->ndim, t->shape));
		for (size_t i = 0; i < bytes; i++)
			((unsigned char *)t->data)[i] = d == BP_B8 ? i & 1 : (unsigned char)(i * 37 + (size_t)d);
	}
	assert_int_equal(bp_rec_add(&t, r, "scalar", BP_F64, 0, NULL, NULL), BP_OK);
	*(double *)t->data = 2.5;
	list = bp_val_arr(mem, NULL);
	assert_int_equal(bp_val_push(list, bp_val_nil(mem, NULL), mem, NULL), BP_OK);
	assert_int_equal(bp_val_push(list, bp_val_bool(mem, true, NULL), mem, NULL), BP_OK);
	for (int s = 0; s < 64; s++) {
		assert_int_equal(
		    bp_val_push(list, bp_val_int(mem, (int64_t)((uint64_t)1 << s), NULL), mem, NULL), BP_OK);
		assert_int_equal(
		    bp_val_push(list, bp_val_int(mem, -(int64_t)((uint64_t)1 << s >> 1) - 1, NULL), mem, NULL), BP_OK);
	}
	assert_int_equal(bp_val_push(list, bp_val_real(mem, 0.1, NULL), mem, NULL), BP_OK);
	assert_int_equal(bp_val_push(list, bp_val_bin(mem, "a\0b", 3, NULL), mem, NULL), BP_OK);
	assert_int_equal(bp_val_set(r->meta, "list", list, mem, NULL), BP_OK);
	assert_int_equal(bp_val_set(r->extra, "lab_notes", bp_val_str(mem, "kept", NULL), mem, NULL), BP_OK);
	assert_int_equal(bp_trail_add(r, "featurize", "original", "cpu", NULL, 1.5, 1000, NULL, NULL), BP_OK);
	return r;
}

static inline struct bytes
stream_of(struct bp_arena *mem, int n, int big, size_t part)
{
	struct bytes b;
	struct bp_out *out;
	char id[16];

	assert_int_equal(bp_out_open_mem(&out, &b.p, &b.n, NULL), BP_OK);
	bp_out_part(out, part);
	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof id, "id%d", i);
		assert_int_equal(bp_out_put(out, sample(mem, id, big), NULL), BP_OK);
	}
	assert_int_equal(bp_out_end(out, NULL), BP_OK);
	bp_out_close(out);
	return b;
}

static inline int
read_all(const void *p, size_t n, struct bp_arena *mem, struct bp_rec **rec, int max, struct bp_err *err)
{
	struct bp_in *in;
	struct bp_rec *r;
	int st, count = 0;

	assert_int_equal(bp_in_open_mem(&in, p, n, err), BP_OK);
	while ((st = bp_in_next(in, mem, &r, err)) == BP_OK) {
		assert_true(count < max);
		rec[count++] = r;
	}
	bp_in_close(in);
	return st == BP_EOS ? count : st;
}

static inline int
setup(void **state)
{
	return bp_arena_open((struct bp_arena **)state, 0, NULL);
}

static inline int
teardown(void **state)
{
	bp_arena_close(*state);
	return 0;
}

#endif
