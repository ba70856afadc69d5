/* lib/chem/residues.h: the constant tables of the model's alphabet: tokens, letters, reference atoms, bond and
 * chain types, methods, radii. Same names and numbers as upstream's data/const.py. All const; nothing can fail. */
#ifndef BP_RESIDUES_H
#define BP_RESIDUES_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum bp_chain_type { BP_PROTEIN, BP_DNA, BP_RNA, BP_NONPOLYMER, BP_CHAIN_TYPES };

enum bp_bond_type {
	BP_BOND_OTHER, /* dative and the like */
	BP_BOND_SINGLE,
	BP_BOND_DOUBLE,
	BP_BOND_TRIPLE,
	BP_BOND_AROMATIC,
	BP_BOND_COVALENT, /* made by a bond constraint */
	BP_BOND_TYPES
};

enum bp_chirality {
	BP_CHI_UNSPECIFIED,
	BP_CHI_TETRAHEDRAL_CW,
	BP_CHI_TETRAHEDRAL_CCW,
	BP_CHI_SQUAREPLANAR,
	BP_CHI_OCTAHEDRAL,
	BP_CHI_TRIGONALBIPYRAMIDAL,
	BP_CHI_OTHER,
	BP_CHIRALITIES
};

enum bp_contact {
	BP_CONTACT_UNSPECIFIED,
	BP_CONTACT_UNSELECTED,
	BP_CONTACT_POCKET, /* row pocket, column binder */
	BP_CONTACT_BINDER, /* row binder, column pocket */
	BP_CONTACT_CONTACT
};

enum {
	BP_TOKEN_PAD = 0,
	BP_TOKEN_GAP = 1,
	BP_TOKEN_UNK = 22, /* unknown residue; every ligand atom */
	BP_TOKEN_N = 27,   /* unknown RNA */
	BP_TOKEN_DN = 32,  /* unknown DNA */
	BP_TOKENS = 33,
	BP_MAX_Z = 118,            /* the last element */
	BP_ELEMENTS = 128,         /* classes of ref_element */
	BP_METHODS = 12,           /* classes of method_feature */
	BP_METHOD_XRAY = 1,        /* what upstream takes when none is named */
	BP_METHOD_OTHER = 4,
	BP_MAX_MSA_SEQS = 16384,   /* rows of the msa, all together */
	BP_MAX_PAIRED_SEQS = 8192, /* paired rows among them */
	BP_CHUNK_THRESHOLD = 384   /* tokens above which upstream chunks the pair stack */
};

/* A token with its reference atoms in upstream's order (const.ref_atoms: no OXT, no OP3, heavy atoms only). */
struct bp_residue {
	const char *name;
	const char *const *atom; /* [n_atoms]; NULL for <pad> and "-" */
	int n_atoms;
	int center, disto; /* index into atom: centre (CA, C1'), distogram (CB, C4, C2); -1 where there are no atoms */
};

extern const struct bp_residue bp_residues[BP_TOKENS]; /* by token id */
extern const char *const bp_chain_type_names[BP_CHAIN_TYPES]; /* "PROTEIN", "DNA", "RNA", "NONPOLYMER" */
extern const char *const bp_bond_type_names[BP_BOND_TYPES];   /* "OTHER", "SINGLE", ... */
extern const char *const bp_chirality_names[BP_CHIRALITIES];  /* "CHI_UNSPECIFIED", ... */
extern const char *const bp_protein_backbone[4];              /* N CA C O */
extern const char *const bp_nucleic_backbone[12];             /* P ... C1' */
extern const float bp_vdw_radii[BP_MAX_Z];                    /* A, element Z at [Z - 1]; upstream made up the last */

int bp_token_id(const char *name);            /* "ALA" -> 2; -1: no such token                            */
int bp_token_unknown(enum bp_chain_type t);   /* UNK, DN, N; UNK for ligands (the token of their atoms)   */
/* Token of a sequence letter; -1 when the chain type's alphabet lacks the letter (upstream then takes the unknown
 * token, also for lower case: GOTCHAS A.4), and always for ligands. */
int bp_token_of_letter(enum bp_chain_type t, char letter);
/* The one-letter code of a token, 'X' or 'N' for the unknown ones; '-' for tokens of another chain type. */
char bp_letter_of_token(enum bp_chain_type t, int token);
int bp_residue_atom(int token, const char *atom); /* index of a reference atom, or -1 */
int bp_method_id(const char *name);           /* "x-ray diffraction", any case -> 1; -1: unknown           */
const char *bp_method_name(int i);            /* the i-th known name, NULL past the last: for messages     */

int bp_element_number(const char *symbol);    /* "C", "FE", "Fe" -> Z; "D" -> 1, "X" and "*" -> 0; -1: unknown */
const char *bp_element_symbol(int z);         /* "Fe"; "*" for 0; NULL outside 0..118                      */
/* The element that upstream's writer takes for atom names with digits removed and upper case ("CA", "HG"), which
 * differ by residue ("CA" is carbon but for calcium and some clusters); NULL: not in its table, use the first
 * letter. */
const char *bp_ambiguous_element(const char *atom, const char *residue);

#ifdef __cplusplus
}
#endif
#endif
