/* lib/guide/atoms.c: contents: hydrogens, records, files. */
#include "guide/atoms.h"

#include <string.h>

#include "base/log.h"
#include "chem/residues.h"
#include "guide/tables.h"

static bool
among(const char *what, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (*what == *words[i] && !strcmp(what, words[i]))
			return true;
	return false;
}

static bool
is_water(const char *residue)
{
	static const char *const names[] = { "HOH", "WAT", "H2O", "DOD", "SOL", "TIP", "TIP3", "TP3", "OH2", "SPC" };

	return among(residue, names, sizeof names / sizeof *names);
}

static enum bp_atom_kind
kind_of_residue(const char *residue)
{
	if (bp_implicit_h(residue, "CA") >= 0)
		return BP_ATOM_PROTEIN;
	return bp_implicit_h(residue, "C1'") >= 0 ? BP_ATOM_NUCLEIC : BP_ATOM_OTHER;
}

static enum bp_atom_kind
kind_of_component(const struct bp_ccd_comp *c)
{
	if (!strcasestr(c->type, "linking"))
		return BP_ATOM_OTHER;
	return strcasestr(c->type, "peptide")                          ? BP_ATOM_PROTEIN
	    : strcasestr(c->type, "dna") || strcasestr(c->type, "rna") ? BP_ATOM_NUCLEIC
	                                                               : BP_ATOM_OTHER;
}

/* A component's own count n_h made that of a residue inside a chain: the dictionary's components are whole molecules,
 * uncharged. */
static int
inside_chain(enum bp_atom_kind kind, const char *atom, int n_h)
{
	static const char *const acids[] = { "P", "OP1", "OP2", "OP3", "O5'", "O3'" };

	if (kind == BP_ATOM_PROTEIN && !strcmp(atom, "N"))
		return n_h > 0 ? n_h - 1 : 0;
	if ((kind == BP_ATOM_PROTEIN && !strcmp(atom, "OXT"))
	    || (kind == BP_ATOM_NUCLEIC && among(atom, acids, sizeof acids / sizeof *acids)))
		return 0;
	return n_h;
}

static int
new_atoms(struct bp_atoms **ret, int n, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_atoms *a;

	BP_NEW(a, 1, mem, err);
	BP_NEW(a->z, 2 * (size_t)n, mem, err);
	BP_NEW(a->mask, 2 * (size_t)n, mem, err);
	BP_NEW(a->name, n, mem, err);
	a->n = n;
	a->n_h = a->z + n;
	a->kind = a->mask + n;
	*ret = a;
	return BP_OK;
}

enum { MOST = sizeof ((struct bp_told *)0)->name / sizeof *((struct bp_told *)0)->name };

/* a residue of whose hydrogens nothing is known; once of each name */
static void
warn_unknown(struct bp_told *t, const char *residue)
{
	char *name = t->name[t->n];

	for (int i = 0; i < t->n; i++)
		if (!strncmp(residue, t->name[i], sizeof t->name[i] - 1))
			return;
	if (t->n == MOST)
		return;
	snprintf(name, sizeof t->name[0], "%s", residue);
	t->n++;
	bp_log(BP_LOG_WARN, "residue %s: no hydrogens are known for it: taken as none%s", residue,
	    t->n == MOST ? " (and so on)" : "");
}

static void
warn_elements(int odd)
{
	bp_log(BP_LOG_WARN, "%d atoms of unknown element are left out", odd);
}

static int
check(const struct bp_atoms *a, struct bp_err *err)
{
	for (int i = 0; i < a->n; i++)
		if (a->mask[i])
			return BP_OK;
	return BP_FAIL(err, BP_EINPUT, NULL, "no atom scatters: there are only hydrogens, waters and unknown elements");
}

/* ---- records ---- */

int
bp_atoms_of_next(struct bp_atoms **ret, const struct bp_rec *rec, struct bp_told *told, struct bp_err *err)
{
	const struct bp_val *known = bp_val_get(bp_val_get(rec->meta, "atoms"), "n_h");
	struct bp_structure *s;
	struct bp_atoms *a;
	const int before = told->n;
	double *x;
	int odd = 0;

	*ret = NULL;
	BP_TRY(bp_structure_tables(&s, rec, err));
	BP_TRY(new_atoms(&a, (int)s->nplaces, rec->mem, err));
	for (int i = 0; i < s->natoms; i++) {
		const struct bp_res_row *r = &s->res[s->atom[i].res];
		const int64_t at = s->atom[i].place;
		int z = bp_element_number(s->atom[i].element), type = s->chain[r->chain].mol_type, h = -1;
		a->name[at] = s->atom[i].name;
		a->kind[at] = type == BP_PROTEIN ? BP_ATOM_PROTEIN
		    : type == BP_NONPOLYMER      ? BP_ATOM_OTHER
		                                 : BP_ATOM_NUCLEIC;
		if (z == 1 || is_water(r->name))
			continue;
		if (z < 1 || z > BP_SCATTER_Z) {
			odd++;
			continue;
		}
		if (type != BP_NONPOLYMER || !known)
			h = bp_implicit_h(r->name, s->atom[i].name);
		if (h < 0 && (h = (int)bp_val_i64(bp_val_at(known, (size_t)i), -1)) >= 0)
			h = inside_chain(a->kind[at], s->atom[i].name, h);
		if (h < 0 && r->natoms > 1)
			warn_unknown(told, r->name);
		a->z[at] = z;
		a->n_h[at] = h < 0 ? 0 : h;
		a->mask[at] = 1;
	}
	if (odd && !told->elements)
		warn_elements(odd);
	told->elements = told->elements || odd;
	a->unknown = told->n - before;
	a->samples = s->nsamples;
	if (s->nsamples) {
		const size_t n = (size_t)s->nsamples * (size_t)s->nplaces * 3;
		BP_NEW(x, n, rec->mem, err);
		for (size_t i = 0; i < n; i++)
			x[i] = s->coords[i];
		a->x = x;
	}
	*ret = a;
	return check(a, err);
}

int
bp_atoms_of_record(struct bp_atoms **ret, const struct bp_rec *rec, struct bp_err *err)
{
	struct bp_told told = { 0 };

	return bp_atoms_of_next(ret, rec, &told, err);
}

/* ---- files ---- */

int
bp_sites_model(const struct bp_sites *s, int first)
{
	int n = 0;

	while (first + n < s->n && s->site[first + n].model == s->site[first].model)
		n++;
	return n;
}

/* what the table of residues does not have of the residue [i, end): from its component */
static void
from_component(
    struct bp_atoms *a, int i, int end, const struct bp_site *site, const struct bp_ccd *ccd, struct bp_told *told)
{
	struct bp_ccd_comp c = { 0 };
	const bool found = ccd && bp_ccd_has(ccd, site[i].res) && bp_ccd_find(&c, ccd, site[i].res, NULL) == BP_OK;
	const bool alone = end - i == 1;

	for (; i < end; i++) {
		int at = found ? bp_ccd_atom_index(&c, site[i].name) : -1;
		if (found && a->kind[i] == BP_ATOM_OTHER)
			a->kind[i] = kind_of_component(&c);
		if (!a->mask[i] || bp_implicit_h(site[i].res, site[i].name) >= 0)
			continue;
		if (at >= 0)
			a->n_h[i] = inside_chain(a->kind[i], site[i].name, c.atom[at].n_h);
		else if (!alone)
			warn_unknown(told, site[i].res);
	}
}

int
bp_atoms_store(struct bp_ccd **ret, const char *path, struct bp_arena *mem, struct bp_err *err)
{
	*ret = NULL;
	if (path)
		return bp_ccd_open(ret, path, mem, err);
	if (bp_ccd_open(ret, NULL, mem, NULL) != BP_OK)
		*ret = NULL;
	return BP_OK;
}

int
bp_atoms_of_sites(struct bp_atoms **ret, const struct bp_sites *s, int first, int n, const struct bp_ccd *ccd,
    struct bp_arena *mem, struct bp_err *err)
{
	const struct bp_site *site = s->site + first;
	struct bp_told told = { 0 };
	struct bp_atoms *a;
	double *x;
	int odd = 0;

	*ret = NULL;
	BP_TRY(new_atoms(&a, n, mem, err));
	BP_NEW(x, 3 * (size_t)n, mem, err);
	for (int i = 0, end; i < n; i = end) { /* [i, end): a residue */
		bool known = true;
		for (end = i; end < n && site[end].seq == site[i].seq && site[end].icode == site[i].icode
		     && !strcmp(site[end].res, site[i].res) && !strcmp(site[end].chain, site[i].chain);
		     end++) {
			int h = bp_implicit_h(site[end].res, site[end].name), z = site[end].element;
			a->name[end] = site[end].name;
			a->kind[end] = kind_of_residue(site[end].res);
			memcpy(x + 3 * (size_t)end, site[end].x, sizeof site[end].x);
			if (z == 1 || is_water(site[end].res))
				continue;
			odd += z < 1 || z > BP_SCATTER_Z;
			a->mask[end] = z >= 1 && z <= BP_SCATTER_Z;
			a->z[end] = a->mask[end] ? z : 0;
			a->n_h[end] = h < 0 || !a->mask[end] ? 0 : h;
			known = known && h >= 0;
		}
		if (!known)
			from_component(a, i, end, site, ccd, &told);
	}
	if (odd)
		warn_elements(odd);
	a->unknown = told.n;
	a->samples = 1;
	a->x = x;
	*ret = a;
	return check(a, err);
}

void
bp_atoms_select(uint8_t *mask, const struct bp_atoms *a, enum bp_atom_selection what)
{
	for (int i = 0; i < a->n; i++) {
		mask[i] = a->mask[i];
		if (what == BP_SELECT_BACKBONE && mask[i])
			mask[i] = a->kind[i] == BP_ATOM_PROTEIN ? among(a->name[i], bp_protein_backbone, 4)
			    : a->kind[i] == BP_ATOM_NUCLEIC     ? among(a->name[i], bp_nucleic_backbone, 12)
			                                        : false;
	}
}
