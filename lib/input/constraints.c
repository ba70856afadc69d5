/* constraints.c: the section `constraints:` of an input: bond, pocket, contact. Whether the named atoms exist is known
 * only to target.c. DIFFERS: upstream accepts residues that do not exist (they match nothing) and any distance. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "input/schema_value.h"

static const char *const kinds[] = { "bond", "pocket", "contact", NULL };

static int
read_chain(int *ret, struct bp_schema *s, const struct bp_val *v, const char *what, int line)
{
	const char *name;

	BP_TRY(bp_want_string(&name, s, v, what, "a chain id"));
	if ((*ret = bp_chain_named(s->in, name)) < 0)
		return BP_SAY(s, line, NULL, "%s: no chain %.40s", what, name);
	return BP_OK;
}

static int
read_residue(int *ret, struct bp_schema *s, const struct bp_val *v, int chain, const char *what)
{
	const struct bp_entity *e = &s->in->entity[s->in->chain[chain].entity];
	char buf[96];

	if (!bp_val_is(v, BP_INT))
		return BP_SAY(s, v->line, "residues count from 1",
		    "%s: a residue of chain %s must be a whole number, found %s", what, s->in->chain[chain].name,
		    bp_found(buf, sizeof buf, v));
	if (v->u.i < 1 || v->u.i > e->length)
		return BP_SAY(s, v->line, "residues count from 1", "%s: chain %s has no residue %lld", what,
		    s->in->chain[chain].name, (long long)v->u.i);
	*ret = (int)v->u.i - 1;
	return BP_OK;
}

static int
read_atom(const char **ret, struct bp_schema *s, const struct bp_val *v, const char *what)
{
	char buf[96];

	if (!bp_val_is(v, BP_STR))
		return BP_SAY(
		    s, v->line, NULL, "%s: an atom must be a name, found %s", what, bp_found(buf, sizeof buf, v));
	*ret = v->u.s;
	return BP_OK;
}

/* [chain, residue, atom] */
static int
read_bond_site(
    struct bp_named_site *site, struct bp_schema *s, const struct bp_val *v, const char *what, const char *key, int line)
{
	if (bp_val_count(v) != 3 || v->type != BP_ARR)
		return BP_SAY(s, v ? v->line : line, NULL, "%s: %s must be [chain, residue, atom]", what, key);
	BP_TRY(read_chain(&site->chain, s, v->u.item[0], what, v->line));
	BP_TRY(read_residue(&site->residue, s, v->u.item[1], site->chain, what));
	return read_atom(&site->atom, s, v->u.item[2], what);
}

/* [chain, residue], or [chain, atom] for ligands: upstream looks for the atom in the ligand's first residue only */
static int
read_token_site(
    struct bp_named_site *site, struct bp_schema *s, const struct bp_val *v, const char *what, const char *key, int line)
{
	if (bp_val_count(v) != 2 || v->type != BP_ARR)
		return BP_SAY(s, v ? v->line : line, NULL, "%s: %s must be [chain, residue or atom]", what, key);
	BP_TRY(read_chain(&site->chain, s, v->u.item[0], what, v->line));
	if (s->in->entity[s->in->chain[site->chain].entity].type == BP_NONPOLYMER)
		return read_atom(&site->atom, s, v->u.item[1], what);
	return read_residue(&site->residue, s, v->u.item[1], site->chain, what);
}

static int
read_limits(struct bp_constraint *c, struct bp_schema *s, const struct bp_val *v, const char *what)
{
	const struct bp_val *d = bp_val_get(v, "max_distance");
	char buf[96];

	c->max_distance = bp_val_num(d, d ? NAN : 6.0); /* 6 A: upstream's default */
	if (isnan(c->max_distance))
		return BP_SAY(s, d->line, "give it in A", "%s: max_distance must be a number, found %s", what,
		    bp_found(buf, sizeof buf, d));
	if (!(c->max_distance > 0 && c->max_distance < 1e4))
		return BP_SAY(s, d->line, "give it in A", "%s: max_distance must be %s", what,
		    c->max_distance > 0 ? "below 10000" : "positive");
	return bp_want_bool(&c->force, s, bp_val_get(v, "force"), what, "force", false);
}

static int
read_bond(struct bp_constraint *c, struct bp_schema *s, const struct bp_val *v, const char *what)
{
	static const char *const keys[] = { "atom1", "atom2", NULL };

	BP_TRY(bp_want_keys(s, v, what, keys));
	c->n_sites = 2;
	BP_NEW(c->site, 2, s->mem, s->err);
	for (int i = 0; i < 2; i++)
		BP_TRY(read_bond_site(&c->site[i], s, bp_val_get(v, keys[i]), what, keys[i], v->line));
	if (c->site[0].chain == c->site[1].chain && c->site[0].residue == c->site[1].residue
	    && strcmp(c->site[0].atom, c->site[1].atom) == 0)
		return BP_SAY(s, v->line, NULL, "%s: an atom bonded to itself", what);
	return BP_OK;
}

static int
read_pocket(struct bp_constraint *c, struct bp_schema *s, const struct bp_val *v, const char *what)
{
	static const char *const keys[] = { "binder", "contacts", "max_distance", "force", NULL };
	const struct bp_val *contacts, *binder;

	BP_TRY(bp_want_keys(s, v, what, keys));
	if (!(binder = bp_val_get(v, "binder")))
		return BP_SAY(s, v->line, NULL, "%s has no 'binder'", what);
	BP_TRY(read_chain(&c->binder, s, binder, what, binder->line));
	if (!(contacts = bp_val_get(v, "contacts")))
		return BP_SAY(s, v->line, NULL, "%s has no 'contacts'", what);
	BP_TRY(bp_want_list(s, contacts, what, "contacts"));
	if (contacts->n == 0)
		return BP_SAY(s, contacts->line, "name residues or atoms", "%s: contacts is empty", what);
	c->n_sites = (int)contacts->n;
	BP_NEW(c->site, contacts->n, s->mem, s->err);
	for (int i = 0; i < c->n_sites; i++)
		BP_TRY(read_token_site(&c->site[i], s, contacts->u.item[i], what, "a contact", v->line));
	return read_limits(c, s, v, what);
}

static int
read_contact(struct bp_constraint *c, struct bp_schema *s, const struct bp_val *v, const char *what)
{
	static const char *const keys[] = { "token1", "token2", "max_distance", "force", NULL };

	BP_TRY(bp_want_keys(s, v, what, keys));
	c->n_sites = 2;
	BP_NEW(c->site, 2, s->mem, s->err);
	for (int i = 0; i < 2; i++)
		BP_TRY(read_token_site(&c->site[i], s, bp_val_get(v, keys[i]), what, keys[i], v->line));
	return read_limits(c, s, v, what);
}

int
bp_constraints_read(struct bp_schema *s, const struct bp_val *v)
{
	static int (*const read[])(struct bp_constraint *, struct bp_schema *, const struct bp_val *, const char *)
	    = { read_bond, read_pocket, read_contact };
	struct bp_input *in = s->in;

	BP_TRY(bp_want_list(s, v, NULL, "'constraints'"));
	if (v->n > BP_INPUT_MAXCHAINS)
		return BP_SAY(s, v->line, NULL, "more than %d constraints", BP_INPUT_MAXCHAINS);
	BP_NEW(in->constraint, v->n, s->mem, s->err);
	for (size_t i = 0; i < v->n; i++) {
		const struct bp_val *item = v->u.item[i];
		struct bp_constraint *c = &in->constraint[in->n_constraints++];
		const char *name;
		char what[40];
		int k = 0;
		if (!bp_val_is(item, BP_MAP) || item->n != 1)
			return BP_SAY(
			    s, item->line, NULL, "constraint %zu must be one of bond, pocket, contact", i + 1);
		name = item->u.item[0]->text ? item->u.item[0]->text : "";
		while (kinds[k] && strcmp(kinds[k], name) != 0)
			k++;
		if (!kinds[k])
			return BP_SAY(
			    s, item->line, NULL, "unknown constraint '%.40s'; one of bond, pocket, contact", name);
		c->kind = (enum bp_constraint_kind)k;
		c->number = (int)i + 1;
		c->line = item->u.item[1]->line;
		snprintf(what, sizeof what, "%s constraint %d", kinds[k], c->number);
		BP_TRY(read[k](c, s, item->u.item[1], what));
	}
	return BP_OK;
}
