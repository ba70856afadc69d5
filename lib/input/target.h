/* lib/input/target.h: a checked input with its chemistry looked up: chains, residues, atoms, bonds and tokens, numbered
 * as upstream numbers them (parse_boltz_schema of data/parse/schema.py, tokenize_structure of data/tokenize/boltz2.py).
 */
#ifndef BP_TARGET_H
#define BP_TARGET_H

#include "chem/ccd.h"
#include "input/schema.h"

enum bp_residue_role {
	BP_ROLE_STANDARD, /* of the alphabet: fixed atoms, one token, no bonds                                  */
	BP_ROLE_MODIFIED, /* a component inside a polymer: one token, no hydrogens, no leaving atoms            */
	BP_ROLE_LIGAND    /* a component by itself: a token an atom, no hydrogens                               */
};

struct bp_kind_bond {
	int a, b, type; /* atoms of the kind, a < b */
};

/* A residue as often as it occurs. */
struct bp_residue_kind {
	const char *name; /* after MSE has become MET */
	enum bp_residue_role role;
	int type; /* token id; UNK unless standard (so upstream, also for modified nucleotides) */
	struct bp_ccd_comp comp;
	int *atom;  /* [n_atoms] -> comp.atom */
	int *place; /* [comp.n_heavy] heavy atom -> atom of the kind, -1: left out (for comp.t) */
	int n_atoms, center, disto;
	struct bp_kind_bond *bond;
	int n_bonds;
	bool tables; /* does comp.t apply? */
	struct bp_residue_kind *next;
};

struct bp_target_residue {
	const struct bp_residue_kind *kind;
	int chain, index; /* index: in its chain, from 0 */
	int atom, token;  /* the first ones */
};

struct bp_target_token {
	int chain, residue, atom, n_atoms, center, disto; /* atoms counted over all */
	int type;                                         /* token id */
};

struct bp_target_bond {
	int chain[2], residue[2], atom[2], type; /* enum bp_bond_type */
};

struct bp_target {
	const struct bp_input *in;
	int *chain_residue, *chain_atom, *chain_token; /* [n_chains + 1] where each chain begins; last: the totals */
	struct bp_target_residue *residue;
	struct bp_target_token *token;
	struct bp_target_bond *bond;
	const struct bp_ccd_atom **atom; /* [n_atoms] */
	int *atom_residue, *atom_token;  /* [n_atoms] */
	int n_chains, n_residues, n_atoms, n_tokens, n_bonds;
};

/* Look every residue up and number everything. The components point into ccd, which must stay open.
 * BP_EINPUT: path, line and what is wrong (unknown component, no such atom in a bond ...); BP_EMEM: the features could
 * not fit. */
int bp_target_build(struct bp_target **ret, const struct bp_input *in, const struct bp_ccd *ccd, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

static inline const struct bp_entity *
bp_target_entity(const struct bp_target *t, int chain)
{
	return &t->in->entity[t->in->chain[chain].entity];
}

/* The token that a pocket's or contact's site means (checked by bp_target_build). */
int bp_target_site(const struct bp_target *t, const struct bp_named_site *s);
/* mark [n_tokens] = is the token one of the constraint's sites? */
void bp_target_mark(bool *mark, const struct bp_target *t, const struct bp_constraint *c);

#endif
