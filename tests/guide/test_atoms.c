/* test_atoms: elements and hydrogens of files and records, selections, and the Rg of a file */
#include "ref.h"

#include "guide/particle.h"
#include "guide/rg_target.h"
#include "ops/ops.h"

static const char *const names[]
    = { "rna14", "lyz", "hivp_xk2", "nup133", "nup133_fill", "sam1", "mpro_dimer", "t4l_x5" };

/* the reference's structures: the same atoms, in the same order */
static void
reference_files(void **state)
{
	int seen = 0;

	(void)state;
	for (int i = 0; i < COUNT(names); i++) {
		char file[64], path[512];
		snprintf(file, sizeof file, "structures/%s.pdb", names[i]);
		if (!ref_have(file))
			continue;
		struct ref *r = ref_open(names[i]);
		struct bp_sites *s;
		struct bp_atoms *a;
		int n, k = 0;
		int32_t *z = ref_ints(r, "z", &n), *n_h = ref_ints(r, "n_h", &n);
		double *x = ref_doubles(r, "xyz", &k);
		static const char *const weights[] = { "geometric", "mass" };
		static const char *const methods[] = { "standard", "robust", "trimmed" };

		OK(r, bp_sites_read(&s, ref_path(path, file), BP_ALT_FIRST, r->mem, &r->err));
		OK(r, bp_atoms_of_sites(&a, s, 0, bp_sites_model(s, 0), NULL, r->mem, &r->err));
		k = 0;
		for (int j = 0; j < a->n; j++) {
			if (!a->mask[j])
				continue;
			assert_true(k < n);
			if (a->z[j] != z[k] || a->n_h[j] != n_h[k])
				fail_msg("%s: atom %d (%s %s): element %d with %d hydrogens, wanted %d with %d",
				    names[i], j, s->site[j].res, a->name[j], a->z[j], a->n_h[j], z[k], n_h[k]);
			for (int d = 0; d < 3; d++)
				NEAR(a->x[3 * j + d], x[3 * k + d], 1e-9, 1);
			k++;
		}
		assert_int_equal(k, n);
		for (int w = 0; w < 2; w++)
			for (int m = 0; m < 3; m++) {
				struct bp_rg_file f = { path, NULL, BP_SELECT_ALL, (enum bp_rg_method)m, 3.0,
					(enum bp_rg_weights)w, 0 };
				char key[64];
				double rg;
				snprintf(key, sizeof key, "rg/%s_%s/rg", weights[w], methods[m]);
				OK(r, bp_rg_of_file(&rg, &f, NULL, NULL, r->mem, &r->err));
				NEAR(rg, ref_num(r, key), 1e-9, 1);
			}
		for (int c2 = 0; c2 < 3; c2++) {
			struct bp_rg_file f = { path, NULL, BP_SELECT_HEAVY, BP_RG_STANDARD, 3.0, BP_RG_CONTRAST, c2 };
			struct bp_ctx *cx;
			char key[64];
			double rg;
			snprintf(key, sizeof key, "rg/contrast_c2_%d/rg", c2);
			OK(r, bp_ctx_open(&cx, "cpu", "original", NULL, 0, NULL, 1, 0, &r->err));
			OK(r, bp_rg_of_file(&rg, &f, cx, NULL, r->mem, &r->err));
			NEAR(rg, ref_num(r, key), 1e-9, 1);
			bp_ctx_close(cx);
		}
		ref_close(r);
		seen++;
	}
	assert_true(seen >= 2);
}

#define ATOM(kind, name, res, chain, seq, x, el)                                                                       \
	kind "    1 " name " " res " " chain seq "    " x "   0.000   0.000  1.00  0.00          " el "\n"
static const char odd[] = "MODEL        1\n" ATOM("ATOM  ", " N  ", "SEP", "A", "   1", "   1.000", " N") ATOM(
    "ATOM  ", " CA ", "SEP", "A", "   1", "   2.000", " C") ATOM("ATOM  ", " H  ", "SEP", "A", "   1", "   2.500", " H")
    ATOM("ATOM  ", " D1 ", "SEP", "A", "   1", "   2.600", " D") ATOM("ATOM  ", " C  ", "SEP", "A", "   1", "   3.000",
        " C") ATOM("HETATM", " C1 ", "BEN", "B", "   1", "   4.000", " C")
        ATOM("HETATM", " C2 ", "BEN", "B", "   1", "   5.000", " C")
            ATOM("HETATM", "ZN  ", " ZN", "B", "   2", "   6.000", "ZN")
                ATOM("HETATM", " O  ", "HOH", "C", "   1", "  99.000", " O")
                    ATOM("HETATM", " Q  ", "XYZ", "C", "   2", "  98.000", " X") "ENDMDL\nMODEL        2\n" ATOM(
                        "ATOM  ", " CA ", "ALA", "A", "   1", "  50.000", " C") "ENDMDL\n";

/* a component, an ion, water, hydrogens, deuterium, no element; the second model is another */
static void
odd_atoms(void **state)
{
	static const int want[][4] = { { 7, 1, 1, 1 }, { 6, 1, 1, 1 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, { 6, 0, 1, 1 },
		{ 6, 0, 1, 0 }, { 6, 1, 1, 0 }, { 30, 0, 1, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0 } };
	struct ref *r = ref_open("none");
	struct bp_sites *s;
	struct bp_atoms *a;
	struct bp_ccd *ccd;
	uint8_t back[16];

	(void)state;
	OK(r, bp_ccd_open_file(&ccd, "share/" BP_CCD_BUILTIN, r->mem, &r->err));
	if (!bp_ccd_has(ccd, "SEP") || !bp_ccd_has(ccd, "BEN"))
		fail_msg("the built-in components lack SEP or BEN");
	OK(r, bp_sites_read_mem(&s, odd, strlen(odd), "odd", BP_ALT_FIRST, r->mem, &r->err));
	assert_int_equal(bp_sites_model(s, 0), 10);
	OK(r, bp_atoms_of_sites(&a, s, 0, 10, ccd, r->mem, &r->err));
	bp_atoms_select(back, a, BP_SELECT_BACKBONE);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(a->z[i], want[i][0]);
		assert_int_equal(a->n_h[i], want[i][1]);
		assert_int_equal(a->mask[i], want[i][2]);
		assert_int_equal(back[i], want[i][3]);
	}
	assert_int_equal(a->unknown, 0);
	OK(r, bp_atoms_of_sites(&a, s, 0, 10, NULL, r->mem, &r->err)); /* without components */
	assert_int_equal(a->n_h[0], 0);
	assert_int_equal(a->unknown, 2);
	OK(r, bp_atoms_of_sites(&a, s, 10, 1, NULL, r->mem, &r->err));
	assert_int_equal(a->n_h[0], 1);
	assert_int_equal(bp_atoms_of_sites(&a, s, 8, 2, NULL, r->mem, &r->err), BP_EINPUT);
	bp_ccd_close(ccd);
	ref_close(r);
}

static void
chains(void **state)
{
	char path[512];
	struct bp_rg_file f = { .path = ref_path(path, "structures/lyz.pdb"), .chain = "Q", .threshold = 3 };
	struct ref *r = ref_open("lyz");
	double rg, back;

	(void)state;
	assert_int_equal(bp_rg_of_file(&rg, &f, NULL, NULL, r->mem, &r->err), BP_EINPUT);
	assert_non_null(strstr(r->err.msg, "no chain Q; it has A"));
	f.chain = "A";
	OK(r, bp_rg_of_file(&rg, &f, NULL, NULL, r->mem, &r->err));
	NEAR(rg, ref_num(r, "rg/geometric_standard/rg"), 1e-9, 1);
	f.selection = BP_SELECT_BACKBONE;
	OK(r, bp_rg_of_file(&back, &f, NULL, NULL, r->mem, &r->err));
	assert_true(back < rg && back > 0.9 * rg);
	f.path = "/nonexistent.pdb";
	assert_int_equal(bp_rg_of_file(&rg, &f, NULL, NULL, r->mem, &r->err), BP_EIO);
	ref_close(r);
}

/* a record before and after sampling: standard residues as in the table, a ligand by its own counts, padding out */
static void
records(void **state)
{
	static const char *const atom[] = { "N", "CA", "C", "O", "CB", "C1", "O1" };
	static const int element[] = { 7, 6, 6, 8, 6, 6, 8 }, own[] = { 2, 1, 0, 0, 3, 3, 1 },
	                 want[] = { 1, 1, 0, 0, 3, 3, 1 };
	static const char text[]
	    = "{\"chains\": {\"name\": [\"A\", \"L\"], \"mol_type\": [0, 3], \"res_num\": [1, 1]}, \"residues\": "
	      "{\"name\": [\"ALA\", \"MOH\"], \"atom_num\": [5, 2]}}";
	struct ref *r = ref_open("none");
	struct bp_val *table, *col[3];
	struct bp_tensor *t;
	struct bp_atoms *a;
	struct bp_rec *rec;
	struct bp_told told = { 0 };
	int64_t n = 32;

	(void)state;
	OK(r, bp_rec_new(&rec, BP_TRUNK, "x", r->mem, &r->err));
	OK(r, bp_json_read(&rec->meta, text, strlen(text), r->mem, &r->err));
	table = bp_val_map(r->mem, &r->err);
	for (int c = 0; c < 3; c++) {
		static const char *const key[] = { "name", "element", "n_h" };
		col[c] = bp_val_arr(r->mem, &r->err);
		OK(r, bp_val_set(table, key[c], col[c], r->mem, &r->err));
		for (int i = 0; i < 7; i++)
			OK(r,
			    bp_val_push(col[c],
			        c == 0 ? bp_val_str(r->mem, atom[i], &r->err)
			               : bp_val_int(r->mem, c == 1 ? element[i] : own[i], &r->err),
			        r->mem, &r->err));
	}
	OK(r, bp_val_set(rec->meta, "atoms", table, r->mem, &r->err));
	OK(r, bp_rec_add(&t, rec, "atom_pad_mask", BP_F32, 1, &n, &r->err));
	for (int i = 0; i < 7; i++)
		((float *)t->data)[i + 3] = 1; /* the first three are padding here */
	for (int sampled = 0; sampled < 2; sampled++) {
		if (sampled) {
			OK(r, bp_rec_add(&t, rec, "sample_atom_coords", BP_F32, 3, (int64_t[]) { 2, 32, 3 }, &r->err));
			((float *)t->data)[3 * 32 + 9] = 5;
		}
		OK(r, bp_atoms_of_record(&a, rec, &r->err));
		assert_int_equal(a->n, 32);
		assert_int_equal(a->samples, 2 * sampled);
		for (int i = 0; i < 32; i++) {
			bool real = i >= 3 && i < 10;
			assert_int_equal(a->mask[i], real);
			assert_int_equal(a->z[i], real ? element[i - 3] : 0);
			assert_int_equal(a->n_h[i], real ? want[i - 3] : 0);
		}
	}
	assert_true(a->x[3 * 32 + 9] == 5);
	OK(r, bp_val_set(table, "n_h", bp_val_arr(r->mem, &r->err), r->mem, &r->err)); /* not made by featurize */
	OK(r, bp_atoms_of_record(&a, rec, &r->err));
	assert_int_equal(a->n_h[3], 1);
	assert_int_equal(a->n_h[8], 0);
	assert_int_equal(a->unknown, 1);
	for (int again = 0; again < 2; again++) { /* of many records each residue is told once */
		OK(r, bp_atoms_of_next(&a, rec, &told, &r->err));
		assert_int_equal(a->unknown, again ? 0 : 1);
		assert_false(told.elements);
	}
	OK(r, bp_val_set(table, "element", bp_val_arr(r->mem, &r->err), r->mem, &r->err));
	for (int i = 0; i < 7; i++)
		OK(r, bp_val_push(bp_val_get(table, "element"), bp_val_int(r->mem, i ? 110 : 6, &r->err), r->mem, &r->err));
	OK(r, bp_atoms_of_next(&a, rec, &told, &r->err));
	assert_true(told.elements && a->mask[3] && !a->mask[4]);
	ref_close(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reference_files), cmocka_unit_test(odd_atoms),
		cmocka_unit_test(chains), cmocka_unit_test(records) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
