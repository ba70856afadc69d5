/* lib/input/schema.h: what an input file asks for, checked as far as that is possible without looking into other files.
 * Upstream's YAML schema, version 1 (data/parse/schema.py). DIFFERS: where upstream ignores, replaces or guesses, we
 * refuse; see doc/input.md. */
#ifndef BP_SCHEMA_H
#define BP_SCHEMA_H

#include "base/val.h"
#include "chem/residues.h"

enum { BP_INPUT_MAXCHAINS = 10000, BP_CHAIN_MAXNAME = 16, BP_CODE_MAX = 7 };

struct bp_mod {
	int position; /* from 0, inside the chain */
	const char *code;
	int line;
};

/* All chains of one type and sequence. Upstream's order: groups by first appearance, so chains may change places. */
struct bp_entity {
	enum bp_chain_type type;
	int line;             /* of the first entry */
	const char *sequence; /* [length] letters A-Z; NULL for ligands */
	int length;           /* residues; for ligands the number of codes */
	const char **code;    /* [length] CCD codes of a ligand */
	int *code_line;
	bool is_list;       /* `ccd: [X]` and `ccd: X` are two entities upstream */
	struct bp_mod *mod; /* [n_mods] rising positions */
	int n_mods;
	bool cyclic;
	const char *msa; /* as written; NULL: single sequence */
	int msa_line;
	const char **chain; /* [n_chains] names */
	int n_chains;
};

struct bp_chain {
	const char *name;
	int entity, sym; /* index into entity; which copy, from 0 */
};

/* A residue or an atom. */
struct bp_named_site {
	int chain, residue; /* residue from 0 */
	const char *atom;   /* NULL: the whole residue */
};

enum bp_constraint_kind { BP_BOND, BP_POCKET, BP_CONTACT };

struct bp_constraint {
	enum bp_constraint_kind kind;
	int number, line;     /* in the list, from 1: for messages */
	int binder;           /* pocket: chain */
	struct bp_named_site *site; /* bond, contact: 2; pocket: n_sites */
	int n_sites;
	double max_distance; /* A, > 0 */
	bool force;
};

struct bp_input {
	const char *path;
	struct bp_entity *entity;
	struct bp_chain *chain; /* entity by entity: the order of asym_id */
	struct bp_constraint *constraint;
	int n_entities, n_chains, n_constraints;
	struct bp_val *guidance, *scoring; /* passed on as they are; NULL: none */
};

/* Read a file by its suffix: .yaml .yml; .fasta .fa .fas. BP_EINPUT: path, line, what is wrong. BP_EUNSUP: it asks for
 * what is not there yet. */
int bp_input_read(struct bp_input **ret, const char *path, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* The first half of it: the file's text [n] and what it says, unchecked. "-" is stdin: FASTA when it begins with '>',
 * else YAML. */
int bp_input_tree(struct bp_val **ret, char **text, size_t *n, const char *path, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;
bool bp_input_suffix(const char *path); /* is it one of these? */

/* Where a file that the input names is: path as it stands (relative to the current directory, as upstream takes it),
 * else relative to the input's own directory. False: in neither place; *ret is then the last one tried (NULL: no
 * memory). */
bool bp_input_beside(
    const char **ret, const char *input, const char *path, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* The same from memory; tests and fuzzers. */
int bp_schema_read(struct bp_input **ret, const char *path, const struct bp_val *v, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
