/* padding of records and its end: lib/stream/pad.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "stream/pad.h"

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

static float *
floats(struct bp_rec *r, const char *name, int ndim, const int64_t *shape)
{
	struct bp_err err = { 0 };
	struct bp_tensor *t;

	assert_int_equal(bp_rec_add(&t, r, name, BP_F32, ndim, shape, &err), BP_OK);
	for (int64_t i = 0; i < bp_count(t); i++)
		((float *)t->data)[i] = (float)(i + 1);
	return t->data;
}

/* a target of 3 tokens and 32 atoms */
static struct bp_rec *
target(struct bp_arena *mem)
{
	struct bp_err err = { 0 };
	struct bp_rec *r;
	struct bp_tensor *t;

	assert_int_equal(bp_rec_new(&r, BP_FEATURES, "x", mem, &err), BP_OK);
	floats(r, "token_pad_mask", BP_SHAPE(3));
	floats(r, "atom_pad_mask", BP_SHAPE(32));
	floats(r, "token_bonds", BP_SHAPE(3, 3, 1));
	floats(r, "profile", BP_SHAPE(3, 2));
	floats(r, "other", BP_SHAPE(3, 3));
	assert_int_equal(bp_rec_add(&t, r, "res_type@idx", BP_I32, BP_SHAPE(3), &err), BP_OK);
	return r;
}

static void
pads(void **state)
{
	struct bp_err err = { 0 };
	struct bp_rec *r = target(*state);
	const float *bonds, *profile;
	const int32_t *type;

	assert_int_equal(bp_rec_pad(r, 5, 64, &err), BP_OK);
	bonds = bp_rec_get(r, "token_bonds")->data;
	profile = bp_rec_get(r, "profile")->data;
	type = bp_rec_get(r, "res_type@idx")->data;
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 5; j++)
			assert_true(bonds[i * 5 + j] == (i < 3 && j < 3 ? (float)(i * 3 + j + 1) : 0));
	for (int i = 0; i < 10; i++)
		assert_true(profile[i] == (i < 6 ? (float)(i + 1) : 0));
	for (int i = 0; i < 5; i++)
		assert_int_equal(type[i], i < 3 ? 0 : -1);
	assert_int_equal(bp_rec_get(r, "atom_pad_mask")->shape[0], 64);
	assert_int_equal(bp_rec_get(r, "other")->shape[0], 3); /* not ours: as it was */
	assert_int_equal(bp_rec_unpadded(r, "tokens", -1), 3);
	assert_int_equal(bp_rec_unpadded(r, "atoms", -1), 32);
	assert_int_equal(bp_rec_pad(r, 8, 64, &err), BP_OK); /* twice: the first sizes stay */
	assert_int_equal(bp_rec_unpadded(r, "tokens", -1), 3);
}

static void
wrong_sizes(void **state)
{
	struct bp_err err = { 0 };
	struct bp_rec *r = target(*state);

	floats(r, "profile", BP_SHAPE(4, 2));
	assert_int_equal(bp_rec_pad(r, 5, 64, &err), BP_EINPUT);
	assert_non_null(strstr(err.msg, "profile"));
	r = target(*state); /* the other was padded in part: it becomes an error record */
	floats(r, "profile", BP_SHAPE(3));
	assert_int_equal(bp_rec_pad(r, 5, 64, &err), BP_EINPUT);
}

static void
cuts(void **state)
{
	static const int64_t hostile[] = { 0, -3, 4, INT64_MAX };
	struct bp_err err = { 0 };
	struct bp_arena *mem = *state;
	struct bp_rec *r = target(mem);
	const float *pae;
	struct bp_val *m = bp_val_map(mem, &err);

	floats(r, "pae", BP_SHAPE(2, 3, 3));
	floats(r, "plddt", BP_SHAPE(3)); /* another tensor of that name */
	assert_int_equal(bp_rec_unpad(r, &err), BP_OK);
	assert_int_equal(bp_rec_get(r, "pae")->shape[1], 3); /* it was not padded */
	assert_int_equal(bp_val_set(r->meta, "padded", m, mem, &err), BP_OK);
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		assert_int_equal(bp_val_set(m, "tokens", bp_val_int(mem, hostile[i], &err), mem, &err), BP_OK);
		assert_int_equal(bp_rec_unpad(r, &err), hostile[i] < 0 ? BP_OK : BP_EINPUT);
	}
	assert_int_equal(bp_val_set(m, "tokens", bp_val_int(mem, 2, &err), mem, &err), BP_OK);
	assert_int_equal(bp_rec_unpad(r, &err), BP_OK);
	pae = bp_rec_get(r, "pae")->data;
	for (int s = 0; s < 2; s++)
		for (int i = 0; i < 2; i++)
			for (int j = 0; j < 2; j++)
				assert_true(pae[(s * 2 + i) * 2 + j] == (float)(s * 9 + i * 3 + j + 1));
	assert_int_equal(bp_rec_get(r, "plddt")->shape[0], 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pads, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(cuts, setup, teardown),
	};

	return cmocka_run_group_tests_name("stream/pad", tests, NULL, NULL);
}
