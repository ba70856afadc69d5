/* a store made from CIF, against what upstream's reader and RDKit made of the same components (golden/mols.json) */
#include "../golden.h"

#include <unistd.h>

#include "base/val.h"
#include "chem/ccd_build.h"
#include "chem/ccd_cif.h"
#include "chem/rdkit.h"
#include "chem/residues.h"

static struct bp_arena *mem;
static struct bp_err err;
static struct bp_val *mols;
static char cif[512], json[512], out[] = "/tmp/test_ccd_build.XXXXXX", text[] = "/tmp/test_ccd_cif.XXXXXX";

static char *
slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *p = malloc(1 << 22);

	assert_non_null(f);
	*n = fread(p, 1, 1 << 22, f);
	fclose(f);
	return p;
}

static int
setup(void **state)
{
	size_t n;
	char *p;

	(void)state;
	close(mkstemp(out));
	close(mkstemp(text));
	golden_path(cif, "ccd_subset.cif.gz");
	p = slurp(golden_path(json, "mols.json"), &n);
	if (bp_arena_open(&mem, 0, &err) != BP_OK || bp_json_read(&mols, p, n, mem, &err) != BP_OK)
		return -1;
	free(p);
	return bp_val_count(mols) < 20;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(out);
	unlink(text);
	bp_arena_close(mem);
	return 0;
}

/* values of row i of a list in m */
static double
at(const struct bp_val *m, const char *key, int i, int k)
{
	return bp_val_num(bp_val_at(bp_val_at(bp_val_get(m, key), (size_t)i), (size_t)k), NAN);
}

static const char *
word(const struct bp_val *m, const char *key, int i, int k)
{
	return bp_val_cstr(bp_val_at(bp_val_at(bp_val_get(m, key), (size_t)i), (size_t)k), "?");
}

static int
rows(const struct bp_val *m, const char *key)
{
	return (int)bp_val_count(bp_val_get(m, key));
}

static void
same_atoms(const struct bp_ccd_comp *c, const struct bp_val *m)
{
	assert_int_equal(c->n_atoms, rows(m, "atoms"));
	for (int i = 0; i < c->n_atoms; i++) {
		const struct bp_ccd_atom *a = &c->atom[i];

		assert_string_equal(a->name, word(m, "atoms", i, 0));
		assert_int_equal(a->element, (int)at(m, "atoms", i, 1));
		assert_int_equal(a->charge, (int)at(m, "atoms", i, 2));
		assert_int_equal(a->flags & BP_CCD_LEAVING, (int)at(m, "atoms", i, 3));
		for (int k = 0; k < 3; k++)
			assert_true(fabs((double)a->x[k] - at(m, "atoms", i, 5 + k)) <= 1e-4);
	}
	if (rows(m, "heavy"))
		assert_int_equal(c->n_heavy, rows(m, "heavy"));
	for (int i = 0; i < rows(m, "heavy"); i++)
		assert_string_equal(c->atom[c->heavy[i]].name, bp_val_cstr(bp_val_at(bp_val_get(m, "heavy"), (size_t)i), "?"));
	assert_int_equal(c->xyz == BP_XYZ_MODEL, !strcmp(bp_val_cstr(bp_val_get(m, "conformer"), "?"), "Model"));
}

static void
same_bonds(const struct bp_ccd_comp *c, const struct bp_val *m)
{
	assert_int_equal(c->n_bonds, rows(m, "bonds"));
	for (int i = 0; i < c->n_bonds; i++) {
		const char *type = word(m, "bonds", i, 2);

		assert_int_equal(c->bond[i].a, (int)at(m, "bonds", i, 0));
		assert_int_equal(c->bond[i].b, (int)at(m, "bonds", i, 1));
		assert_string_equal(bp_bond_type_names[c->bond[i].type], !strcmp(type, "DATIVE") ? "OTHER" : type);
	}
}

static void
same_tuples(const uint16_t *a, int n, int count, const struct bp_val *m, const char *key)
{
	assert_int_equal(count, rows(m, key));
	for (int i = 0; i < count * n; i++)
		assert_int_equal(a[i], (int)at(m, key, i / n, i % n));
}

/* chirality and every table but the bounds' values; stereo: also those */
static void
same_tables(const struct bp_ccd_comp *c, const struct bp_val *m, bool stereo)
{
	const struct bp_ccd_tables *t = &c->t;

	for (int i = 0; i < c->n_atoms; i++)
		assert_string_equal(bp_chirality_names[c->atom[i].chirality], word(m, "atoms", i, 4));
	assert_int_equal(t->n_pairs, rows(m, "bounds"));
	for (int k = 0; k < t->n_pairs; k++)
		assert_int_equal(t->kind[k], (int)(at(m, "bounds", k, 2) * BP_CCD_IS_BOND + at(m, "bounds", k, 3) * BP_CCD_IS_ANGLE));
	assert_int_equal(t->n_chiral, rows(m, "chiral"));
	for (int i = 0; i < t->n_chiral; i++) {
		for (int k = 0; k < 4; k++)
			assert_int_equal(t->chiral[i].atom[k], (int)at(m, "chiral", i, k));
		assert_int_equal(t->chiral[i].is_reference, (int)at(m, "chiral", i, 4));
		assert_int_equal(t->chiral[i].is_r, (int)at(m, "chiral", i, 5));
	}
	if (stereo)
		assert_int_equal(t->n_stereo, rows(m, "stereo"));
	for (int i = 0; stereo && i < t->n_stereo; i++) {
		for (int k = 0; k < 4; k++)
			assert_int_equal(t->stereo[i].atom[k], (int)at(m, "stereo", i, k));
		assert_int_equal(t->stereo[i].is_check, (int)at(m, "stereo", i, 4));
		assert_int_equal(t->stereo[i].is_e, (int)at(m, "stereo", i, 5));
	}
	same_tuples((const uint16_t *)t->planar_bond, 6, t->n_planar_bond, m, "planar_bond");
	same_tuples((const uint16_t *)t->ring5, 5, t->n_ring5, m, "ring5");
	same_tuples((const uint16_t *)t->ring6, 6, t->n_ring6, m, "ring6");
}

static struct bp_ccd *
make_store(const struct bp_ccd_build *b)
{
	struct bp_ccd_built done;
	struct bp_ccd *s;

	if (bp_ccd_build(&done, b, &err) != BP_OK || bp_ccd_open_file(&s, out, mem, &err) != BP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(done.refused, 0);
	assert_int_equal(done.components, bp_ccd_count(s, 0));
	assert_true(done.components >= bp_val_count(mols));
	return s;
}

static void
find(struct bp_ccd_comp *c, const struct bp_ccd *s, const struct bp_val *m)
{
	if (bp_ccd_find(c, s, bp_val_cstr(bp_val_get(m, "code"), "?"), &err) != BP_OK)
		fail_msg("%s", err.msg);
}

/* tables taken from JSON: everything equal; and once more with that store as the source */
static void
derived(void **state)
{
	struct bp_ccd_comp c;
	struct bp_ccd *s;

	(void)state;
	for (int round = 0; round < 2; round++) {
		char from[64];

		snprintf(from, sizeof from, "%s.1", out);
		s = make_store(&(struct bp_ccd_build){ .in = cif, .out = out, .derived = round ? from : json });
		for (size_t i = 0; i < bp_val_count(mols); i++) {
			const struct bp_val *m = bp_val_at(mols, i);

			find(&c, s, m);
			same_atoms(&c, m);
			same_bonds(&c, m);
			same_tables(&c, m, true);
			assert_int_equal(c.has_tables, bp_val_get(m, "bounds") != NULL || c.n_counted == 1);
			for (int k = 0; k < c.t.n_pairs; k++) {
				assert_true((float)at(m, "bounds", k, 4) == c.t.lower[k]);
				assert_true((float)at(m, "bounds", k, 5) == c.t.upper[k]);
			}
		}
		bp_ccd_close(s);
		assert_int_equal(round ? unlink(from) : rename(out, from), 0);
	}
}

static bool
aromatic(const struct bp_ccd_comp *c)
{
	for (int k = 0; k < c->n_atoms; k++)
		if (c->atom[k].flags & BP_CCD_AROMATIC)
			return true;
	return false;
}

/* From CIF alone. Bond orders agree, heme's dative ones too, but for aromatic rings: newer RDKit turns them into
 * the other Kekule form. */
static void
plain(void **state)
{
	struct bp_ccd *s = make_store(&(struct bp_ccd_build){ .in = cif, .out = out });
	struct bp_ccd_comp c;

	(void)state;
	for (size_t i = 0; i < bp_val_count(mols); i++) {
		const struct bp_val *m = bp_val_at(mols, i);

		find(&c, s, m);
		same_atoms(&c, m);
		assert_false(c.has_tables);
		if (!aromatic(&c) || !strncmp(c.code, "HE", 2))
			same_bonds(&c, m);
		else
			assert_int_equal(c.n_bonds, rows(m, "bonds"));
	}
	bp_ccd_close(s);
}

/* Derived here. Not compared, as versions of RDKit differ in them: bounds but those of bonds (1-3 distances have
 * other tolerances since), Kekule forms, the stereo bonds in heme's ring. */
static void
rdkit(void **state)
{
	struct bp_ccd_comp c;
	struct bp_ccd *s;

	(void)state;
	if (!bp_rdkit_version()) {
		printf("skipped: no RDKit\n");
		return;
	}
	s = make_store(&(struct bp_ccd_build){ .in = cif, .out = out, .tables = true });
	for (size_t i = 0; i < bp_val_count(mols); i++) {
		const struct bp_val *m = bp_val_at(mols, i);

		find(&c, s, m);
		same_atoms(&c, m);
		same_tables(&c, m, strcmp(c.code, "HEM") != 0);
		assert_int_equal(c.has_tables, c.n_atoms > 0);
		for (int k = 0; k < c.t.n_pairs; k++)
			if (c.t.kind[k] & BP_CCD_IS_BOND && !aromatic(&c)) {
				assert_true(fabs(at(m, "bounds", k, 4) - (double)c.t.lower[k]) <= 1.1e-5); /* five decimals there */
				assert_true(fabs(at(m, "bounds", k, 5) - (double)c.t.upper[k]) <= 1.1e-5);
			}
	}
	bp_ccd_close(s);
}

static int
build_text(const char *what, size_t n, struct bp_ccd_built *done, const char *code)
{
	FILE *f = fopen(text, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(what, 1, n, f), n);
	fclose(f);
	err = (struct bp_err){ 0 };
	return bp_ccd_build(
	    done, &(struct bp_ccd_build){ .in = text, .out = out, .code = &code, .n_codes = code ? 1 : 0 }, &err);
}

#define ATOMS "loop_\n_chem_comp_atom.atom_id\n_chem_comp_atom.type_symbol\n"
static void
malformed(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "hello\n", ":1: text before the first data_" },
		{ "\n# c\n  x\n", ":3: text before" },
		{ "data_A\n_chem_comp.name 'no end\n", ":2:" },
		{ "data_A\n_chem_comp.name\n;no end\n", ":4:" },
		{ "data_A\n" ATOMS "C1 C C2\n", ":2:" }, /* no rectangle; the loop starts there */
		{ "data_A\n_x 1\n_x 2\n", "duplicate" },
		{ "data_A\n_x 1\ndata_B\nloop_\n", ":" },
		{ "data_A\n" ATOMS "C1 C\ndata_A\n" ATOMS "C1 C\n", "twice" },
	};
	static const struct {
		const char *text, *code;
	} refused[] = {
		{ "data_ABCDEFGH\n" ATOMS "C1 C\n", NULL },
		{ "data_A\n" ATOMS "C1234567 C\n", NULL },
		{ "data_A\n" ATOMS "C1 Qq\n", NULL },
		{ "data_A\n" ATOMS "? C\n", NULL },
		{ "data_A\nloop_\n_chem_comp_atom.x\n_chem_comp_atom.y\n1 2\n", NULL },
	};
	struct bp_ccd_built done;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (build_text(bad[i].text, strlen(bad[i].text), &done, NULL) != BP_EINPUT)
			fail_msg("accepted: %s", bad[i].text);
		if (!strstr(err.msg, bad[i].message))
			fail_msg("'%s' lacks '%s'", err.msg, bad[i].message);
	}
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		assert_int_equal(build_text(refused[i].text, strlen(refused[i].text), &done, NULL), BP_OK);
		assert_int_equal(done.refused, 1);
		assert_int_equal(done.components, 0);
	}
	assert_int_equal(build_text("data_A\n_a 1\n", 12, &done, "B"), BP_EINPUT); /* a wanted code is missing */
	assert_non_null(strstr(err.msg, " B"));
	assert_int_equal(build_text("", 0, &done, NULL), BP_OK);
	assert_int_equal(done.components, 0);
}

static void
peculiar(void **state)
{
	static const char odd[] = "\r\n# no atoms, then a text field that looks like a block\ndata_E\n_chem_comp.name\n;first\n"
				  "data_NOT\n;\n_chem_comp.type other\ndata_X\n" ATOMS "\"O5'\" O\nX1 X\nD1 D\nloop_\n"
				  "_chem_comp_bond.atom_id_1\n_chem_comp_bond.atom_id_2\n_chem_comp_bond.value_order\n"
				  "\"O5'\" D1 SING\nD1 \"O5'\" DOUB\n\"O5'\" nobody SING\n";
	struct bp_ccd_built done;
	struct bp_ccd_comp c;
	struct bp_ccd *s;

	(void)state;
	assert_int_equal(build_text(odd, sizeof odd - 1, &done, NULL), BP_OK);
	assert_int_equal(done.components, 2);
	assert_int_equal(bp_ccd_open_file(&s, out, mem, &err), BP_OK);
	assert_int_equal(bp_ccd_find(&c, s, "E", &err), BP_OK);
	assert_string_equal(c.name, "first data_NOT");
	assert_int_equal(bp_ccd_find(&c, s, "X", &err), BP_OK);
	assert_int_equal(c.n_atoms, 3);
	assert_int_equal(c.n_bonds, 1); /* the second is the first again, the third has no atom */
	assert_string_equal(c.atom[0].name, "O5'");
	assert_int_equal(c.atom[0].n_h, 1);
	assert_int_equal(c.n_heavy, 2);
	assert_int_equal(c.n_counted, 1);
	assert_int_equal(c.xyz, BP_XYZ_PARTIAL);
	bp_ccd_close(s);
}

/* a dictionary cut at any place is no shorter dictionary */
static void
cut(void **state)
{
	struct bp_ccd_built done;
	size_t n;
	char *p = slurp(cif, &n);

	(void)state;
	for (size_t len = 20; len < n; len += n / 13)
		assert_int_equal(build_text(p, len, &done, NULL), BP_EINPUT);
	p[n / 2] ^= 16;
	assert_int_equal(build_text(p, n, &done, NULL), BP_EINPUT);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derived),
		cmocka_unit_test(plain),
		cmocka_unit_test(rdkit),
		cmocka_unit_test(malformed),
		cmocka_unit_test(peculiar),
		cmocka_unit_test(cut),
	};

	if (!bp_ccd_cif_built()) {
		printf("skipped: built without gemmi\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
