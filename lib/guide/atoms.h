/* lib/guide/atoms.h: the atoms of a record or of a structure file as what scatters: elements, merged hydrogens, and
 * which of them count. Hydrogens, waters, padding and atoms of no element do not. Units: A. */
#ifndef BP_GUIDE_ATOMS_H
#define BP_GUIDE_ATOMS_H

#include "chem/ccd.h"
#include "structure/read.h"
#include "structure/structure.h"

enum bp_atom_kind { BP_ATOM_OTHER, BP_ATOM_PROTEIN, BP_ATOM_NUCLEIC };
enum bp_atom_selection { BP_SELECT_ALL, BP_SELECT_HEAVY, BP_SELECT_BACKBONE }; /* all is heavy: there are no others */

struct bp_atoms {
	int n;             /* of a record: rows of its coordinates, padding included                     */
	int32_t *z, *n_h;  /* [n] atomic number, merged hydrogens; 0 where the mask is                   */
	uint8_t *mask;     /* [n] 1: counts                                                              */
	uint8_t *kind;     /* [n] enum bp_atom_kind                                                      */
	const char **name; /* [n] atom name, NULL for padding; lives as long as what it was made of      */
	int samples;       /* of a file's model 1; of a record before sampling 0                         */
	const double *x;   /* [samples,n,3] A, or NULL                                                   */
	int unknown;       /* residue names of whose missing hydrogen counts it was told          */
};

/* What a run has told of the atoms of its records: each thing once. {0} at first. */
struct bp_told {
	bool elements; /* that some are unknown                        */
	int n;
	char name[64][32]; /* [n] residues of whose hydrogens nothing is known */
};

/* Hydrogens: of standard residues inside a chain as bp_implicit_h has them; of a record's other atoms its
 * meta.atoms.n_h; of a file's other residues their component's (ccd may be NULL: none are known then). A component
 * inside a polymer loses what its backbone's bonds cost. What is known nowhere is 0, with a warning a residue name.
 * BP_EINPUT: no atom counts. */
int bp_atoms_of_record(struct bp_atoms **ret, const struct bp_rec *rec, struct bp_err *err) BP_MUST_USE;
/* the same of one of many records: what was told of another is not told again */
int bp_atoms_of_next(
    struct bp_atoms **ret, const struct bp_rec *rec, struct bp_told *told, struct bp_err *err) BP_MUST_USE;
/* The store of components at path; path NULL: the usual one, *ret NULL where there is none: ligands then have no hydrogens,
 * which is told of each. */
int bp_atoms_store(struct bp_ccd **ret, const char *path, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* sites [first, first + n) of one model */
int bp_atoms_of_sites(struct bp_atoms **ret, const struct bp_sites *s, int first, int n, const struct bp_ccd *ccd,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* the sites of the model that begins at `first` */
int bp_sites_model(const struct bp_sites *s, int first);

/* mask [n] = those of the atoms that count and are of the selection. */
void bp_atoms_select(uint8_t *mask, const struct bp_atoms *a, enum bp_atom_selection what);

#endif
