/* lib/structure/structure.h: what a structures record describes, as checked tables of chains, residues and atoms
 * beside its coordinates: what the file writers read. Every index in it is valid, every name is printable ASCII
 * without line breaks (and never holds both kinds of quote), every coordinate is finite. All of it lives in the
 * record's arena.
 *
 * Names come from the record's meta (doc/wire.md). Without it they are made up from the feature tensors: chains
 * A, B, ..., residues by res_type, ligands UNL (unknown ligand), atoms by ref_atom_name_chars. */
#ifndef BP_STRUCTURE_H
#define BP_STRUCTURE_H

#include "stream/rec.h"

struct bp_chain_row {
	const char *name;
	int mol_type; /* enum bp_chain_type */
	int entity_id, asym_id;
	int res, nres;    /* its residues [res, res + nres), nres >= 1 */
	int atom, natoms; /* its atoms                                 */
};

struct bp_res_row {
	const char *name;
	int seq; /* number in its chain, from 1 and as the input counts */
	int chain;
	int atom, natoms; /* its atoms [atom, atom + natoms), may be none        */
};

struct bp_atom_row {
	const char *name;
	char element[4]; /* "FE"; "X" when unknown      */
	int res;
	int token;     /* >= 0                        */
	int64_t place; /* row in the padded coords    */
};

struct bp_bond_row {
	int a, b; /* atoms              */
	int type; /* enum bp_bond_type  */
};

struct bp_structure {
	const char *id;
	int nchains, nres, natoms, nbonds;
	int ntokens; /* 1 + the highest token of an atom   */
	int nsamples;
	int64_t nplaces; /* atoms, padding included            */
	struct bp_chain_row *chain;
	struct bp_res_row *res;
	struct bp_atom_row *atom;
	struct bp_bond_row *bond;
	const float *coords; /* [nsamples, nplaces, 3] A           */
};

/* BP_EINPUT: a table or tensor that is missing, of the wrong shape, or does not fit the others; BP_ENUM: a
 * coordinate that is not finite. */
int bp_structure_read(struct bp_structure **ret, const struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;
/* The same of a record that may have no coordinates yet (features, trunk): nsamples is 0 and coords NULL then, and
 * atom_pad_mask or atom_to_token@idx say how many places there are. Coordinates that are there are not looked at. */
int bp_structure_tables(struct bp_structure **ret, const struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;

static inline const float * /* [3] A */
bp_structure_xyz(const struct bp_structure *s, int sample, int atom)
{
	return s->coords + ((int64_t)sample * s->nplaces + s->atom[atom].place) * 3;
}

/* x [natoms,3] A = the atoms of a sample, padding left out */
void bp_structure_gather(float *x, const struct bp_structure *s, int sample);

/* Frames of a trajectory, for the writers: get fills x [natoms,3] (A, finite) with frame i of 0 .. n - 1. */
struct bp_frames {
	int n;
	int (*get)(void *self, int i, float *x, struct bp_err *err);
	void *self;
};

/* Mean pLDDT of the tokens of a residue; plddt [ntokens or more], 0 to 1. */
double bp_structure_plddt(const struct bp_structure *s, int res, const float *plddt);

/* The i-th made-up chain name into buf (at least 8 bytes): A ... Z, AA, AB ... */
char *bp_chain_tag(char *buf, int i);

#endif
