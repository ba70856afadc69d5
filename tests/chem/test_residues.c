/* residues.c against upstream's tables as dumped into golden/const.json */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/val.h"
#include "chem/residues.h"

static struct bp_arena *mem;
static struct bp_val *consts;

static int
setup(void **state)
{
	static char text[1 << 16];
	char path[512];
	const char *dir = getenv("GOLDEN");
	struct bp_err err = { 0 };
	FILE *f;
	size_t n;

	(void)state;
	snprintf(path, sizeof path, "%s/const.json", dir ? dir : "tests/golden");
	if (!(f = fopen(path, "r")))
		return -1;
	n = fread(text, 1, sizeof text, f);
	fclose(f);
	return bp_arena_open(&mem, 0, &err) || bp_json_read(&consts, text, n, mem, &err);
}

static int
teardown(void **state)
{
	(void)state;
	bp_arena_close(mem);
	return 0;
}

static const char *
str(const struct bp_val *v)
{
	return bp_val_cstr(v, "(not a text)");
}

/* each string of a list in consts against name(i) */
static void
same_list(const char *key, const char *const *want, int n)
{
	struct bp_val *v = bp_val_get(consts, key);

	assert_int_equal(bp_val_count(v), n);
	for (int i = 0; i < n; i++)
		assert_string_equal(str(bp_val_at(v, (size_t)i)), want[i]);
}

static void
tokens(void **state)
{
	struct bp_val *names = bp_val_get(consts, "tokens"), *atoms = bp_val_get(consts, "ref_atoms");

	(void)state;
	assert_int_equal(bp_val_count(names), BP_TOKENS);
	for (int t = 0; t < BP_TOKENS; t++) {
		const struct bp_residue *r = &bp_residues[t];
		struct bp_val *a = bp_val_get(atoms, r->name);

		assert_string_equal(str(bp_val_at(names, (size_t)t)), r->name);
		assert_int_equal(bp_token_id(r->name), t);
		assert_int_equal(bp_val_count(a), r->n_atoms);
		for (int i = 0; i < r->n_atoms; i++) {
			assert_string_equal(str(bp_val_at(a, (size_t)i)), r->atom[i]);
			assert_int_equal(bp_residue_atom(t, r->atom[i]), i);
		}
		if (!r->n_atoms)
			continue;
		assert_string_equal(str(bp_val_get(bp_val_get(consts, "res_to_center_atom"), r->name)), r->atom[r->center]);
		assert_string_equal(str(bp_val_get(bp_val_get(consts, "res_to_disto_atom"), r->name)), r->atom[r->disto]);
	}
	assert_int_equal(bp_token_id("XYZ"), -1);
	assert_int_equal(bp_residue_atom(BP_TOKEN_UNK, "OXT"), -1);
	assert_int_equal(bp_residue_atom(-1, "N"), -1);
	assert_int_equal(bp_residue_atom(BP_TOKENS, "N"), -1);
}

static void
letters(void **state)
{
	static const char *const keys[] = { "prot_letter_to_token", "dna_letter_to_token", "rna_letter_to_token" };

	(void)state;
	for (int t = BP_PROTEIN; t <= BP_RNA; t++) {
		struct bp_val *map = bp_val_get(consts, keys[t]);
		const char *unk = str(bp_val_get(bp_val_get(consts, "unk_token"), bp_chain_type_names[t]));

		for (int c = 1; c < 128; c++) {
			char letter[2] = { (char)c, 0 };
			const char *token = bp_val_cstr(bp_val_get(map, letter), NULL);
			int id = bp_token_of_letter((enum bp_chain_type)t, (char)c);

			assert_int_equal(id, token ? bp_token_id(token) : -1);
			if (id >= 0 && id != BP_TOKEN_UNK)
				assert_int_equal(bp_letter_of_token((enum bp_chain_type)t, id), c);
		}
		assert_string_equal(unk, bp_residues[bp_token_unknown((enum bp_chain_type)t)].name);
		assert_int_equal(bp_token_of_letter((enum bp_chain_type)t, 0), -1);
	}
	assert_int_equal(bp_letter_of_token(BP_PROTEIN, BP_TOKEN_UNK), 'X');
	assert_int_equal(bp_letter_of_token(BP_DNA, bp_token_id("A")), '-');
	assert_int_equal(bp_token_of_letter(BP_NONPOLYMER, 'A'), -1);
}

static void
lists(void **state)
{
	struct bp_val *v, *ids = bp_val_get(consts, "contact_conditioning_info");

	(void)state;
	same_list("bond_types", bp_bond_type_names, BP_BOND_TYPES);
	same_list("chirality_types", bp_chirality_names, BP_CHIRALITIES);
	same_list("protein_backbone_atom_names", bp_protein_backbone, 4);
	same_list("nucleic_backbone_atom_names", bp_nucleic_backbone, 12);
	for (int t = 0; t < BP_CHAIN_TYPES; t++)
		assert_int_equal(bp_val_i64(bp_val_get(bp_val_get(consts, "chain_type_ids"), bp_chain_type_names[t]), -1), t);
	assert_int_equal(bp_val_i64(bp_val_get(ids, "POCKET>BINDER"), -1), BP_CONTACT_POCKET);
	assert_int_equal(bp_val_i64(bp_val_get(ids, "BINDER>POCKET"), -1), BP_CONTACT_BINDER);
	assert_int_equal(bp_val_i64(bp_val_get(ids, "CONTACT"), -1), BP_CONTACT_CONTACT);
	assert_int_equal(bp_val_i64(bp_val_get(consts, "num_elements"), -1), BP_ELEMENTS);
	assert_int_equal(bp_val_i64(bp_val_get(consts, "max_msa_seqs"), -1), BP_MAX_MSA_SEQS);
	assert_int_equal(bp_val_i64(bp_val_get(consts, "max_paired_seqs"), -1), BP_MAX_PAIRED_SEQS);
	assert_int_equal(bp_val_i64(bp_val_get(consts, "chunk_size_threshold"), -1), BP_CHUNK_THRESHOLD);
	v = bp_val_get(consts, "vdw_radii");
	assert_int_equal(bp_val_count(v), BP_MAX_Z);
	for (int i = 0; i < BP_MAX_Z; i++)
		assert_true((float)bp_val_num(bp_val_at(v, (size_t)i), -1) == bp_vdw_radii[i]);
}

static void
methods(void **state)
{
	struct bp_val *v = bp_val_get(consts, "method_types_ids");
	int n = 0;

	(void)state;
	assert_true(bp_val_count(v) > 0);
	for (size_t i = 0; i < bp_val_count(v); i++)
		assert_int_equal(bp_method_id(str(v->u.item[2 * i])), bp_val_i64(v->u.item[2 * i + 1], -1));
	while (bp_method_name(n)) {
		assert_true(bp_method_id(bp_method_name(n)) < BP_METHODS);
		n++;
	}
	assert_int_equal(n, bp_val_count(v));
	assert_int_equal(bp_method_id("X-RAY Diffraction"), BP_METHOD_XRAY);
	assert_int_equal(bp_method_id("other"), BP_METHOD_OTHER);
	assert_int_equal(bp_method_id("x-ray"), -1);
}

static void
elements(void **state)
{
	struct bp_val *v = bp_val_get(consts, "ambiguous_atoms");

	(void)state;
	assert_int_equal(bp_element_number("c"), 6);
	assert_int_equal(bp_element_number("FE"), 26);
	assert_int_equal(bp_element_number("Og"), 118);
	assert_int_equal(bp_element_number("D"), 1);
	assert_int_equal(bp_element_number("X"), 0);
	assert_int_equal(bp_element_number(""), -1);
	assert_int_equal(bp_element_number("Q"), -1);
	assert_string_equal(bp_element_symbol(53), "I");
	assert_null(bp_element_symbol(119));
	assert_null(bp_element_symbol(-1));

	assert_true(bp_val_count(v) > 50);
	for (size_t i = 0; i < bp_val_count(v); i++) {
		const char *atom = str(v->u.item[2 * i]);
		struct bp_val *x = v->u.item[2 * i + 1];

		if (!bp_val_count(x)) {
			assert_string_equal(bp_ambiguous_element(atom, "ZZZ"), str(x));
			continue;
		}
		assert_string_equal(bp_ambiguous_element(atom, "ZZZ"), str(bp_val_get(x, "*")));
		for (size_t k = 0; k < bp_val_count(x); k++)
			assert_string_equal(bp_ambiguous_element(atom, str(x->u.item[2 * k])), str(x->u.item[2 * k + 1]));
	}
	assert_null(bp_ambiguous_element("C", "ALA"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens),
		cmocka_unit_test(letters),
		cmocka_unit_test(lists),
		cmocka_unit_test(methods),
		cmocka_unit_test(elements),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
