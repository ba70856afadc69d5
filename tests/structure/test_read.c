/* reading PDB and mmCIF: fields, alternates, models, what is malformed, and the original's own files in both formats */
#include "../golden.h"

#include "chem/residues.h"
#include "structure/superpose.h"

static struct bp_arena *mem;
static struct bp_err err;

static int
setup(void **state)
{
	(void)state;
	return bp_arena_open(&mem, 0, &err);
}

static int
teardown(void **state)
{
	(void)state;
	bp_arena_close(mem);
	return 0;
}

static int
read_text(struct bp_sites **s, const char *text, enum bp_altloc alt)
{
	err = (struct bp_err){ 0 };
	return bp_sites_read_mem(s, text, strlen(text), "x", alt, mem, &err);
}

#define LINE(serial, name, alt, res, chain, seq, xyz, occ, tail) \
	"ATOM  " serial " " name alt res " " chain seq "   " xyz occ "  9.50          " tail "\n"
static const char pdb[] = "HEADER    a test\n"
	LINE("    1", " N  ", " ", "SER", "A", "  -1 ", "   1.000   2.000   3.000", "  1.00", " N1+")
	LINE("    2", " CA ", "A", "SER", "A", "  -1 ", "   1.500   2.000   3.000", "  0.40", " C")
	LINE("    3", " CA ", "B", "SER", "A", "  -1 ", "   1.600   2.000   3.000", "  0.60", " C")
	LINE("    4", " OG ", "B", "SER", "A", "  -1 ", "   1.700   2.000   3.000", "  0.60", "")
	LINE("    5", " CB ", "A", "GLY", "A", "  10A", "   1.800   2.000-133.000", "  0.50", " C")
	LINE("    6", " CB ", "B", "ALA", "A", "  10A", "   1.900   2.000   3.000", "  0.50", " C")
	LINE("    7", "HD11", " ", "LEU", "B", "   2 ", "   1.800   2.000   3.000", "      ", "")
	LINE("    8", "CA  ", " ", " CA", "B", "   3 ", "   1.800   2.000   3.000", "  1.00", "CA")
	"HETATM    9 FE   HEM B   4      10.000  20.000  30.000\r\n"
	"TER\nENDMDL\nMODEL        2\n"
	"ATOM     10 1HB  ALA B   5       1.800   2.000   3.000\nEND";

static void
fields(void **state)
{
	static const char *const names[] = { "N", "CA", "CA", "OG", "CB", "CB", "HD11", "CA", "FE", "1HB" };
	static const int elements[] = { 7, 6, 6, 8, 6, 6, 1, 20, 26, 1 };
	struct bp_sites *s;

	(void)state;
	assert_int_equal(read_text(&s, pdb, BP_ALT_ALL), BP_OK);
	assert_int_equal(s->n, 10);
	assert_int_equal(s->n_models, 2);
	for (int i = 0; i < 10; i++) {
		assert_string_equal(s->site[i].name, names[i]);
		assert_int_equal(s->site[i].element, elements[i]);
		assert_int_equal(s->site[i].hetero, i == 8);
		assert_int_equal(s->site[i].model, i == 9 ? 2 : 1);
		assert_string_equal(s->site[i].chain, i < 6 ? "A" : "B");
	}
	assert_int_equal(s->site[0].seq, -1);
	assert_int_equal(s->site[0].icode, 0);
	assert_int_equal(s->site[4].seq, 10);
	assert_int_equal(s->site[4].icode, 'A');
	assert_int_equal(s->site[1].alt, 'A');
	assert_string_equal(s->site[7].res, "CA");
	assert_true(s->site[4].x[0] == 1.8 && s->site[4].x[1] == 2 && s->site[4].x[2] == -133);
	assert_true(s->site[1].occupancy == 0.4f && s->site[6].occupancy == 1 && s->site[1].b == 9.5f && s->site[8].b == 0);
	assert_true(s->site[8].x[2] == 30);
}

static void
alternates(void **state)
{
	struct bp_sites *s;

	(void)state;
	assert_int_equal(read_text(&s, pdb, BP_ALT_FIRST), BP_OK);
	assert_int_equal(s->n, 8); /* N, CA A, no OG: CA A's residue is the same, OG B is the first OG */
	assert_true(s->site[1].x[0] == 1.5);
	assert_string_equal(s->site[2].name, "OG");
	assert_string_equal(s->site[3].res, "GLY");
	assert_int_equal(read_text(&s, pdb, BP_ALT_HIGHEST), BP_OK);
	assert_int_equal(s->n, 8);
	assert_true(s->site[1].x[0] == 1.6);
	assert_string_equal(s->site[3].res, "GLY"); /* equal: the first */
}

static void
mmcif(void **state)
{
	static const char head[] = "# a comment\ndata_x\n_cell.length_a 10\nloop_\n_atom_site.group_PDB\n"
				   "_atom_site.type_symbol\n_atom_site.label_atom_id\n_atom_site.label_alt_id\n"
				   "_atom_site.label_comp_id\n_atom_site.label_asym_id\n_atom_site.label_seq_id\n"
				   "_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n_atom_site.occupancy\n"
				   "_atom_site.auth_seq_id\n_atom_site.auth_asym_id\n_atom_site.pdbx_PDB_model_num\n";
	struct bp_sites *s;
	char text[2048];

	(void)state;
	snprintf(text, sizeof text, "%s%s", head,
	    "ATOM P \"O5'\" . DA B 7 1.25 2 -3e1 . 107 X 1\nHETATM ZN ZN A ZN C . 1 2 3 0.3 301 X 1\n"
	    "HETATM ZN ZN B ZN C . 1 2 4 0.7 301 X 1\n");
	assert_int_equal(read_text(&s, text, BP_ALT_HIGHEST), BP_OK);
	assert_int_equal(s->n, 2);
	assert_string_equal(s->site[0].name, "O5'");
	assert_string_equal(s->site[0].chain, "X");
	assert_string_equal(s->site[0].label_chain, "B");
	assert_int_equal(s->site[0].seq, 107);
	assert_int_equal(s->site[0].label_seq, 7);
	assert_int_equal(s->site[1].label_seq, 0);
	assert_int_equal(s->site[1].element, 30);
	assert_true(s->site[0].x[2] == -30 && s->site[0].occupancy == 1 && s->site[1].x[2] == 4);
	snprintf(text, sizeof text, "%s%s", head, "ATOM C CA . ALA A 1 1.0 nan 3 1 1 A 1\n");
	assert_int_equal(read_text(&s, text, BP_ALT_FIRST), BP_EINPUT);
	assert_non_null(strstr(err.msg, "row 1"));
	snprintf(text, sizeof text, "%s%s", head, "ATOM C CA . ALA A 1 1.0 2 3 1 1 A\n");
	assert_int_equal(read_text(&s, text, BP_ALT_FIRST), BP_EINPUT); /* a value short */
	snprintf(text, sizeof text, "%s%s", head, "ATOM C 'CA . ALA\n");
	assert_int_equal(read_text(&s, text, BP_ALT_FIRST), BP_EINPUT);
	assert_non_null(strstr(err.msg, "x:19"));
}

static void
malformed(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "", "no atoms" },
		{ "HEADER\nEND\n", "no atoms" },
		{ "data_x\n_a.b 1\n", "_atom_site" },
		{ "HEADER\nATOM      1  N   ALA A   1       0.000   0.0x0   0.000\n", "x:2: y is '0.0x0'" },
		{ "ATOM      1  N   ALA A   1       0.000   0.000\n", "x:1: z" },
		{ "ATOM      1  N   ALA A           0.000   0.000   0.000\n", "residue number" },
		{ "ATOM      1  N   ALA A9e99       0.000   0.000   0.000\n", "whole number" },
		{ "ATOM      1      ALA A   1       0.000   0.000   0.000\n", "without a name" },
		{ "ATOM      1  N   ALA A   1         inf   0.000   0.000\n", "x is 'inf'" },
		{ "MODEL      abc\n", "model" },
	};
	struct bp_sites *s;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(read_text(&s, bad[i].text, BP_ALT_FIRST), BP_EINPUT);
		assert_null(s);
		if (!strstr(err.msg, bad[i].message))
			fail_msg("'%s' lacks '%s'", err.msg, bad[i].message);
	}
	assert_int_equal(bp_sites_read(&s, "/nonexistent", BP_ALT_FIRST, mem, &err), BP_EIO);
}

/* the same structure in both formats, as the original wrote it: each atom found, in the same place */
static void
both_formats(void **state)
{
	char pattern[512], other[512];
	glob_t g;

	(void)state;
	assert_int_equal(glob(golden_path(pattern, "write/*/*_model_0.cif"), 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct bp_sites *a, *b;

		snprintf(other, sizeof other, "%.*s.pdb", (int)strlen(g.gl_pathv[i]) - 4, g.gl_pathv[i]);
		assert_int_equal(bp_sites_read(&a, g.gl_pathv[i], BP_ALT_FIRST, mem, &err), BP_OK);
		if (strstr(other, "/order/")) { /* long chain names shift its columns */
			assert_int_equal(bp_sites_read(&b, other, BP_ALT_FIRST, mem, &err), BP_EINPUT);
			continue;
		}
		assert_int_equal(bp_sites_read(&b, other, BP_ALT_FIRST, mem, &err), BP_OK);
		assert_int_equal(a->n, b->n);
		for (int k = 0; k < a->n; k++) {
			assert_string_equal(a->site[k].name, b->site[k].name);
			assert_string_equal(a->site[k].chain, b->site[k].chain);
			assert_int_equal(a->site[k].element, b->site[k].element);
			for (int c = 0; c < 3; c++)
				assert_true(fabs(a->site[k].x[c] - b->site[k].x[c]) <= 0.00051);
		}
	}
	globfree(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(alternates),
		cmocka_unit_test(mmcif),
		cmocka_unit_test(malformed),
		cmocka_unit_test(both_formats),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
