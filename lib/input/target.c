/* target.c: kinds of residues; counting and numbering; bond constraints and sites. */
#include "input/target.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "input/text.h"

struct builder {
	const struct bp_input *in;
	const struct bp_ccd *ccd;
	struct bp_target *t;
	struct bp_residue_kind *kinds;
	struct bp_residue_kind *standard[BP_TOKENS];
	const struct bp_residue_kind ***of; /* [n_entities][length] */
	struct bp_arena *mem;
	struct bp_err *err;
};

#define WRONG(b, line, hint, fmt, ...) BP_AT((b)->err, (b)->in->path, line, hint, fmt __VA_OPT__(, ) __VA_ARGS__)

/* ---- kinds ---- */

static int
standard_kind(struct builder *b, struct bp_residue_kind *k, int token)
{
	const struct bp_residue *r = &bp_residues[token];

	k->name = r->name;
	k->type = token;
	k->center = r->center;
	k->disto = r->disto;
	BP_TRY(bp_ccd_find(&k->comp, b->ccd, r->name, b->err));
	BP_NEW(k->atom, r->n_atoms, b->mem, b->err);
	for (; k->n_atoms < r->n_atoms; k->n_atoms++) {
		int i = bp_ccd_atom_index(&k->comp, r->atom[k->n_atoms]);
		if (i < 0)
			return BP_FAIL(b->err, BP_EINPUT, "build it again",
			    "the CCD store's component %s lacks the atom %s", r->name, r->atom[k->n_atoms]);
		k->atom[k->n_atoms] = i;
	}
	return BP_OK;
}

static int
check_names(struct builder *b, const struct bp_residue_kind *k, int line)
{
	for (int i = 0; i < k->n_atoms; i++) {
		const char *name = k->comp.atom[k->atom[i]].name;
		size_t n = 0;
		while (name[n] >= 32 && name[n] < 96)
			n++;
		if (name[n] || n == 0 || n > 4)
			return WRONG(b, line, "the network knows names of four characters",
			    "CCD component %s: its atom name '%s' cannot be used", k->name, name);
	}
	return BP_OK;
}

static int
missing_component(struct builder *b, const char *code, int line)
{
	char upper[BP_CODE_MAX + 1] = "";
	char hint[80] = "for the whole dictionary: ccd build components.cif.gz -o ~/.boltz/ccd.bpccd";

	for (size_t i = 0; code[i] && i < BP_CODE_MAX; i++)
		upper[i] = (char)toupper((unsigned char)code[i]);
	if (bp_ccd_has(b->ccd, upper))
		snprintf(hint, sizeof hint, "did you mean %s?", upper);
	return WRONG(b, line, hint, "CCD component %s not found", code);
}

/* Atoms, bonds and the table's renumbering of a component that is no standard residue. */
static int
component_kind(struct builder *b, struct bp_residue_kind *k, const char *code, enum bp_residue_role role, int line)
{
	const struct bp_ccd_comp *c = &k->comp;
	bool single;
	int st;

	if (!bp_ccd_has(b->ccd, code))
		return missing_component(b, code, line);
	if ((st = bp_ccd_find(&k->comp, b->ccd, code, b->err)) != BP_OK) {
		bp_err_where(b->err, "%s:%d", b->in->path, line);
		return st;
	}
	if (c->n_atoms == 0)
		return WRONG(b, line, "name the ligand's own code", "CCD component %s has no atoms", code);
	single = c->n_counted == 1; /* one atom: upstream takes no bonds, tables or leaving flags */
	k->name = code;
	k->role = role;
	k->type = BP_TOKEN_UNK;
	k->tables = c->has_tables && !single;
	BP_NEW(k->atom, c->n_heavy, b->mem, b->err);
	BP_NEW(k->place, c->n_heavy, b->mem, b->err);
	BP_NEW(k->bond, c->n_bonds, b->mem, b->err);
	for (int i = 0; i < c->n_heavy; i++) {
		const struct bp_ccd_atom *a = &c->atom[c->heavy[i]];
		k->place[i] = -1;
		if (single ? a->element > 1 : !(role == BP_ROLE_MODIFIED && (a->flags & BP_CCD_LEAVING))) {
			k->place[i] = k->n_atoms;
			k->atom[k->n_atoms++] = c->heavy[i];
		}
	}
	if (k->n_atoms == 0)
		return WRONG(b, line, NULL, "CCD component %s has no heavy atoms%s", code,
		    role == BP_ROLE_MODIFIED ? " but those that leave when it is built into a chain" : "");
	for (int i = 0; i < c->n_bonds && !single; i++) {
		int at[2] = { -1, -1 }, lo;
		for (int j = 0; j < k->n_atoms; j++) {
			if (k->atom[j] == c->bond[i].a)
				at[0] = j;
			if (k->atom[j] == c->bond[i].b)
				at[1] = j;
		}
		lo = at[0] < at[1] ? 0 : 1;
		if (at[lo] >= 0)
			k->bond[k->n_bonds++] = (struct bp_kind_bond){ at[lo], at[!lo], c->bond[i].type };
	}
	return check_names(b, k, line);
}

/* a protein's letter in a nucleic acid or the other way round */
static bool
foreign(enum bp_chain_type chain, int token)
{
	return (chain == BP_PROTEIN) != (token <= BP_TOKEN_UNK);
}

/* code NULL: the standard residue `token` */
static int
find_kind(const struct bp_residue_kind **ret, struct builder *b, const char *code, int token, enum bp_residue_role role,
    int line)
{
	struct bp_residue_kind *k;

	for (k = code ? b->kinds : b->standard[token]; k && code; k = k->next)
		if (k->role == role && strcmp(k->name, code) == 0)
			break;
	if (!k) {
		BP_NEW(k, 1, b->mem, b->err);
		if (code) {
			BP_TRY(component_kind(b, k, code, role, line));
			k->next = b->kinds;
			b->kinds = k;
		} else {
			BP_TRY(standard_kind(b, k, token));
			b->standard[token] = k;
		}
	}
	*ret = k;
	return BP_OK;
}

static int
modify(const struct bp_residue_kind **ret, struct builder *b, const struct bp_entity *e, const struct bp_mod *mod)
{
	/* MSE is MET, as upstream has it */
	const char *code = strcmp(mod->code, "MSE") == 0 ? "MET" : mod->code;
	int token = bp_token_id(code);

	if (token < 0 || token == BP_TOKEN_PAD || token == BP_TOKEN_GAP)
		return find_kind(ret, b, code, 0, BP_ROLE_MODIFIED, mod->line);
	if (foreign(e->type, token))
		return WRONG(b, mod->line, "check the code", "modification %s at position %d does not fit into a %s",
		    mod->code, mod->position + 1, e->type == BP_PROTEIN ? "protein" : "nucleic acid");
	return find_kind(ret, b, NULL, token, BP_ROLE_STANDARD, mod->line);
}

/* the kind of each residue of entity i */
static int
entity_kinds(struct builder *b, int i)
{
	const struct bp_entity *e = &b->in->entity[i];
	int m = 0;

	BP_NEW(b->of[i], e->length, b->mem, b->err);
	for (int r = 0; r < e->length; r++) {
		if (e->type == BP_NONPOLYMER) {
			BP_TRY(find_kind(&b->of[i][r], b, e->code[r], 0, BP_ROLE_LIGAND, e->code_line[r]));
		} else if (m < e->n_mods && e->mod[m].position == r) {
			BP_TRY(modify(&b->of[i][r], b, e, &e->mod[m++]));
		} else {
			int token = bp_token_of_letter(e->type, e->sequence[r]);
			BP_TRY(find_kind(&b->of[i][r], b, NULL, token < 0 ? bp_token_unknown(e->type) : token,
			    BP_ROLE_STANDARD, e->line));
		}
	}
	return BP_OK;
}

/* ---- counting and numbering ---- */

/* Sizes of everything, refusing what memory cannot hold before any of it is taken. */
static int
count(struct builder *b)
{
	struct bp_target *t = b->t;
	int64_t residues = 0, atoms = 0, tokens = 0, bonds = 0;
	double have = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), need;

	for (int i = 0; i < b->in->n_entities; i++) {
		const struct bp_entity *e = &b->in->entity[i];
		for (int r = 0; r < e->length; r++) {
			const struct bp_residue_kind *k = b->of[i][r];
			atoms += (int64_t)e->n_chains * k->n_atoms;
			tokens += (int64_t)e->n_chains * (k->role == BP_ROLE_LIGAND ? k->n_atoms : 1);
			bonds += (int64_t)e->n_chains * k->n_bonds;
		}
		residues += (int64_t)e->n_chains * e->length;
	}
	need = 16.0 * (double)tokens * (double)tokens; /* bonds, their types, contacts, their thresholds */
	if (need > have || atoms > INT32_MAX / 2)
		return BP_FAIL(b->err, BP_EMEM, "leave chains out",
		    "%lld tokens: %.1f GiB wanted for pair features alone, the machine has %.1f GiB", (long long)tokens,
		    need / 0x1p30, have / 0x1p30);
	bonds += b->in->n_constraints;
	t->n_chains = b->in->n_chains;
	BP_NEW(t->chain_residue, t->n_chains + 1, b->mem, b->err);
	BP_NEW(t->chain_atom, t->n_chains + 1, b->mem, b->err);
	BP_NEW(t->chain_token, t->n_chains + 1, b->mem, b->err);
	BP_NEW(t->residue, residues, b->mem, b->err);
	BP_NEW(t->token, tokens, b->mem, b->err);
	BP_NEW(t->bond, bonds, b->mem, b->err);
	BP_NEW(t->atom, atoms, b->mem, b->err);
	BP_NEW(t->atom_residue, atoms, b->mem, b->err);
	BP_NEW(t->atom_token, atoms, b->mem, b->err);
	return BP_OK;
}

static void
add_residue(struct bp_target *t, const struct bp_residue_kind *k, int chain, int index)
{
	enum bp_chain_type type = bp_target_entity(t, chain)->type;
	int atom = t->n_atoms, res = t->n_residues++;

	t->residue[res] = (struct bp_target_residue){ k, chain, index, atom, t->n_tokens };
	for (int i = 0; i < k->n_atoms; i++) {
		int a = t->n_atoms++;
		t->atom[a] = &k->comp.atom[k->atom[i]];
		t->atom_residue[a] = res;
		t->atom_token[a] = k->role == BP_ROLE_LIGAND ? t->n_tokens + i : t->n_tokens;
		if (k->role == BP_ROLE_LIGAND)
			t->token[t->n_tokens + i] = (struct bp_target_token){ chain, res, a, 1, a, a, BP_TOKEN_UNK };
	}
	if (k->role == BP_ROLE_LIGAND) {
		t->n_tokens += k->n_atoms;
	} else { /* a modified residue's centre is its first atom, as upstream's (GOTCHAS C.2) */
		t->token[t->n_tokens++] = (struct bp_target_token){ chain, res, atom, k->n_atoms, atom + k->center,
			atom + k->disto, k->role == BP_ROLE_STANDARD ? k->type : bp_token_unknown(type) };
	}
	for (int i = 0; i < k->n_bonds; i++)
		t->bond[t->n_bonds++] = (struct bp_target_bond){ { chain, chain }, { res, res },
			{ atom + k->bond[i].a, atom + k->bond[i].b }, k->bond[i].type };
}

static void
number(struct builder *b)
{
	struct bp_target *t = b->t;

	for (int c = 0; c <= t->n_chains; c++) {
		int e = c < t->n_chains ? b->in->chain[c].entity : 0;
		t->chain_residue[c] = t->n_residues;
		t->chain_atom[c] = t->n_atoms;
		t->chain_token[c] = t->n_tokens;
		for (int r = 0; c < t->n_chains && r < b->in->entity[e].length; r++)
			add_residue(t, b->of[e][r], c, r);
	}
}

/* ---- constraints ---- */

/* the atom of a name in a residue, counted over all; -1: none */
static int
atom_named(const struct bp_target *t, int res, const char *name)
{
	const struct bp_target_residue *r = &t->residue[res];

	for (int i = 0; i < r->kind->n_atoms; i++)
		if (strcmp(t->atom[r->atom + i]->name, name) == 0)
			return r->atom + i;
	return -1;
}

int
bp_target_site(const struct bp_target *t, const struct bp_named_site *s)
{
	int res = t->chain_residue[s->chain] + s->residue;

	return s->atom ? t->atom_token[atom_named(t, res, s->atom)] : t->residue[res].token;
}

void
bp_target_mark(bool *mark, const struct bp_target *t, const struct bp_constraint *c)
{
	memset(mark, 0, (size_t)t->n_tokens * sizeof *mark);
	for (int i = 0; i < c->n_sites; i++)
		mark[bp_target_site(t, &c->site[i])] = true;
}

/* Do the atoms that constraints name exist? Bonds are added to the others. */
static int
apply_constraints(struct builder *b)
{
	static const char *const names[] = { "bond", "pocket", "contact" };
	struct bp_target *t = b->t;

	for (int i = 0; i < b->in->n_constraints; i++) {
		const struct bp_constraint *c = &b->in->constraint[i];
		struct bp_target_bond bond = { .type = BP_BOND_COVALENT };
		for (int j = 0; j < c->n_sites; j++) {
			const struct bp_named_site *s = &c->site[j];
			int res = t->chain_residue[s->chain] + s->residue, atom;
			if (!s->atom)
				continue;
			if ((atom = atom_named(t, res, s->atom)) < 0)
				return WRONG(b, c->line, "see `ccd show CODE` for its atoms",
				    "%s constraint %d: residue %d of chain %s (%s) has no atom %.20s", names[c->kind],
				    c->number, s->residue + 1, b->in->chain[s->chain].name, t->residue[res].kind->name,
				    s->atom);
			if (c->kind == BP_BOND) {
				bond.chain[j] = s->chain;
				bond.residue[j] = res;
				bond.atom[j] = atom;
			}
		}
		if (c->kind == BP_BOND)
			t->bond[t->n_bonds++] = bond;
	}
	return BP_OK;
}

int
bp_target_build(struct bp_target **ret, const struct bp_input *in, const struct bp_ccd *ccd, struct bp_arena *mem,
    struct bp_err *err)
{
	struct builder b = { .in = in, .ccd = ccd, .mem = mem, .err = err };

	*ret = NULL;
	BP_NEW(b.t, 1, mem, err);
	b.t->in = in;
	BP_NEW(b.of, in->n_entities, mem, err);
	for (int i = 0; i < in->n_entities; i++)
		BP_TRY(entity_kinds(&b, i));
	BP_TRY(count(&b));
	number(&b);
	BP_TRY(apply_constraints(&b));
	*ret = b.t;
	return BP_OK;
}
