/* lib/chem/ccd.h: the chemical component store: every residue, ligand, ion and sugar that a three-letter code
 * names, in a file that is mapped read-only and never parsed. Little-endian; layout in ccd_format.h; made by
 * `ccd build`. Units: A. Thread use: const after opening.
 *
 * A store is two layers: the user's file, then the built-in subset; a code is looked up in that order. */
#ifndef BP_CCD_H
#define BP_CCD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { BP_CCD_LEAVING = 1, BP_CCD_AROMATIC = 2 };             /* flags of an atom; AROMATIC also of a bond  */
enum { BP_STEREO_NONE, BP_STEREO_E, BP_STEREO_Z };            /* of a bond, as the dictionary says          */
enum bp_ccd_xyz { BP_XYZ_IDEAL, BP_XYZ_MODEL, BP_XYZ_PARTIAL }; /* PARTIAL: some atoms have none, 0 0 0 there */
enum { BP_CCD_IS_BOND = 1, BP_CCD_IS_ANGLE = 2 };             /* kind of a distance bound                   */

struct bp_ccd_atom {
	char name[8];      /* as in the dictionary, NUL at the end */
	float x[3];        /* A */
	uint8_t element;   /* Z; 1 also for deuterium; 0: unknown (UNX) */
	int8_t charge;
	uint8_t flags;     /* BP_CCD_LEAVING, BP_CCD_AROMATIC */
	uint8_t chirality; /* enum bp_chirality; meaningless (0) without tables */
	uint8_t n_h;       /* hydrogens bonded to it */
	uint8_t zero[3];
};

/* order as in the dictionary; type: enum bp_bond_type, kekulized (never AROMATIC; the flag says it), metal
 * coordination that would break a valence is OTHER (dative) */
struct bp_ccd_bond {
	uint16_t a, b;
	uint8_t type, flags, stereo, zero;
};

/* Tables derived with RDKit as upstream derives them (potentials need them, the network does not). Atom numbers
 * count heavy atoms only (index into heavy). A polymer residue without its leaving atoms keeps the rows all of
 * whose atoms stay. Rows in upstream's order. */
struct bp_ccd_chiral {
	uint16_t atom[4]; /* three neighbours by falling CIP rank, centre last */
	uint8_t is_reference, is_r;
};
struct bp_ccd_stereo {
	uint16_t atom[4];
	uint8_t is_check, is_e;
};
struct bp_ccd_tables {
	const float *lower, *upper; /* [n_heavy (n_heavy-1)/2] A, pair i < j at bp_ccd_pair(i, j, n_heavy) */
	const uint8_t *kind;        /* the same shape: BP_CCD_IS_BOND | BP_CCD_IS_ANGLE */
	const struct bp_ccd_chiral *chiral;
	const struct bp_ccd_stereo *stereo;
	const uint16_t (*planar_bond)[6];
	const uint16_t (*ring5)[5];
	const uint16_t (*ring6)[6];
	int n_pairs, n_chiral, n_stereo, n_planar_bond, n_ring5, n_ring6;
};

struct bp_ccd_comp {
	char code[8];
	const char *name, *type;        /* "ADENOSINE-5'-TRIPHOSPHATE", "NON-POLYMER" */
	enum bp_ccd_xyz xyz;
	int n_atoms, n_bonds, n_heavy;  /* heavy: every atom but hydrogen, so also element 0 */
	int n_counted;                  /* atoms with Z > 1: upstream's test for "one heavy atom" (GOTCHAS A.11) */
	const struct bp_ccd_atom *atom; /* [n_atoms] dictionary order, hydrogens included */
	const struct bp_ccd_bond *bond; /* [n_bonds] */
	const uint16_t *heavy;          /* [n_heavy] -> atom, rising */
	bool has_tables;                /* false: t is empty and chirality tags are unknown */
	struct bp_ccd_tables t;
};

/* Place of pair i < j < n in the triangular tables (the order of numpy's triu_indices(n, 1)). */
static inline size_t
bp_ccd_pair(size_t i, size_t j, size_t n)
{
	return i * (2 * n - i - 1) / 2 + j - i - 1;
}

struct bp_ccd;

#define BP_CCD_BUILTIN "ccd/builtin.bpccd" /* in share/ (bp_share_path) */

/* Open the user's store and the built-in one. path NULL: $BOLTZPIPE_CCD, else ~/.boltz/ccd.bpccd if it is there.
 * A named file that is missing or damaged is an error; so is finding no store at all. *ret lives in mem; close it.
 * BP_EUSAGE: cannot be opened; BP_EINPUT: not a store, another version, damaged. */
int bp_ccd_open(struct bp_ccd **ret, const char *path, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* One file alone, without the built-in layer. */
int bp_ccd_open_file(struct bp_ccd **ret, const char *path, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
/* A store in memory (8-byte aligned; it must outlive the handle): tests and fuzzers. */
int bp_ccd_open_memory(struct bp_ccd **ret, const void *p, size_t n, struct bp_arena *mem, struct bp_err *err)
    BP_MUST_USE;
void bp_ccd_close(struct bp_ccd *c); /* NULL is fine; components found in it are gone too */

/* Look up a code (upper case, as in the dictionary). The component points into the mapping: valid until close.
 * Its checksum, every count and every atom number are checked here, so that users need not.
 * BP_EINPUT: no such code (the message says in which stores, the hint how to build the full one), or damaged. */
int bp_ccd_find(struct bp_ccd_comp *ret, const struct bp_ccd *c, const char *code, struct bp_err *err) BP_MUST_USE;
bool bp_ccd_has(const struct bp_ccd *c, const char *code);

/* The layers one by one, for `ccd list` and `ccd verify`. */
int bp_ccd_layers(const struct bp_ccd *c);
uint64_t bp_ccd_id(const struct bp_ccd *c); /* of all that is in them: equal stores have equal ones */
const char *bp_ccd_path(const struct bp_ccd *c, int layer);
const char *bp_ccd_note(const struct bp_ccd *c, int layer); /* where it was made from */
size_t bp_ccd_count(const struct bp_ccd *c, int layer);
size_t bp_ccd_bytes(const struct bp_ccd *c, int layer);
/* The i-th component by code, i < count. */
int bp_ccd_at(struct bp_ccd_comp *ret, const struct bp_ccd *c, int layer, size_t i, struct bp_err *err) BP_MUST_USE;

int bp_ccd_atom_index(const struct bp_ccd_comp *c, const char *name); /* -1: no such atom */

#ifdef __cplusplus
}
#endif
#endif
