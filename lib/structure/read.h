/* lib/structure/read.h: the atoms of a PDB or mmCIF file, as the file names them: crystal structures to compare with,
 * templates, conformers to score. Positions in A. */
#ifndef BP_STRUCTURE_FILE_H
#define BP_STRUCTURE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bp_site {
	const char *chain;       /* the author's name; never NULL, may be ""                     */
	const char *label_chain; /* mmCIF's own name; in PDB files the same as chain             */
	const char *res;         /* residue name                                                 */
	char name[8];            /* atom name, without blanks                                    */
	int seq, label_seq;      /* residue number: the author's; mmCIF's (PDB: the same; 0: none) */
	char icode, alt;         /* insertion code, alternate location; 0: none                  */
	uint8_t element;         /* Z; 0: unknown                                                */
	bool hetero;             /* HETATM                                                       */
	int model;               /* number of the model, as in the file; 1 where it has none     */
	double x[3];             /* A                                                            */
	float occupancy, b;      /* 1 and 0 where the file has none                              */
};

struct bp_sites {
	int n, n_models;
	struct bp_site *site; /* [n] in the file's order */
};

/* Of the alternate locations of an atom, keep the first in the file, the one of the highest occupancy (the first among
 * equals), or all. Where alternates differ in the residue's name, one residue is kept. */
enum bp_altloc { BP_ALT_FIRST, BP_ALT_HIGHEST, BP_ALT_ALL };

/* Read path (gzip or plain; PDB or mmCIF: the text tells). mmCIF: the first block that has _atom_site.
 * BP_EIO: cannot be read. BP_EINPUT: malformed, no atoms; the message has the line. BP_EUNSUP: mmCIF, and this was
 * built without gemmi. */
int bp_sites_read(struct bp_sites **ret, const char *path, enum bp_altloc alt, struct bp_arena *mem, struct bp_err *err)
    BP_MUST_USE;
/* The same from text [n]; name stands for the file in messages. */
int bp_sites_read_mem(struct bp_sites **ret, const char *text, size_t n, const char *name, enum bp_altloc alt,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* for read.c: all sites of a mmCIF text (read_cif.cpp) */
int bp_sites_read_cif(struct bp_sites *ret, const char *text, size_t n, const char *name, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
