/* Reading a record into tables: names, made-up names, elements, and records that lie. */
#include "chem/residues.h"
#include "case.h"

static struct bp_arena *mem;

/* without meta the same chains, residues and atoms come out, under made-up names */
static void
test_no_meta(void **state)
{
	(void)state;
	for (int c = 0; c < CASES; c++) {
		struct bp_structure *a = case_structure(case_record(cases[c], true, mem));
		struct bp_structure *b = case_structure(case_record(cases[c], false, mem));
		assert_int_equal(a->nchains, b->nchains);
		assert_int_equal(a->nres, b->nres);
		assert_int_equal(a->natoms, b->natoms);
		assert_int_equal(a->ntokens, b->ntokens);
		assert_int_equal(b->nbonds, 0);
		for (int i = 0; i < a->nchains; i++) {
			char tag[8];
			assert_string_equal(b->chain[i].name, bp_chain_tag(tag, i));
			assert_int_equal(a->chain[i].mol_type, b->chain[i].mol_type);
			assert_int_equal(a->chain[i].entity_id, b->chain[i].entity_id);
			assert_int_equal(a->chain[i].asym_id, b->chain[i].asym_id);
			assert_int_equal(a->chain[i].res, b->chain[i].res);
			assert_int_equal(a->chain[i].nres, b->chain[i].nres);
			assert_int_equal(a->chain[i].atom, b->chain[i].atom);
			assert_int_equal(a->chain[i].natoms, b->chain[i].natoms);
		}
		for (int i = 0; i < a->nres; i++) {
			bool ligand = a->chain[a->res[i].chain].mol_type == BP_NONPOLYMER;
			assert_int_equal(a->res[i].seq, b->res[i].seq);
			assert_int_equal(a->res[i].chain, b->res[i].chain);
			assert_int_equal(a->res[i].atom, b->res[i].atom);
			assert_int_equal(a->res[i].natoms, b->res[i].natoms);
			if (ligand || bp_token_id(a->res[i].name) >= 0) /* modified ones lose their name */
				assert_string_equal(b->res[i].name, ligand ? "UNL" : a->res[i].name);
		}
		for (int i = 0; i < a->natoms; i++) {
			assert_string_equal(a->atom[i].name, b->atom[i].name);
			assert_string_equal(a->atom[i].element, b->atom[i].element);
			assert_int_equal(a->atom[i].token, b->atom[i].token);
			assert_memory_equal(bp_structure_xyz(a, 1, i), bp_structure_xyz(b, 1, i), 12);
		}
		bp_arena_reset(mem);
	}
}

/* tokens are counted when no tensor tells them, and agree with the tensor */
static void
test_counted_tokens(void **state)
{
	(void)state;
	for (int c = 0; c < CASES; c++) {
		struct bp_rec *rec = case_record(cases[c], true, mem);
		struct bp_structure *a = case_structure(rec), *b;
		bp_rec_drop(rec, "atom_to_token@idx");
		bp_rec_drop(rec, "atom_pad_mask");
		b = case_structure(rec);
		assert_int_equal(a->natoms, b->natoms);
		for (int i = 0; i < a->natoms; i++)
			assert_int_equal(a->atom[i].token, b->atom[i].token);
		bp_arena_reset(mem);
	}
}

static void
set_column(struct bp_rec *rec, const char *table, const char *key, int row, struct bp_val *v)
{
	struct bp_val *list = bp_val_get(bp_val_get(rec->meta, table), key);

	assert_non_null(list);
	assert_in_range(row, 0, bp_val_count(list) - 1);
	list->u.item[row] = v;
}

/* the element: meta, then the tensor, then the guess from the name */
static void
test_elements(void **state)
{
	struct bp_rec *rec = case_record("order", true, mem);
	struct bp_val *atoms = bp_val_get(rec->meta, "atoms"), *element = bp_val_arr(mem, NULL);
	struct bp_structure *s = case_structure(rec);

	(void)state;
	for (int i = 0; i < s->natoms; i++)
		assert_int_equal(
		    bp_val_push(element, bp_val_int(mem, bp_element_number(s->atom[i].element), NULL), mem, NULL),
		    BP_OK);
	assert_string_equal(s->atom[1].element, "C");    /* CA of glycine */
	assert_string_equal(s->atom[137].element, "CA"); /* calcium       */
	element->u.item[137] = bp_val_int(mem, 30, NULL);
	element->u.item[0] = bp_val_int(mem, 0, NULL);
	assert_int_equal(bp_val_set(atoms, "element", element, mem, NULL), BP_OK);
	s = case_structure(rec);
	assert_string_equal(s->atom[137].element, "ZN");
	assert_string_equal(s->atom[0].element, "X");
	bp_rec_drop(rec, "ref_element@idx");
	rec->meta = bp_val_map(mem, NULL);
	s = case_structure(rec);
	assert_string_equal(s->atom[1].element, "C");
	assert_string_equal(s->atom[0].element, "N");
	bp_arena_reset(mem);
}

/* fails, with the words in the message */
static void
refused(struct bp_rec *rec, int code, const char *part)
{
	struct bp_structure *s = NULL;
	struct bp_err err = { 0 };

	assert_int_equal(bp_structure_read(&s, rec, &err), code);
	assert_null(s);
	if (!strstr(err.msg, part))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, part);
}

static void
test_lies(void **state)
{
	static const struct {
		const char *table, *key;
		int row;
		const char *text; /* or */
		int number;
		const char *says;
	} lie[] = {
		{ "chains", "res_num", 1, NULL, 4, "does not add up" },
		{ "chains", "res_num", 1, NULL, 0, "wanted a whole number" },
		{ "chains", "res_num", 1, NULL, -5, "wanted a whole number" },
		{ "chains", "res_num", 1, NULL, 2000000000, "wanted a whole number" },
		{ "chains", "mol_type", 0, NULL, 4, "from 0 to 3" },
		{ "chains", "mol_type", 0, "x", 0, "from 0 to 3" },
		{ "chains", "name", 1, "X1", 0, "two chains are called X1" },
		{ "chains", "name", 1, "", 0, "cannot be written" },
		{ "chains", "name", 1, "A\nB", 0, "cannot be written" },
		{ "chains", "name", 1, "'\"", 0, "cannot be written" },
		{ "chains", "name", 1, "\303\244", 0, "cannot be written" },
		{ "chains", "name", 1, "abcdefghijklmnopqrstuvwxyz123456", 0, "cannot be written" },
		{ "residues", "atom_num", 3, NULL, 6, "adds up to 139" },
		{ "residues", "atom_num", 3, NULL, -1, "wanted a whole number" },
		{ "residues", "name", 3, "\x1b[31m", 0, "cannot be written" },
		{ "atoms", "name", 3, "", 0, "cannot be written" },
		{ "bonds", "atom_1", 0, NULL, 138, "from 0 to 137" },
		{ "bonds", "atom_2", 0, NULL, -1, "from 0 to 137" },
		{ "bonds", "type", 0, NULL, 99, "from 0 to 5" },
	};
	struct bp_rec *rec;
	struct bp_tensor *x;

	(void)state;
	for (size_t i = 0; i < sizeof lie / sizeof *lie; i++) {
		rec = case_record("order", true, mem);
		set_column(rec, lie[i].table, lie[i].key, lie[i].row,
		    lie[i].text ? bp_val_str(mem, lie[i].text, NULL) : bp_val_int(mem, lie[i].number, NULL));
		refused(rec, BP_EINPUT, lie[i].says);
		bp_arena_reset(mem);
	}
	rec = case_record("order", true, mem);
	bp_val_get(bp_val_get(rec->meta, "residues"), "res_idx")->n--;
	refused(rec, BP_EINPUT, "wanted a list of 16");
	bp_arena_reset(mem);
	rec = case_record("order", true, mem);
	for (int i = 0; i < 2; i++) { /* both columns are left out: the table has fewer atoms than the tensors */
		bp_val_get(bp_val_get(rec->meta, "atoms"), "name")->n--;
		refused(rec, BP_EINPUT, "the tensors 138");
	}
	bp_arena_reset(mem);
	rec = case_record("order", false, mem);
	((int16_t *)bp_rec_get(rec, "atom_to_token@idx")->data)[5] = 26;
	refused(rec, BP_EINPUT, "has token 26");
	bp_arena_reset(mem);
	rec = case_record("order", false, mem);
	bp_rec_drop(rec, "atom_to_token@idx");
	refused(rec, BP_EINPUT, "neither meta.chains");
	bp_arena_reset(mem);
	rec = case_record("order", true, mem);
	((float *)bp_rec_get(rec, "sample_atom_coords")->data)[3 * 160 + 3 * 7 + 2] = NAN;
	refused(rec, BP_ENUM, "sample 1: atom 8");
	bp_rec_drop(rec, "sample_atom_coords");
	refused(rec, BP_EINPUT, "sample_atom_coords");
	assert_int_equal(bp_rec_add(&x, rec, "sample_atom_coords", BP_F32, BP_SHAPE(0, 160, 3), NULL), BP_OK);
	refused(rec, BP_EINPUT, "0 samples");
	bp_arena_reset(mem);
}

/* any whole number anywhere in the tables: an error or a sound structure, under the address sanitizer */
static void
test_noise(void **state)
{
	static const char *const column[][2]
	    = { { "chains", "res_num" }, { "chains", "mol_type" }, { "chains", "entity_id" }, { "chains", "asym_id" },
		      { "residues", "atom_num" }, { "residues", "res_idx" }, { "residues", "res_type" },
		      { "bonds", "atom_1" }, { "bonds", "atom_2" }, { "bonds", "type" } };
	static const int64_t value[] = { -1, 0, 1, 2, 7, 100, INT32_MAX, INT64_MAX, INT64_MIN };
	uint32_t seed = 12345;
	int fine = 0;

	(void)state;
	for (int i = 0; i < 400; i++) {
		struct bp_rec *rec = case_record("order", true, mem);
		struct bp_structure *s = NULL;
		struct bp_err err;
		for (int k = 0; k < 2; k++) {
			const char *const *c = column[(seed = seed * 1664525 + 1013904223) >> 16 & 7];
			size_t n = bp_val_count(bp_val_get(bp_val_get(rec->meta, c[0]), c[1]));
			seed = seed * 1664525 + 1013904223;
			set_column(
			    rec, c[0], c[1], (int)((seed >> 8) % n), bp_val_int(mem, value[(seed >> 4) % 9], NULL));
		}
		if (bp_structure_read(&s, rec, &err) == BP_OK) {
			int atoms = 0;
			fine++;
			for (int r = 0; r < s->nres; r++)
				atoms += s->res[r].natoms;
			assert_int_equal(atoms, s->natoms);
		}
		bp_arena_reset(mem);
	}
	printf("seed 12345: %d of 400 changed records still hold a structure\n", fine);
	assert_in_range(fine, 1, 399);
}

static void
test_tags(void **state)
{
	char buf[8];

	(void)state;
	assert_string_equal(bp_chain_tag(buf, 0), "A");
	assert_string_equal(bp_chain_tag(buf, 25), "Z");
	assert_string_equal(bp_chain_tag(buf, 26), "AA");
	assert_string_equal(bp_chain_tag(buf, 27), "AB");
	assert_string_equal(bp_chain_tag(buf, 26 + 26 * 26), "AAA");
	assert_int_equal(strlen(bp_chain_tag(buf, INT32_MAX - 1)), 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_meta),
		cmocka_unit_test(test_counted_tokens),
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_tags),
	};
	int failed;

	if (bp_arena_open(&mem, 0, NULL) != BP_OK)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	bp_arena_close(mem);
	return failed;
}
