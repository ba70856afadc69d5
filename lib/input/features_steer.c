/* features_steer.c: what only the potentials read: bounds, chirality, stereo bonds and planes of every component,
 * chains that are bonded or alike, and contacts to enforce. The network does not look at these. Index tensors are
 * [k,rows], as upstream. */
#include "input/features_part.h"

#include <string.h>

/* dst[k, column] = the kind's atoms of heavy atoms src[0..k), counted over all; false when one was left out */
static bool
renumber(int32_t *dst, int64_t stride, const uint16_t *src, int k, const struct bp_target_residue *r)
{
	for (int i = 0; i < k; i++) {
		if (r->kind->place[src[i]] < 0)
			return false;
		if (dst)
			dst[i * stride] = r->atom + r->kind->place[src[i]];
	}
	return true;
}

/* the table of one sort in a component: its rows, and how to get at the atoms of row i */
enum sort { CHIRAL, STEREO, PLANAR_BOND, RING5, RING6, SORTS };
static const int width[SORTS] = { 4, 4, 6, 5, 6 };

static int
sort_rows(const struct bp_ccd_tables *t, enum sort s)
{
	return s == CHIRAL     ? t->n_chiral
	    : s == STEREO      ? t->n_stereo
	    : s == PLANAR_BOND ? t->n_planar_bond
	    : s == RING5       ? t->n_ring5
	                       : t->n_ring6;
}

static const uint16_t *
sort_row(const struct bp_ccd_tables *t, enum sort s, int i)
{
	return s == CHIRAL     ? t->chiral[i].atom
	    : s == STEREO      ? t->stereo[i].atom
	    : s == PLANAR_BOND ? t->planar_bond[i]
	    : s == RING5       ? t->ring5[i]
	                       : t->ring6[i];
}

/* One sort's rows over all residues. first, second [rows]: the flags of chiral and stereo rows, else NULL. Without
 * index: only counts. */
static int64_t
collect(const struct bp_target *t, enum sort s, int32_t *index, int64_t rows, bool *first, bool *second)
{
	int64_t n = 0;

	for (int r = 0; r < t->n_residues; r++) {
		const struct bp_target_residue *res = &t->residue[r];
		const struct bp_ccd_tables *c = &res->kind->comp.t;
		for (int i = 0; res->kind->tables && i < sort_rows(c, s); i++) {
			if (!renumber(index ? index + n : NULL, rows, sort_row(c, s, i), width[s], res))
				continue;
			if (first) {
				first[n] = s == CHIRAL ? c->chiral[i].is_reference : c->stereo[i].is_check;
				second[n] = s == CHIRAL ? c->chiral[i].is_r : c->stereo[i].is_e;
			}
			n++;
		}
	}
	return n;
}

static int
component_rows(struct bp_featurizer *f)
{
	static const char *const names[SORTS][3] = {
		{ "chiral_atom_index", "chiral_reference_mask", "chiral_atom_orientations" },
		{ "stereo_bond_index", "stereo_reference_mask", "stereo_bond_orientations" },
		{ "planar_bond_index" },
		{ "planar_ring_5_index" },
		{ "planar_ring_6_index" },
	};

	for (int s = 0; s < SORTS; s++) {
		int64_t rows = collect(f->t, (enum sort)s, NULL, 0, NULL, NULL);
		bool *first = NULL, *second = NULL;
		int32_t *index;
		BP_ADD(index, f, names[s][0], BP_I32, width[s], rows);
		if (names[s][1]) {
			BP_ADD(first, f, names[s][1], BP_B8, rows);
			BP_ADD(second, f, names[s][2], BP_B8, rows);
		}
		collect(f->t, (enum sort)s, index, rows, first, second);
	}
	return BP_OK;
}

/* distance bounds of all pairs of atoms inside a component */
static int
bounds(struct bp_featurizer *f)
{
	const struct bp_target *t = f->t;
	int64_t rows = 0, n = 0;
	int32_t *index;
	bool *bond, *angle;
	float *upper, *lower;

	for (int r = 0; r < t->n_residues; r++) {
		int64_t k = t->residue[r].kind->n_atoms;
		rows += t->residue[r].kind->tables ? k * (k - 1) / 2 : 0;
	}
	BP_ADD(index, f, "rdkit_bounds_index", BP_I32, 2, rows);
	BP_ADD(bond, f, "rdkit_bounds_bond_mask", BP_B8, rows);
	BP_ADD(angle, f, "rdkit_bounds_angle_mask", BP_B8, rows);
	BP_ADD(upper, f, "rdkit_upper_bounds", BP_F32, rows);
	BP_ADD(lower, f, "rdkit_lower_bounds", BP_F32, rows);
	for (int r = 0; r < t->n_residues; r++) {
		const struct bp_target_residue *res = &t->residue[r];
		const struct bp_ccd_comp *c = &res->kind->comp;
		for (int i = 0; res->kind->tables && i < c->n_heavy; i++)
			for (int j = i + 1; j < c->n_heavy; j++) {
				size_t p = bp_ccd_pair((size_t)i, (size_t)j, (size_t)c->n_heavy);
				if (res->kind->place[i] < 0 || res->kind->place[j] < 0)
					continue;
				index[n] = res->atom + res->kind->place[i];
				index[rows + n] = res->atom + res->kind->place[j];
				bond[n] = (c->t.kind[p] & BP_CCD_IS_BOND) != 0;
				angle[n] = (c->t.kind[p] & BP_CCD_IS_ANGLE) != 0;
				upper[n] = c->t.upper[p];
				lower[n++] = c->t.lower[p];
			}
	}
	bp_assert(n == rows);
	return BP_OK;
}

static int
chains(struct bp_featurizer *f)
{
	const struct bp_target *t = f->t;
	int64_t bonded = 0, alike = 0, n = 0;
	int32_t *chain, *atom, *pair;

	for (int i = 0; i < t->n_bonds; i++)
		bonded += t->bond[i].chain[0] != t->bond[i].chain[1];
	for (int i = 0; i < t->in->n_entities; i++)
		alike += (int64_t)t->in->entity[i].n_chains * (t->in->entity[i].n_chains - 1) / 2;
	BP_ADD(chain, f, "connected_chain_index", BP_I32, 2, bonded);
	BP_ADD(atom, f, "connected_atom_index", BP_I32, 2, bonded);
	BP_ADD(pair, f, "symmetric_chain_index", BP_I32, 2, alike);
	for (int i = 0; i < t->n_bonds; i++) {
		if (t->bond[i].chain[0] == t->bond[i].chain[1])
			continue;
		for (int k = 0; k < 2; k++) {
			chain[k * bonded + n] = t->bond[i].chain[k];
			atom[k * bonded + n] = t->bond[i].atom[k];
		}
		n++;
	}
	n = 0;
	for (int i = 0; i < t->n_chains; i++) /* the copies of an entity stand side by side */
		for (int j = i + 1; j < t->n_chains && t->in->chain[j].entity == t->in->chain[i].entity; j++) {
			pair[n] = i;
			pair[alike + n++] = j;
		}
	return BP_OK;
}

/* Contacts to enforce: for each, all pairs of atoms of the two sides, numbered alike in union_index. */
struct enforced {
	int32_t *pair, *group; /* [2,rows], [rows] */
	bool *negation;
	float *threshold;
	int64_t rows, n;
	int groups;
};

static void
enforce(struct enforced *e, int a, int n_a, int b, int n_b, double distance)
{
	for (int i = 0; i < n_a; i++)
		for (int j = 0; j < n_b; j++, e->n++) {
			if (!e->pair)
				continue;
			e->pair[e->n] = a + i;
			e->pair[e->rows + e->n] = b + j;
			e->group[e->n] = e->groups;
			e->negation[e->n] = true;
			e->threshold[e->n] = (float)distance;
		}
	e->groups++;
}

/* Pockets first, as upstream: a group for each contact token in the order of tokens; then contacts. mark [N]: scratch. */
static void
enforce_all(struct enforced *e, const struct bp_target *t, bool *mark)
{
	for (int i = 0; i < t->in->n_constraints; i++) {
		const struct bp_constraint *c = &t->in->constraint[i];
		if (c->kind != BP_POCKET || !c->force)
			continue;
		bp_target_mark(mark, t, c);
		for (int k = 0; k < t->n_tokens; k++)
			if (mark[k])
				enforce(e, t->chain_atom[c->binder],
				    t->chain_atom[c->binder + 1] - t->chain_atom[c->binder], t->token[k].atom,
				    t->token[k].n_atoms, c->max_distance);
	}
	for (int i = 0; i < t->in->n_constraints; i++) {
		const struct bp_constraint *c = &t->in->constraint[i];
		const struct bp_target_token *a, *b;
		if (c->kind != BP_CONTACT || !c->force)
			continue;
		a = &t->token[bp_target_site(t, &c->site[0])];
		b = &t->token[bp_target_site(t, &c->site[1])];
		enforce(e, a->atom, a->n_atoms, b->atom, b->n_atoms, c->max_distance);
	}
}

static int
contacts(struct bp_featurizer *f)
{
	struct enforced count = { 0 }, e = { 0 };
	bool *mark;

	BP_NEW(mark, f->n, f->mem, f->err);
	enforce_all(&count, f->t, mark);
	e.rows = count.n;
	BP_ADD(e.pair, f, "contact_pair_index", BP_I32, 2, e.rows);
	BP_ADD(e.group, f, "contact_union_index", BP_I32, e.rows);
	BP_ADD(e.negation, f, "contact_negation_mask", BP_B8, e.rows);
	BP_ADD(e.threshold, f, "contact_thresholds", BP_F32, e.rows);
	enforce_all(&e, f->t, mark);
	return BP_OK;
}

int
bp_features_steer(struct bp_featurizer *f)
{
	BP_TRY(bounds(f));
	BP_TRY(component_rows(f));
	BP_TRY(chains(f));
	return contacts(f);
}
