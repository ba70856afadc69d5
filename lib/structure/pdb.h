/* lib/structure/pdb.h: one sample of a structure, or a trajectory, as a PDB file. */
#ifndef BP_PDB_H
#define BP_PDB_H

#include <stdio.h>

#include "structure/structure.h"

/* Upstream's layout: every line padded to 80 columns, ligands named LIG, TER after each chain but the last with a
 * serial number of its own, CONECT once a bond, an empty line after END. Chain names that are no single letter or
 * digit get a free one, and REMARK lines say which (DIFFERS: upstream's columns shift).
 * plddt as in bp_mmcif_write. BP_EUNSUP: what a PDB file has no room for (more than 62 chains, 99,999 serial
 * numbers, residue number 9,999, coordinates of more than 8 columns, residue names over 3 letters). */
int bp_pdb_write(FILE *f, const struct bp_structure *s, int sample, const float *plddt, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* The same with a MODEL for each frame. Coordinates that need more than 8 columns lose decimals: early frames are
 * thousands of A wide. */
int bp_pdb_write_frames(FILE *f, const struct bp_structure *s, const struct bp_frames *frames, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
