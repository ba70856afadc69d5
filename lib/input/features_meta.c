/* features_meta.c: the tables that the writer needs, as maps of columns (doc/wire.md). */
#include "input/features_part.h"

#include "base/utf8.h"

/* push a number onto column k */
static int
put(struct bp_featurizer *f, struct bp_val *column, int64_t x)
{
	return bp_val_push(column, bp_val_int(f->mem, x, f->err), f->mem, f->err);
}

static int
put_name(struct bp_featurizer *f, struct bp_val *column, const char *s)
{
	return bp_val_push(column, bp_val_str(f->mem, s, f->err), f->mem, f->err);
}

/* a table with its columns, in col[] (names NULL-terminated) */
static int
table(struct bp_val *col[], struct bp_featurizer *f, const char *key, const char *const *names)
{
	struct bp_val *map = bp_val_map(f->mem, f->err);

	for (int i = 0; names[i]; i++) {
		col[i] = bp_val_arr(f->mem, f->err);
		BP_TRY(bp_val_set(map, names[i], col[i], f->mem, f->err));
	}
	return bp_val_set(f->rec->meta, key, map, f->mem, f->err);
}

static int
chains(struct bp_featurizer *f)
{
	static const char *const names[] = { "name", "mol_type", "entity_id", "sym_id", "asym_id", "atom_idx",
		"atom_num", "res_idx", "res_num", "cyclic_period", NULL };
	const struct bp_target *t = f->t;
	struct bp_val *col[10];

	BP_TRY(table(col, f, "chains", names));
	for (int c = 0; c < t->n_chains; c++) {
		const struct bp_entity *e = bp_target_entity(t, c);
		const int64_t x[9] = { (int64_t)e->type, t->in->chain[c].entity, t->in->chain[c].sym, c,
			t->chain_atom[c], t->chain_atom[c + 1] - t->chain_atom[c], t->chain_residue[c],
			t->chain_residue[c + 1] - t->chain_residue[c], e->cyclic ? e->length : 0 };
		BP_TRY(put_name(f, col[0], t->in->chain[c].name));
		for (int i = 0; i < 9; i++)
			BP_TRY(put(f, col[i + 1], x[i]));
	}
	return BP_OK;
}

static int
residues(struct bp_featurizer *f)
{
	static const char *const names[] = { "name", "res_type", "res_idx", "atom_idx", "atom_num", "atom_center",
		"atom_disto", "is_standard", "is_present", NULL };
	const struct bp_target *t = f->t;
	struct bp_val *col[9];

	BP_TRY(table(col, f, "residues", names));
	for (int r = 0; r < t->n_residues; r++) {
		const struct bp_target_residue *s = &t->residue[r];
		const struct bp_residue_kind *k = s->kind;
		const int64_t x[8] = { k->type, s->index, s->atom, k->n_atoms, s->atom + k->center, s->atom + k->disto,
			k->role == BP_ROLE_STANDARD, 1 };
		BP_TRY(put_name(f, col[0], k->name));
		for (int i = 0; i < 8; i++)
			BP_TRY(put(f, col[i + 1], x[i]));
	}
	return BP_OK;
}

static int
atoms(struct bp_featurizer *f)
{
	static const char *const names[] = { "name", "element", "charge", "n_h", NULL };
	struct bp_val *col[4];

	BP_TRY(table(col, f, "atoms", names));
	for (int a = 0; a < f->a; a++) {
		const struct bp_ccd_atom *x = f->t->atom[a];
		BP_TRY(put_name(f, col[0], x->name));
		BP_TRY(put(f, col[1], x->element));
		BP_TRY(put(f, col[2], x->charge));
		BP_TRY(put(f, col[3], x->n_h));
	}
	return BP_OK;
}

static int
bonds(struct bp_featurizer *f)
{
	static const char *const names[] = { "chain_1", "chain_2", "res_1", "res_2", "atom_1", "atom_2", "type", NULL };
	struct bp_val *col[7];

	BP_TRY(table(col, f, "bonds", names));
	for (int i = 0; i < f->t->n_bonds; i++) {
		const struct bp_target_bond *b = &f->t->bond[i];
		for (int k = 0; k < 2; k++) {
			BP_TRY(put(f, col[k], b->chain[k]));
			BP_TRY(put(f, col[2 + k], b->residue[k]));
			BP_TRY(put(f, col[4 + k], b->atom[k]));
		}
		BP_TRY(put(f, col[6], b->type));
	}
	return BP_OK;
}

int
bp_features_meta(struct bp_featurizer *f)
{
	const struct bp_input *in = f->t->in;
	char *source = bp_strdup(f->mem, in->path, f->err);

	if (!source)
		return BP_EMEM;
	bp_utf8_clean(source, '?');
	BP_TRY(bp_val_set(f->rec->meta, "source", bp_val_str(f->mem, source, f->err), f->mem, f->err));
	BP_TRY(chains(f));
	BP_TRY(residues(f));
	BP_TRY(atoms(f));
	BP_TRY(bonds(f));
	/* The section's values are shared with the input, which lives in the same arena. */
	if (in->guidance)
		BP_TRY(bp_val_set(f->rec->meta, "guidance", in->guidance, f->mem, f->err));
	if (in->scoring)
		BP_TRY(bp_val_set(f->rec->meta, "scoring", in->scoring, f->mem, f->err));
	return BP_OK;
}
