#include "chem/ccd_show.h"

#include <string.h>

#include "chem/residues.h"

static const char *const xyz_names[] = { "ideal", "model", "partial" };

char *
bp_ccd_formula(char *buf, size_t n, const struct bp_ccd_comp *c)
{
	int count[BP_MAX_Z + 1] = { 0 }, charge = 0;
	size_t used = 0;

	buf[0] = 0;
	for (int i = 0; i < c->n_atoms; i++) {
		count[c->atom[i].element]++;
		charge += c->atom[i].charge;
	}
	for (int left = c->n_atoms; left && used < n;) {
		int next = count[6] ? 6 : count[1] ? 1 : -1;

		for (int z = 0; next < 0 || (next != 6 && next != 1 && z <= BP_MAX_Z); z++)
			if (count[z] && (next < 0 || strcmp(bp_element_symbol(z), bp_element_symbol(next)) < 0))
				next = z;
		used += (size_t)snprintf(
		    buf + used, n - used, "%s%s%d", used ? " " : "", bp_element_symbol(next), count[next]);
		left -= count[next];
		count[next] = 0;
	}
	if (charge && used < n)
		snprintf(buf + used, n - used, " %+d", charge);
	return buf;
}

void
bp_ccd_print(FILE *f, const struct bp_ccd_comp *c)
{
	char formula[256];

	fprintf(f, "%s  %s\n%s, %s, %d atoms (%d heavy), %d bonds, %s coordinates\n", c->code, c->name, c->type,
	    bp_ccd_formula(formula, sizeof formula, c), c->n_atoms, c->n_heavy, c->n_bonds, xyz_names[c->xyz]);
	fprintf(f, "\natom  el  charge  H  flags  chirality      x        y        z\n");
	for (int i = 0; i < c->n_atoms; i++) {
		const struct bp_ccd_atom *a = &c->atom[i];
		fprintf(f, "%-5s %-2s  %6d %2d  %s%s     %-9.9s %8.3f %8.3f %8.3f\n", a->name,
		    bp_element_symbol(a->element), a->charge, a->n_h, a->flags & BP_CCD_LEAVING ? "L" : "-",
		    a->flags & BP_CCD_AROMATIC ? "A" : "-",
		    !c->has_tables                           ? "?"
		        : a->chirality == BP_CHI_UNSPECIFIED ? "-"
		                                             : strrchr(bp_chirality_names[a->chirality], '_') + 1,
		    (double)a->x[0], (double)a->x[1], (double)a->x[2]);
	}
	if (c->n_bonds)
		fprintf(f, "\nbond\n");
	for (int i = 0; i < c->n_bonds; i++) {
		const struct bp_ccd_bond *b = &c->bond[i];
		fprintf(f, "%-5s %-5s %s%s%s\n", c->atom[b->a].name, c->atom[b->b].name, bp_bond_type_names[b->type],
		    b->flags & BP_CCD_AROMATIC ? " aromatic" : "",
		    b->stereo == BP_STEREO_E       ? " E"
		        : b->stereo == BP_STEREO_Z ? " Z"
		                                   : "");
	}
	if (c->has_tables)
		fprintf(f, "\ntables: %d bounds, %d chiral, %d stereo, %d planar bonds, %d + %d planar rings\n",
		    c->t.n_pairs, c->t.n_chiral, c->t.n_stereo, c->t.n_planar_bond, c->t.n_ring5, c->t.n_ring6);
	else
		fprintf(f, "\nno derived tables (built without RDKit)\n");
}

/* a row of n whole numbers; NULL when there is no memory */
static struct bp_val *
row_of(const int *x, int n, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *row = bp_val_arr(mem, err);

	for (int k = 0; row && k < n; k++)
		if (bp_val_push(row, bp_val_int(mem, x[k], err), mem, err) != BP_OK)
			return NULL;
	return row;
}

static int
put_tuples(struct bp_val *m, const char *key, const void *p, int rows, int n, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *list = bp_val_arr(mem, err);
	const uint16_t *a = p;
	int x[6];

	BP_TRY(bp_val_set(m, key, list, mem, err));
	for (int i = 0; i < rows; i++) {
		for (int k = 0; k < n; k++)
			x[k] = a[i * n + k];
		BP_TRY(bp_val_push(list, row_of(x, n, mem, err), mem, err));
	}
	return BP_OK;
}

static int
put_atoms(struct bp_val *m, const struct bp_ccd_comp *c, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *atoms = bp_val_arr(mem, err), *bonds = bp_val_arr(mem, err), *row;

	BP_TRY(bp_val_set(m, "atoms", atoms, mem, err));
	BP_TRY(bp_val_set(m, "bonds", bonds, mem, err));
	for (int i = 0; i < c->n_atoms; i++) {
		const struct bp_ccd_atom *a = &c->atom[i];

		if (!(row = bp_val_arr(mem, err)))
			return BP_EMEM;
		BP_TRY(bp_val_push(row, bp_val_str(mem, a->name, err), mem, err));
		BP_TRY(bp_val_push(row, bp_val_int(mem, a->element, err), mem, err));
		BP_TRY(bp_val_push(row, bp_val_int(mem, a->charge, err), mem, err));
		BP_TRY(bp_val_push(row, bp_val_int(mem, a->flags & BP_CCD_LEAVING, err), mem, err));
		BP_TRY(bp_val_push(row, bp_val_str(mem, bp_chirality_names[a->chirality], err), mem, err));
		for (int k = 0; k < 3; k++)
			BP_TRY(bp_val_push(row, bp_val_real(mem, (double)a->x[k], err), mem, err));
		BP_TRY(bp_val_push(atoms, row, mem, err));
	}
	for (int i = 0; i < c->n_bonds; i++) {
		row = row_of((int[]) { c->bond[i].a, c->bond[i].b }, 2, mem, err);
		if (!row)
			return BP_EMEM;
		BP_TRY(bp_val_push(row, bp_val_str(mem, bp_bond_type_names[c->bond[i].type], err), mem, err));
		BP_TRY(bp_val_push(bonds, row, mem, err));
	}
	return BP_OK;
}

static int
put_tables(struct bp_val *m, const struct bp_ccd_comp *c, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *bounds = bp_val_arr(mem, err), *chiral = bp_val_arr(mem, err), *stereo = bp_val_arr(mem, err),
	              *row;
	const struct bp_ccd_tables *t = &c->t;

	BP_TRY(bp_val_set(m, "bounds", bounds, mem, err));
	for (int i = 0, k = 0; i < c->n_heavy && k < t->n_pairs; i++)
		for (int j = i + 1; j < c->n_heavy; j++, k++) {
			row = row_of(
			    (int[]) { i, j, !!(t->kind[k] & BP_CCD_IS_BOND), !!(t->kind[k] & BP_CCD_IS_ANGLE) }, 4, mem,
			    err);
			if (!row)
				return BP_EMEM;
			BP_TRY(bp_val_push(row, bp_val_real(mem, (double)t->lower[k], err), mem, err));
			BP_TRY(bp_val_push(row, bp_val_real(mem, (double)t->upper[k], err), mem, err));
			BP_TRY(bp_val_push(bounds, row, mem, err));
		}
	BP_TRY(bp_val_set(m, "chiral", chiral, mem, err));
	for (int i = 0; i < t->n_chiral; i++) {
		const struct bp_ccd_chiral *x = &t->chiral[i];
		row = row_of(
		    (int[]) { x->atom[0], x->atom[1], x->atom[2], x->atom[3], x->is_reference, x->is_r }, 6, mem, err);
		BP_TRY(bp_val_push(chiral, row, mem, err));
	}
	BP_TRY(bp_val_set(m, "stereo", stereo, mem, err));
	for (int i = 0; i < t->n_stereo; i++) {
		const struct bp_ccd_stereo *x = &t->stereo[i];
		row = row_of(
		    (int[]) { x->atom[0], x->atom[1], x->atom[2], x->atom[3], x->is_check, x->is_e }, 6, mem, err);
		BP_TRY(bp_val_push(stereo, row, mem, err));
	}
	BP_TRY(put_tuples(m, "planar_bond", t->planar_bond, t->n_planar_bond, 6, mem, err));
	BP_TRY(put_tuples(m, "ring5", t->ring5, t->n_ring5, 5, mem, err));
	return put_tuples(m, "ring6", t->ring6, t->n_ring6, 6, mem, err);
}

int
bp_ccd_val(struct bp_val **ret, const struct bp_ccd_comp *c, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_val *m = bp_val_map(mem, err), *heavy = bp_val_arr(mem, err);
	char formula[256];

	*ret = NULL;
	if (!m)
		return BP_EMEM;
	BP_TRY(bp_val_set(m, "code", bp_val_str(mem, c->code, err), mem, err));
	BP_TRY(bp_val_set(m, "name", bp_val_str(mem, c->name, err), mem, err));
	BP_TRY(bp_val_set(m, "type", bp_val_str(mem, c->type, err), mem, err));
	BP_TRY(bp_val_set(m, "formula", bp_val_str(mem, bp_ccd_formula(formula, sizeof formula, c), err), mem, err));
	BP_TRY(bp_val_set(m, "coordinates", bp_val_str(mem, xyz_names[c->xyz], err), mem, err));
	BP_TRY(put_atoms(m, c, mem, err));
	BP_TRY(bp_val_set(m, "heavy", heavy, mem, err));
	for (int i = 0; i < c->n_heavy; i++)
		BP_TRY(bp_val_push(heavy, bp_val_str(mem, c->atom[c->heavy[i]].name, err), mem, err));
	if (c->has_tables)
		BP_TRY(put_tables(m, c, mem, err));
	*ret = m;
	return BP_OK;
}
