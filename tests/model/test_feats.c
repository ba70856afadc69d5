/* tests/model/test_feats.c: features that a kernel could not trust are refused, by name. */
#include "../golden_rec.h"

#include "model/feats.h"

struct fix {
	struct bp_err err;
	struct bp_arena *mem;
	struct bp_rec *rec;
};

static void
fix_open(struct fix *x)
{
	*x = (struct fix){ 0 };
	assert_int_equal(bp_arena_open(&x->mem, 0, &x->err), BP_OK);
	x->rec = golden_features("tiny", x->mem);
}

/* element i of a tensor becomes v (a copy of the tensor takes its place, of 64-bit integers or of floats) */
static void
change(struct fix *x, const char *name, int64_t i, double v)
{
	const struct bp_tensor *t = bp_rec_get(x->rec, name), *conv;
	struct bp_tensor *copy;
	bool real = t->dtype == BP_F32 || v != floor(v);

	assert_int_equal(bp_tensor_new(&copy, real ? BP_F32 : BP_I64, t->ndim, t->shape, x->mem, &x->err), BP_OK);
	assert_int_equal(bp_tensor_as(&conv, t, copy->dtype, x->mem, &x->err), BP_OK);
	memcpy(copy->data, conv->data, (size_t)bp_count(t) * bp_dtype_size(copy->dtype));
	assert_in_range(i, 0, bp_count(t) - 1);
	if (real)
		((float *)copy->data)[i] = (float)v;
	else
		((int64_t *)copy->data)[i] = (int64_t)v;
	assert_int_equal(bp_rec_put(x->rec, name, copy, &x->err), BP_OK);
}

static void
refused(struct fix *x, const char *what)
{
	struct bp_feats f;

	assert_int_equal(bp_feats_read(&f, x->rec, BP_FEATS_TRUNK, x->mem, &x->err), BP_EINPUT);
	if (!strstr(x->err.msg, what))
		fail_msg("'%s' does not say '%s'", x->err.msg, what);
	bp_arena_close(x->mem);
}

static void
good(void **state)
{
	struct bp_feats f;
	struct fix x;

	(void)state;
	fix_open(&x);
	assert_int_equal(bp_feats_read(&f, x.rec, BP_FEATS_TRUNK, x.mem, &x.err), BP_OK);
	assert_int_equal(f.n, 13);
	assert_int_equal(f.atoms % 32, 0);
	assert_null(f.token_mask); /* nothing is masked */
	assert_null(f.msa_mask);
	assert_int_equal(f.first[0], 0);
	for (int t = 0, next = 0; t < f.n; t++) {
		assert_int_equal(f.first[t], next);
		next += f.count[t];
	}
	assert_int_equal(bp_feats_read(&f, x.rec, BP_FEATS_PAIR, x.mem, &x.err), BP_OK);
	assert_non_null(f.asym_id);
	assert_null(f.ref_pos);
	bp_arena_close(x.mem);
}

static void
bad_elements(void **state)
{
	static const struct {
		const char *name;
		int64_t i;
		double v;
	} bad[] = {
		{ "atom_to_token@idx", 5, 13 }, { "atom_to_token@idx", 5, -2 },
		{ "atom_to_token@idx", 0, 4000000000.0 }, { "res_type@idx", 12, 33 }, { "res_type@idx", 12, -2 },
		{ "msa", 3, -1 }, { "msa", 3, 33 }, { "ref_element@idx", 0, 128 },
		{ "ref_atom_name_chars@idx", 1, 64 }, { "type_bonds", 4, 7 }, { "type_bonds", 4, -1 },
		{ "contact_conditioning@idx", 0, 5 }, { "method_feature", 0, 12 }, { "modified", 0, 2 },
		{ "mol_type", 0, 4 }, { "template_restype@idx", 0, 33 }, { "asym_id", 0, 2147483647 },
		{ "residue_index", 0, -2147483647 }, { "token_pad_mask", 0, 0.5 }, { "atom_pad_mask", 3, 2 },
		{ "msa_mask", 0, -1 }, { "cyclic_period", 0, 0.25 }, { "cyclic_period", 0, -3 },
		{ "ref_pos", 7, NAN }, { "ref_charge", 0, INFINITY }, { "profile", 0, NAN },
		{ "deletion_mean", 0, NAN }, { "contact_threshold", 0, INFINITY }, { "template_frame_rot", 8, NAN },
		{ "visibility_ids", 0, NAN }, { "token_bonds", 1, NAN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fix x;
		fix_open(&x);
		change(&x, bad[i].name, bad[i].i, bad[i].v);
		refused(&x, bad[i].name);
	}
}

static void
bad_shapes(void **state)
{
	static const char *const names[] = { "asym_id", "type_bonds", "ref_pos", "atom_to_token@idx", "profile", "msa",
		"template_cb", "template_mask" };
	struct fix x;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (int how = 0; how < 3; how++) { /* missing; an axis too many; one element less */
			struct bp_tensor t;
			fix_open(&x);
			t = *bp_rec_get(x.rec, names[i]);
			bp_rec_drop(x.rec, names[i]);
			if (how == 1)
				t.shape[t.ndim++] = 1;
			if (how == 2)
				t.shape[t.ndim - 1]--;
			if (how)
				assert_int_equal(bp_rec_put(x.rec, names[i], &t, &x.err), BP_OK);
			refused(&x, how == 2 && i == 0 ? "residue_index" : names[i]);
		}
}

static void
scattered_atoms(void **state)
{
	struct fix x;

	(void)state;
	fix_open(&x);
	change(&x, "atom_to_token@idx", 0, 2); /* token 2's atoms begin further on */
	refused(&x, "side by side");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad_elements),
		cmocka_unit_test(bad_shapes),
		cmocka_unit_test(scattered_atoms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
