/* test_tables: the tables in C against those of the reference, row by row, and values of the amplitudes. */
#include "ref.h"

#include "chem/residues.h"
#include "guide/tables.h"

enum { FIELDS = 16 };

/* call row with the fields of each line of tables/NAME; the first line without # names the columns. Returns the rows.
 */
static int
each(struct ref *r, const char *name, void (*row)(char **field, int n))
{
	char path[512], file[128], *text;
	size_t n;
	int rows = -1;

	snprintf(file, sizeof file, "tables/%s", name);
	OK(r, bp_text_read(&text, &n, ref_path(path, file), 1 << 20, r->mem, &r->err));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *field[FIELDS], *at = line;
		int k = 0;
		if (*line == '#')
			continue;
		for (; k < FIELDS && at; k++) {
			field[k] = at;
			if ((at = strchr(at, '\t')))
				*at++ = '\0';
		}
		if (++rows > 0)
			row(field, k);
	}
	return rows;
}

static int same; /* form factors of the file that stand in the table */

static void
form_factor(char **f, int n)
{
	const struct bp_scatterer *e = bp_scatterer((int)strtol(f[0], NULL, 10));

	assert_int_equal(n, 14);
	assert_non_null(e);
	assert_string_equal(bp_element_symbol((int)strtol(f[0], NULL, 10)), f[2]);
	if (strtol(f[1], NULL, 10) != e->charge)
		return; /* the other charge scatters */
	for (int i = 0; i < 5; i++)
		assert_true(e->a[i] == strtod(f[3 + i], NULL) && e->b[i] == strtod(f[8 + i], NULL));
	assert_true(e->c == strtod(f[13], NULL));
	same++;
}

static void
volume(char **f, int n)
{
	assert_int_equal(n, 2);
	assert_true(bp_scatterer(bp_element_number(f[0]))->volume == strtod(f[1], NULL));
}

static void
bond(char **f, int n)
{
	assert_int_equal(n, 2);
	assert_true(bp_scatterer(bp_element_number(f[0]))->d_xh == strtod(f[1], NULL));
}

static void
hydrogen(char **f, int n)
{
	assert_int_equal(n, 3);
	if (bp_implicit_h(f[0], f[1]) != strtol(f[2], NULL, 10))
		fail_msg("%s %s has %d hydrogens, wanted %s", f[0], f[1], bp_implicit_h(f[0], f[1]), f[2]);
}

static void
tables(void **state)
{
	struct ref *r = ref_open("none");

	(void)state;
	assert_true(each(r, "form_factors_wk.tsv", form_factor) >= 117);
	assert_int_equal(same, BP_SCATTER_Z);
	assert_true(each(r, "volumes.tsv", volume) >= 30);
	assert_true(each(r, "bond_x_h.tsv", bond) >= 8);
	assert_true(each(r, "implicit_h.tsv", hydrogen) >= 675);
	assert_int_equal(bp_implicit_h("ALA", "CG"), -1);
	assert_int_equal(bp_implicit_h("ALA", ""), -1);
	assert_int_equal(bp_implicit_h("ALA", "C"), 0); /* not the CA before it */
	assert_int_equal(bp_implicit_h("NOPE", "CA"), -1);
	assert_null(bp_scatterer(0));
	assert_null(bp_scatterer(99));
	for (int z = 1; z <= BP_SCATTER_Z; z++)
		assert_true(bp_scatterer(z)->mass > (z > 1 ? z : 0.9) && bp_scatterer(z)->volume > 0);
	ref_close(r);
}

static void
amplitudes(void **state)
{
	static const int ions[][2] = { { 11, 1 }, { 12, 2 }, { 19, 1 }, { 20, 2 }, { 25, 2 }, { 26, 2 }, { 30, 2 },
		{ 56, 2 }, { 27, 2 }, { 28, 2 }, { 29, 2 }, { 48, 2 }, { 80, 2 }, { 15, 0 }, { 17, 0 }, { 78, 0 }, { 4, 0 },
		{ 21, 0 }, { 22, 0 }, { 23, 0 }, { 24, 0 } };

	(void)state;
	for (int i = 0; i < COUNT(ions); i++) /* electrons forward: Z less the charge */
		NEAR(bp_f_vacuum(ions[i][0], 0, 0), ions[i][0] - ions[i][1], 0.05, 1);
	NEAR(bp_f_vacuum(6, 3, 0), 9, 0.01, 1);
	NEAR(bp_group_volume(6, 2), 26.74, 1e-12, 1);
	NEAR(bp_f_solvent(6, 1, 0), 0.334 * 21.59, 1e-12, 1);
	NEAR(bp_f_water(0), 3.51, 0.005, 1);
	NEAR(bp_f_expansion(0.3, 1, 17), 1, 0, 1);
	NEAR(bp_f_expansion(0, 1.05, 17), 1.157625, 1e-12, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(tables), cmocka_unit_test(amplitudes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
