/* tests/input/test_schema.c: what is refused, with which words and at which line; what FASTA means; paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/features.h"
#include "input/fasta.h"
#include "input/yaml.h"

struct fix {
	struct bp_err err;
	struct bp_arena *mem;
	struct bp_ccd *ccd;
	struct bp_input *in;
};

static struct fix
fix_open(void)
{
	struct fix x = { 0 };

	assert_int_equal(bp_arena_open(&x.mem, 64 << 20, &x.err), BP_OK); /* and none of them takes much memory */
	if (bp_ccd_open_file(&x.ccd, "share/ccd/builtin.bpccd", x.mem, &x.err) != BP_OK)
		fail_msg("%s", x.err.msg);
	return x;
}

static void
fix_close(struct fix *x)
{
	bp_ccd_close(x->ccd);
	bp_arena_close(x->mem);
}

static const struct {
	const char *file;
	int code, line;
	const char *message; /* behind "path:line: " */
} bad[] = {
	{ "01_unknown_top_key.yaml", BP_EINPUT, 2, "unknown top-level key 'sequence' (did you mean 'sequences'?)" },
	{ "02_unknown_entity.yaml", BP_EINPUT, 3, "unknown entity type 'peptide'; one of protein, dna, rna, ligand" },
	{ "03_wrong_type_sequence.yaml", BP_EINPUT, 3, "protein entry 1: 'sequence' must be a string, found a list" },
	{ "04_sequences_not_list.yaml", BP_EINPUT, 3, "'sequences' must be a list, found a mapping" },
	{ "05_missing_id.yaml", BP_EINPUT, 3, "protein entry 1 has no 'id'" },
	{ "06_duplicate_chain.yaml", BP_EINPUT, 4, "chain id A is used twice" },
	{ "07_numeric_id.yaml", BP_EINPUT, 3, "chain id must be a string, found the number 1 (quote it)" },
	{ "08_unknown_ccd.yaml", BP_EINPUT, 4, "CCD component QQQQ not found" },
	{ "09_bad_smiles.yaml", BP_EUNSUP, 4, "ligand B: SMILES ligands are not supported yet" },
	{ "10_smiles_and_ccd.yaml", BP_EINPUT, 4, "ligand B has both 'ccd' and 'smiles'; give one" },
	{ "11_invalid_letters.yaml", BP_EINPUT, 3, "sequence of chain A has an invalid character '1' at position 3" },
	{ "12_lowercase_sequence.yaml", BP_EINPUT, 3,
	    "sequence of chain A is lower case ('g' at position 1); upper case is expected" },
	{ "13_empty_sequence.yaml", BP_EINPUT, 3, "sequence of chain A is empty" },
	{ "14_no_sequences.yaml", BP_EINPUT, 2, "no chains in the input" },
	{ "15_mod_position.yaml", BP_EINPUT, 7, "modification position 9 is outside chain A (4 residues)" },
	{ "16_mod_position_zero.yaml", BP_EINPUT, 7, "modification position 0: positions count from 1" },
	{ "17_huge_index.yaml", BP_EINPUT, 7, "modification position 99999999999999999999 is out of range" },
	{ "18_bond_missing_chain.yaml", BP_EINPUT, 5, "bond constraint 1: no chain Z" },
	{ "19_bond_missing_atom.yaml", BP_EINPUT, 5, "bond constraint 1: residue 1 of chain A (GLY) has no atom CB" },
	{ "20_pocket_missing_residue.yaml", BP_EINPUT, 6, "pocket constraint 1: chain A has no residue 40" },
	{ "21_contact_short.yaml", BP_EINPUT, 5, "contact constraint 1: token1 must be [chain, residue or atom]" },
	{ "22_constraint_unknown.yaml", BP_EINPUT, 5, "unknown constraint 'distance'; one of bond, pocket, contact" },
	{ "23_msa_missing_file.yaml", BP_EINPUT, 3, "MSA file msa/nonexistent.a3m not found" },
	{ "24_msa_ragged.yaml", BP_EINPUT, 3,
	    "MSA tests/cases/bad/ragged.a3m: row 2 has 7 columns, the query has 4 (line 4)" },
	{ "25_msa_bad_char.yaml", BP_EINPUT, 3,
	    "MSA tests/cases/bad/badchar.a3m: row 2 has an invalid character '.' (line 4)" },
	{ "26_csv_columns.yaml", BP_EINPUT, 3,
	    "MSA tests/cases/bad/badcols.csv: expected columns key and sequence (line 1)" },
	{ "27_msa_differs_same_seq.yaml", BP_EINPUT, 4, "chains A and B have the same sequence but different MSAs" },
	{ "28_msa_missing.yaml", BP_EINPUT, 3, "protein A has no MSA; give 'msa: file' or 'msa: empty'" },
	{ "29_msa_mix_auto.yaml", BP_EINPUT, 4,
	    "chain B has no MSA while A has one; custom and automatic MSAs cannot be mixed" },
	{ "30_affinity_polymer.yaml", BP_EINPUT, 5, "affinity binder A is not a ligand" },
	{ "31_affinity_copies.yaml", BP_EINPUT, 6, "affinity binder B has several copies" },
	{ "32_template_missing.yaml", BP_EINPUT, 5, "template file templates/none.cif not found" },
	{ "33_template_force.yaml", BP_EINPUT, 5, "template 5pti: force needs a threshold" },
	{ "34_template_chain.yaml", BP_EUNSUP, 5, "'templates' is not supported yet" },
	{ "35_version.yaml", BP_EINPUT, 2, "version 2 is not supported (only 1)" },
	{ "36_truncated.yaml", BP_EINPUT, 4, "YAML syntax error at line 4: unexpected end" },
	{ "37_tabs.yaml", BP_EINPUT, 3, "YAML syntax error at line 3: tab used for indentation" },
	{ "38_alias_bomb.yaml", BP_EINPUT, 7, "YAML aliases expand to too much data" },
	{ "39_not_utf8.yaml", BP_EINPUT, 2, "not UTF-8 text (byte 0xff at offset 46)" },
	{ "40_nul.yaml", BP_EINPUT, 3, "control character (NUL) in the input" },
	{ "41_empty_file.yaml", BP_EINPUT, 1, "the file is empty" },
	{ "42_scalar.yaml", BP_EINPUT, 2, "the input must be a mapping" },
	{ "43_atom_name_too_long.yaml", BP_EUNSUP, 4, "ligand B: SMILES ligands are not supported yet" },
	{ "44_single_atom_smiles_star.yaml", BP_EUNSUP, 4, "ligand B: SMILES ligands are not supported yet" },
	{ "45_unl.yaml", BP_EINPUT, 4, "CCD component UNL has no atoms" },
	{ "46_fasta_no_type.fasta", BP_EINPUT, 1, "record 'A': the header must be CHAIN|TYPE[|MSA]" },
	{ "47_fasta_msa_on_rna.fasta", BP_EINPUT, 1, "record A: an MSA is only allowed for proteins" },
	{ "48_fasta_dup.fasta", BP_EINPUT, 3, "chain id A is used twice" },
	{ "49_duplicate_key.yaml", BP_EINPUT, 6, "duplicate key 'sequence' in protein entry 1" },
	{ "50_negative_distance.yaml", BP_EINPUT, 5, "contact constraint 1: max_distance must be positive" },
	{ "51_cyclic_ligand.yaml", BP_EINPUT, 4, "cyclic is not supported for ligands" },
};

static void
test_bad_files(void **state)
{
	const struct bp_features_opt opt = BP_FEATURES_OPT_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fix x = fix_open();
		char path[160], want[400];
		struct bp_rec *rec;
		int st;
		snprintf(path, sizeof path, "tests/cases/bad/%s", bad[i].file);
		snprintf(want, sizeof want, "%s:%d: %s", path, bad[i].line, bad[i].message);
		assert_int_equal(bp_rec_new(&rec, BP_FEATURES, "x", x.mem, &x.err), BP_OK);
		st = bp_featurize(rec, path, x.ccd, &opt, &x.err);
		assert_string_equal(x.err.msg, want);
		assert_int_equal(st, bad[i].code);
		assert_int_equal(x.err.code, st);
		fix_close(&x);
	}
}

/* text as YAML; on failure x->err */
static int
read_text(struct fix *x, const char *text)
{
	struct bp_val *v;

	BP_TRY(bp_yaml_read(&v, "t.yaml", text, strlen(text), x->mem, &x->err));
	return bp_schema_read(&x->in, "t.yaml", v, x->mem, &x->err);
}

/* Further mistakes that upstream answers with silence or a traceback. */
static const struct {
	const char *text, *message;
} texts[] = {
	{ "sequences: [{protein: {id: A, sequence: GKST, msa: empty, cylic: true}}]",
	    "t.yaml:1: unknown key 'cylic' in protein entry 1 (did you mean 'cyclic'?)" },
	{ "sequences:\n- ligand: {id: A, ccd: NO}",
	    "t.yaml:2: ligand entry 1: ccd must be a string, found the truth value NO (quote it)" },
	{ "sequences:\n- ligand: {id: A, ccd: 017}",
	    "t.yaml:2: ligand entry 1: ccd must be a string, found the number 017 (quote it)" },
	{ "sequences:\n- ligand: {id: A, ccd: []}", "t.yaml:2: ligand A has no residues" },
	{ "sequences:\n- ligand: {id: [], ccd: ATP}", "t.yaml:2: ligand entry 1 has no 'id'" },
	{ "sequences:\n- ligand: {id: A}", "t.yaml:2: ligand A has neither 'ccd' nor 'smiles'; give one" },
	{ "sequences:\n- rna: {id: A, sequence: GA, msa: empty}",
	    "t.yaml:2: rna entry 1: an MSA is only allowed for proteins" },
	{ "sequences:\n- rna: {id: A, sequence: GE}",
	    "t.yaml:2: sequence of chain A has an invalid character 'E' at position 2" },
	{ "sequences:\n- rna: {id: A, sequence: GA}\n- rna: {id: B, sequence: GA, cyclic: true}",
	    "t.yaml:3: chains A and B have the same sequence but different cyclic flags" },
	{ "sequences:\n- rna: {id: A, sequence: GA}\n- rna: {id: B, sequence: GA, modifications: [{position: 1, ccd: "
	  "OMG}]}",
	    "t.yaml:3: chains A and B have the same sequence but different modifications" },
	{ "sequences:\n- rna: {id: A, sequence: GA, modifications: [{position: 1, ccd: OMG}, {position: 1, ccd: OMG}]}",
	    "t.yaml:2: chain A has two modifications at position 1" },
	{ "sequences:\n- rna: {id: A, sequence: GA, cyclic: 1}",
	    "t.yaml:2: rna entry 1: cyclic must be true or false, found the number 1 (quote it)" },
	{ "sequences:\n- rna: {id: 'A B', sequence: GA}", "t.yaml:2: chain id 'A B' has the character ' '" },
	{ "sequences:\n- rna: {id: [A, A], sequence: GA}", "t.yaml:2: chain id A is used twice" },
	{ "sequences:\n- {rna: {id: A, sequence: GA}, dna: {id: B, sequence: GA}}",
	    "t.yaml:2: entry 1 of sequences must hold one entity" },
	{ "sequences:\n- rna: {id: A, sequence: GA}\nconstraints:\n- pocket: {binder: A, contacts: []}",
	    "t.yaml:4: pocket constraint 1: contacts is empty" },
	{ "sequences:\n- rna: {id: A, sequence: GA}\nconstraints:\n- contact: {token1: [A, 1], token2: [A, x]}",
	    "t.yaml:4: contact constraint 1: a residue of chain A must be a whole number, found the string 'x'" },
	{ "sequences:\n- rna: {id: A, sequence: GA}\nconstraints:\n- bond: {atom1: [A, 1, P], atom2: [A, 1, P]}",
	    "t.yaml:4: bond constraint 1: an atom bonded to itself" },
	{ "version: '1'\nsequences: []", "t.yaml:1: version 1 is not supported (only 1)" },
	{ "sequences:\n- rna: {id: A, sequence: G\xc3\xa4}",
	    "t.yaml:2: sequence of chain A has an invalid character '?' at position 2" },
	{ "sequences:\n- rna: {id: A, sequence: GA, modifications:\n  [{position: 1}]}",
	    "t.yaml:3: a modification: ccd must be a string, found nothing" },
	{ "sequences:\n- ligand: {id: A, ccd: ATP}\nproperties:\n- affinity: {}",
	    "t.yaml:4: affinity: binder must be a string, found nothing" },
	{ "sequences:\n- rna: {id: A, sequence: GA}\nguidance:\n  saxs: {experimental_data: c.dat, guidance_wieght: 1}",
	    "t.yaml:4: guidance.saxs has no key 'guidance_wieght'" },
	{ "sequences:\n- rna: {id: A, sequence: GA}\nguidance: {rg: {target_rg: -3}}",
	    "t.yaml:3: target_rg: '-3' given, a number in (0,10000] wanted" },
	{ "sequences:\n- rna: {id: A, sequence: GA}\nscoring:\n  rg: {}", "t.yaml:4: scoring: no kind 'rg'" },
	{ "sequences: []\nsequences: []", "t.yaml:2: duplicate key 'sequences' in the input" },
};

static void
test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct fix x = fix_open();
		assert_int_equal(read_text(&x, texts[i].text), BP_EINPUT);
		assert_string_equal(x.err.msg, texts[i].message);
		fix_close(&x);
	}
}

/* groups by type and sequence in order of appearance; a list of codes is another entity than the code */
static void
test_grouping(void **state)
{
	static const char text[]
	    = "guidance: {rg: [{target_rg: 15.5}]}\nsequences:\n- protein: {id: X1, sequence: GS, msa: empty}\n"
	      "- ligand: {id: L, ccd: GOL}\n- ligand: {id: K, ccd: [GOL]}\n- protein: {id: [A, B], sequence: GS, msa: "
	      "empty}\n";
	static const char *const order[] = { "X1", "A", "B", "L", "K" };
	struct fix x = fix_open();

	(void)state;
	assert_int_equal(read_text(&x, text), BP_OK);
	assert_int_equal(x.in->n_entities, 3);
	assert_int_equal(x.in->n_chains, 5);
	for (int i = 0; i < 5; i++)
		assert_string_equal(x.in->chain[i].name, order[i]);
	assert_int_equal(x.in->chain[2].sym, 2);
	assert_int_equal(x.in->chain[3].entity, 1);
	assert_true(bp_val_num(bp_val_get(bp_val_at(bp_val_get(x.in->guidance, "rg"), 0), "target_rg"), 0) == 15.5);
	assert_null(x.in->scoring);
	fix_close(&x);
}

static void
test_fasta(void **state)
{
	static const char text[]
	    = ">A|protein|empty\r\nGSH ML\r\nEDP\n\n> B|RNA name and more\nGGAU\n>C|ccd\nSO4\n>D|PROTEIN|x.a3m\nGS";
	struct fix x = fix_open();
	struct bp_val *v;

	(void)state;
	assert_int_equal(bp_fasta_read(&v, "t.fasta", text, strlen(text), x.mem, &x.err), BP_OK);
	assert_int_equal(bp_schema_read(&x.in, "t.fasta", v, x.mem, &x.err), BP_OK);
	assert_int_equal(x.in->n_entities, 4);
	assert_string_equal(x.in->entity[0].sequence, "GSHMLEDP");
	assert_null(x.in->entity[0].msa);
	assert_int_equal(x.in->entity[1].type, BP_RNA);
	assert_int_equal(x.in->entity[1].line, 5);
	assert_string_equal(x.in->entity[2].code[0], "SO4");
	assert_string_equal(x.in->entity[3].msa, "x.a3m");
	assert_int_equal(bp_fasta_read(&v, "t", "GS\n>A|rna\nG", 11, x.mem, &x.err), BP_EINPUT);
	assert_string_equal(x.err.msg, "t:1: text before the first record");
	assert_int_equal(bp_fasta_read(&v, "t", ">A|rna|x|y\nG", 12, x.mem, &x.err), BP_EINPUT);
	assert_int_equal(bp_fasta_read(&v, "t", ">A|peptide\nG", 12, x.mem, &x.err), BP_EINPUT);
	assert_string_equal(
	    x.err.msg, "t:1: record A: unknown entity type 'peptide'; one of protein, dna, rna, ccd, smiles");
	assert_int_equal(bp_fasta_read(&v, "t", ">|rna\nG", 7, x.mem, &x.err), BP_EINPUT);
	fix_close(&x);
}

/* the current directory comes first, then the input's */
static void
test_paths(void **state)
{
	struct fix x = fix_open();
	const char *path;

	(void)state;
	assert_true(bp_input_beside(&path, "tests/cases/x.yaml", "msa/p1.a3m", x.mem, &x.err));
	assert_string_equal(path, "tests/cases/msa/p1.a3m");
	assert_true(bp_input_beside(&path, "tests/cases/x.yaml", "Makefile", x.mem, &x.err));
	assert_string_equal(path, "Makefile");
	assert_false(bp_input_beside(&path, "tests/cases/x.yaml", "/msa/p1.a3m", x.mem, &x.err));
	assert_false(bp_input_beside(&path, "x.yaml", "nowhere.a3m", x.mem, &x.err));
	fix_close(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_grouping),
		cmocka_unit_test(test_fasta),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
