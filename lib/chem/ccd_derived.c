/* tables derived elsewhere, from JSON; declared in chem/ccd_build.h */
#include <string.h>

#include "chem/ccd_build.h"
#include "chem/residues.h"

/* Row i of the list: n numbers, the first `atoms` of them whole and in 0..limit-1. */
static int
read_row(
    double *ret, int n, const struct bp_val *list, size_t i, int atoms, int limit, const char *what, struct bp_err *err)
{
	const struct bp_val *row = bp_val_at(list, i);

	if (bp_val_count(row) != (size_t)n)
		return BP_FAIL(
		    err, BP_EINPUT, NULL, "%s, row %zu: %zu values, wanted %d", what, i, bp_val_count(row), n);
	for (int k = 0; k < n; k++) {
		const struct bp_val *x = bp_val_at(row, (size_t)k);
		ret[k] = bp_val_num(x, -1);
		if (k < atoms && (!bp_val_is(x, BP_INT) || ret[k] < 0 || ret[k] >= limit))
			return BP_FAIL(err, BP_EINPUT, NULL, "%s, row %zu: no atom below %d", what, i, limit);
	}
	return BP_OK;
}

static int
same_atoms(struct bp_ccd_comp *c, const struct bp_val *mol, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_val *atoms = bp_val_get(mol, "atoms");
	struct bp_ccd_atom *a;

	if (bp_val_count(atoms) != (size_t)c->n_atoms)
		return BP_FAIL(
		    err, BP_EINPUT, NULL, "%zu atoms, the dictionary has %d", bp_val_count(atoms), c->n_atoms);
	BP_NEW(a, c->n_atoms, mem, err);
	for (int i = 0; i < c->n_atoms; i++) {
		const struct bp_val *row = bp_val_at(atoms, (size_t)i);
		const char *chi = bp_val_cstr(bp_val_at(row, 4), "");

		a[i] = c->atom[i];
		if (strcmp(bp_val_cstr(bp_val_at(row, 0), ""), a[i].name)
		    || bp_val_i64(bp_val_at(row, 1), -1) != a[i].element
		    || bp_val_i64(bp_val_at(row, 2), 99) != a[i].charge)
			return BP_FAIL(
			    err, BP_EINPUT, NULL, "atom %d differs from the dictionary's %s", i + 1, a[i].name);
		for (int k = 0; k < BP_CHI_OTHER; k++)
			if (!strcmp(chi, bp_chirality_names[k]))
				a[i].chirality = (uint8_t)k;
	}
	c->atom = a;
	return BP_OK;
}

static int
replace_bonds(struct bp_ccd_comp *c, const struct bp_val *mol, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_val *list = bp_val_get(mol, "bonds");
	size_t n = bp_val_count(list);
	struct bp_ccd_bond *b;
	double row[3];

	BP_NEW(b, n, mem, err);
	for (size_t i = 0; i < n; i++) {
		const char *type = bp_val_cstr(bp_val_at(bp_val_at(list, i), 2), "");

		BP_TRY(read_row(row, 3, list, i, 2, c->n_atoms, "bonds", err));
		b[i].a = (uint16_t)row[0];
		b[i].b = (uint16_t)row[1];
		for (int k = 0; k < BP_BOND_AROMATIC; k++) /* others, such as DATIVE, are BP_BOND_OTHER = 0 */
			if (!strcmp(type, bp_bond_type_names[k]))
				b[i].type = (uint8_t)k;
		for (int k = 0; k < c->n_bonds; k++)
			if ((c->bond[k].a == b[i].a && c->bond[k].b == b[i].b)
			    || (c->bond[k].a == b[i].b && c->bond[k].b == b[i].a)) {
				b[i].flags = c->bond[k].flags;
				b[i].stereo = c->bond[k].stereo;
			}
	}
	c->bond = b;
	c->n_bonds = (int)n;
	return BP_OK;
}

static int
read_bounds(struct bp_ccd_comp *c, const struct bp_val *list, int heavy, struct bp_arena *mem, struct bp_err *err)
{
	size_t n = bp_val_count(list);
	float *lower, *upper;
	uint8_t *kind;
	double row[6];

	if (n && n != (size_t)heavy * ((size_t)heavy - 1) / 2)
		return BP_FAIL(err, BP_EINPUT, NULL, "bounds: %zu pairs of %d atoms", n, heavy);
	BP_NEW(lower, n, mem, err);
	BP_NEW(upper, n, mem, err);
	BP_NEW(kind, n, mem, err);
	for (size_t i = 0; i < n; i++) {
		BP_TRY(read_row(row, 6, list, i, 2, heavy, "bounds", err));
		if (!(row[0] < row[1]) || bp_ccd_pair((size_t)row[0], (size_t)row[1], (size_t)heavy) != i)
			return BP_FAIL(err, BP_EINPUT, NULL, "bounds, row %zu: pairs are not in order", i);
		kind[i] = (uint8_t)((row[2] > 0 ? BP_CCD_IS_BOND : 0) | (row[3] > 0 ? BP_CCD_IS_ANGLE : 0));
		lower[i] = (float)row[4];
		upper[i] = (float)row[5];
	}
	c->t.lower = lower;
	c->t.upper = upper;
	c->t.kind = kind;
	c->t.n_pairs = (int)n;
	return BP_OK;
}

/* a list of n-tuples of heavy atoms into *ret [rows][n] */
static int
read_tuples(const void *ret, int *rows, int n, const struct bp_val *mol, const char *key, int heavy,
    struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_val *list = bp_val_get(mol, key);
	uint16_t *p;
	double row[6];

	*rows = (int)bp_val_count(list);
	BP_NEW(p, *rows * n, mem, err);
	for (int i = 0; i < *rows; i++) {
		BP_TRY(read_row(row, n, list, (size_t)i, n, heavy, key, err));
		for (int k = 0; k < n; k++)
			p[i * n + k] = (uint16_t)row[k];
	}
	memcpy((void *)(uintptr_t)ret, &p, sizeof p);
	return BP_OK;
}

int
bp_ccd_derived(struct bp_ccd_comp *c, const struct bp_val *mol, struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_val *chiral = bp_val_get(mol, "chiral"), *stereo = bp_val_get(mol, "stereo");
	struct bp_ccd_chiral *ch;
	struct bp_ccd_stereo *st;
	double row[6];
	int heavy = 0, counted = 0;

	BP_TRY(same_atoms(c, mol, mem, err));
	BP_TRY(replace_bonds(c, mol, mem, err));
	for (int i = 0; i < c->n_atoms; i++) {
		heavy += c->atom[i].element != 1;
		counted += c->atom[i].element > 1;
	}
	if (!chiral) { /* one heavy atom needs no tables; otherwise upstream could not derive them */
		c->has_tables = counted == 1;
		return BP_OK;
	}
	BP_TRY(read_bounds(c, bp_val_get(mol, "bounds"), heavy, mem, err));
	c->t.n_chiral = (int)bp_val_count(chiral);
	c->t.n_stereo = (int)bp_val_count(stereo);
	BP_NEW(ch, c->t.n_chiral, mem, err);
	BP_NEW(st, c->t.n_stereo, mem, err);
	for (int i = 0; i < c->t.n_chiral; i++) {
		BP_TRY(read_row(row, 6, chiral, (size_t)i, 4, heavy, "chiral", err));
		for (int k = 0; k < 4; k++)
			ch[i].atom[k] = (uint16_t)row[k];
		ch[i].is_reference = row[4] > 0;
		ch[i].is_r = row[5] > 0;
	}
	for (int i = 0; i < c->t.n_stereo; i++) {
		BP_TRY(read_row(row, 6, stereo, (size_t)i, 4, heavy, "stereo", err));
		for (int k = 0; k < 4; k++)
			st[i].atom[k] = (uint16_t)row[k];
		st[i].is_check = row[4] > 0;
		st[i].is_e = row[5] > 0;
	}
	c->t.chiral = ch;
	c->t.stereo = st;
	BP_TRY(read_tuples(&c->t.planar_bond, &c->t.n_planar_bond, 6, mol, "planar_bond", heavy, mem, err));
	BP_TRY(read_tuples(&c->t.ring5, &c->t.n_ring5, 5, mol, "ring5", heavy, mem, err));
	BP_TRY(read_tuples(&c->t.ring6, &c->t.n_ring6, 6, mol, "ring6", heavy, mem, err));
	c->has_tables = true;
	return BP_OK;
}
