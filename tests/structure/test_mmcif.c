/* mmCIF files against upstream's, table by table; what differs on purpose is put right in upstream's tables first. */
#include "cif.h"
#include "chem/residues.h"
#include "structure/mmcif.h"

static struct bp_arena *mem;

static struct cif *
write_and_read(const struct bp_structure *s, int sample, const float *plddt)
{
	struct bp_err err = { 0 };
	char *text = NULL;
	struct cif *c;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	assert_int_equal(bp_mmcif_write(f, s, sample, plddt, mem, &err), BP_OK);
	assert_int_equal(fclose(f), 0);
	for (size_t i = 0; i < n; i++)
		assert_true(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
	c = cif_read(text, mem);
	free(text);
	return c;
}

/* "(GLY)(SER)" as letters, or all X; names without a letter stay */
static char *
letters(const char *sequence, bool canonical)
{
	char *out = bp_calloc(mem, strlen(sequence) + 1, 1, NULL), name[16];
	int n = 0;

	for (const char *p = sequence; sscanf(p, "(%15[^)])", name) == 1; p += strlen(name) + 2) {
		char letter = bp_token_id(name) < 0 ? 'X' : bp_letter_of_token(BP_PROTEIN, bp_token_id(name));
		if (letter != 'X' || canonical)
			out[n++] = letter;
		else
			n += sprintf(out + n, "(%s)", name);
	}
	return out;
}

/* DIFFERS (doc/output.md): protein sequences in letters, glycine has no hand, residues that are modified are said to be
 * there, and branched entities have tables of their own */
static void
mend(struct cif *want, const char *name)
{
	struct cif_table *t = cif_table_of(want, "_chem_comp", false);

	for (int i = 0; i < t->nrow; i++)
		if (strcmp(*cif_cell(t, i, "id"), "GLY") == 0)
			*cif_cell(t, i, "type") = bp_strdup(mem, "peptide linking", NULL);
	t = cif_table_of(want, "_entity_poly", false);
	for (int i = 0; i < t->nrow; i++) {
		char **code = cif_cell(t, i, "pdbx_seq_one_letter_code");
		if (strcmp(*cif_cell(t, i, "type"), "polypeptide(L)") == 0) {
			*cif_cell(t, i, "pdbx_seq_one_letter_code_can") = letters(*code, true);
			*code = letters(*code, false);
		}
		if (strcmp(name, "rna_mod") == 0)
			*cif_cell(t, i, "nstd_monomer") = bp_strdup(mem, "yes", NULL);
	}
	t = cif_table_of(want, "_pdbx_entity_nonpoly", false);
	if (strcmp(name, "glycan") == 0)
		t->nrow = 0;
}

/* numbers that upstream leaves out ("."), and the ones it rounds once more: a ligand's mean pLDDT has two decimals
 * there */
static bool
same_cell(const struct cif_table *t, const char *column, const char *got, const char *want)
{
	char *end[2];
	double x, y;

	if (strcmp(want, ".") == 0
	    && (strcmp(column, "name") == 0 || strcmp(column, "formula") == 0 || strcmp(column, "formula_weight") == 0)
	    && strcmp(t->category, "_pdbx_entity_nonpoly"))
		return true;
	if (strcmp(column, "metric_value") == 0) {
		x = strtod(got, &end[0]);
		y = strtod(want, &end[1]);
		return !*end[0] && !*end[1] && fabs(x - y) <= 0.00501;
	}
	return strcmp(got, want) == 0;
}

static void
compare(const struct cif *got, const struct cif *want, const char *name)
{
	static const char *const extra[]
	    = { "_pdbx_entity_branch_list", "_pdbx_branch_scheme", "_struct_conn", "_struct_conn_type" };
	int cells = 0, known = 0;

	for (int i = 0; i < want->n; i++) {
		const struct cif_table *w = &want->table[i], *g = cif_table_of((struct cif *)got, w->category, false);
		if (w->nrow == 0)
			continue;
		known++;
		if (!g || g->nrow != w->nrow || g->ncol != w->ncol)
			fail_msg("%s: %s has %d rows of %d, wanted %d of %d", name, w->category, g ? g->nrow : 0,
			    g ? g->ncol : 0, w->nrow, w->ncol);
		for (int k = 0; k < w->ncol; k++)
			assert_string_equal(g->column[k], w->column[k]);
		for (int k = 0; k < w->ncell; k++, cells++)
			if (!same_cell(w, w->column[k % w->ncol], g->cell[k], w->cell[k]))
				fail_msg("%s: %s.%s row %d is %s, wanted %s", name, w->category, w->column[k % w->ncol],
				    k / w->ncol, g->cell[k], w->cell[k]);
	}
	for (int i = 0; i < got->n; i++)
		for (size_t k = 0; k < sizeof extra / sizeof *extra; k++)
			known += strcmp(got->table[i].category, extra[k]) == 0;
	assert_int_equal(known, got->n);
	printf("%s: %d tables, %d values equal\n", name, want->n, cells);
}

static void
test_golden(void **state)
{
	(void)state;
	for (int c = 0; c < CASES; c++) {
		struct bp_rec *rec = case_record(cases[c], true, mem);
		struct bp_structure *s = case_structure(rec);
		for (int sample = 0; sample < 2; sample++) {
			char rel[256];
			struct cif *want;
			/* the scores given are 0.25 and 0.75: sample 1 is the best model */
			snprintf(rel, sizeof rel, "write/%s/%s_model_%d.cif", cases[c], cases[c], 1 - sample);
			want = cif_read(case_text(rel, NULL, mem), mem);
			mend(want, cases[c]);
			compare(write_and_read(s, sample, case_row(rec, "plddt", sample)), want, cases[c]);
		}
		bp_arena_reset(mem);
	}
}

static void
test_no_confidence(void **state)
{
	struct cif *c = write_and_read(case_structure(case_record("order", true, mem)), 0, NULL);
	struct cif_table *t = cif_table_of(c, "_atom_site", false);

	(void)state;
	assert_null(cif_table_of(c, "_ma_qa_metric", false));
	assert_null(cif_table_of(c, "_ma_qa_metric_local", false));
	for (int i = 0; i < t->nrow; i++)
		assert_string_equal(*cif_cell(t, i, "B_iso_or_equiv"), "0.000");
	bp_arena_reset(mem);
}

/* bonds between residues (the case has five), and a modified residue's name of five letters */
static void
test_connection(void **state)
{
	struct bp_rec *rec = case_record("glycan", true, mem);
	struct bp_structure *s = case_structure(rec);
	struct cif_table *t;
	struct cif *c;

	(void)state;
	s->bond[0] = (struct bp_bond_row) { 16, 46, BP_BOND_COVALENT }; /* ASN ND2, NAG C1 */
	s->res[2].name = "A1AAW";
	c = write_and_read(s, 0, NULL);
	t = cif_table_of(c, "_struct_conn", false);
	assert_non_null(t);
	assert_int_equal(t->nrow, 6);
	assert_string_equal(*cif_cell(t, 0, "ptnr1_label_comp_id"), "A1AAW");
	assert_string_equal(*cif_cell(t, 0, "ptnr1_label_seq_id"), "3");
	assert_string_equal(*cif_cell(t, 0, "ptnr1_label_atom_id"), "ND2");
	assert_string_equal(*cif_cell(t, 0, "ptnr2_label_asym_id"), "B");
	assert_string_equal(*cif_cell(t, 0, "ptnr2_label_seq_id"), ".");
	assert_string_equal(*cif_cell(t, 0, "ptnr2_auth_seq_id"), "1");
	t = cif_table_of(c, "_entity_poly", false);
	assert_string_equal(*cif_cell(t, 0, "pdbx_seq_one_letter_code"), "GA(A1AAW)VTSK");
	assert_string_equal(*cif_cell(t, 0, "pdbx_seq_one_letter_code_can"), "GAXVTSK");
	assert_string_equal(*cif_cell(t, 0, "nstd_monomer"), "yes");
	bp_arena_reset(mem);
}

/* chains of one entity whose residues differ get entities of their own: the file must not contradict itself */
static void
test_unequal_entities(void **state)
{
	struct bp_structure *s = case_structure(case_record("order", true, mem));
	struct cif_table *t;

	(void)state;
	s->res[6].name = "SEP";
	t = cif_table_of(write_and_read(s, 0, NULL), "_struct_asym", false);
	assert_string_equal(*cif_cell(t, 0, "entity_id"), "1");
	assert_string_equal(*cif_cell(t, 1, "entity_id"), "2");
	bp_arena_reset(mem);
}

static void
test_quote(void **state)
{
	static const char *const odd[] = { "O5'", "a b", "_x", "data_1", "LOOP_", "#1", "$x", ";", ".", "?", "'", "\"",
		"[1]", "x'y z", "x\" y", "stop_", "-", "+1", "a;b", "C\"", " " };
	char buf[80], text[128];

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		const char *p = text;
		bool bare;
		snprintf(text, sizeof text, "%s next", bp_cif_quote(buf, sizeof buf, odd[i]));
		assert_string_equal(cif_token(&p, &bare, text, mem), odd[i]);
		if (strchr("_#$'\"[;.?", odd[i][0]) || strchr(odd[i], ' ') || strchr(odd[i], '_'))
			assert_false(bare);
		assert_string_equal(cif_token(&p, &bare, text, mem), "next");
	}
	bp_arena_reset(mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_no_confidence),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_unequal_entities),
		cmocka_unit_test(test_quote),
	};
	int failed;

	if (bp_arena_open(&mem, 0, NULL) != BP_OK)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	bp_arena_close(mem);
	return failed;
}
