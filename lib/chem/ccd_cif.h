/* lib/chem/ccd_cif.h: one component out of the text of its CIF block (gemmi's grammar behind one C++ file). */
#ifndef BP_CCD_CIF_H
#define BP_CCD_CIF_H

#include "chem/ccd.h"
#include "chem/cif_blocks.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Read block into *ret (in mem; no tables, chirality unknown). file: for messages. Read as upstream reads it:
 * ideal coordinates, or the model's where any ideal one is missing and none of the model's is; bonds of atoms that
 * are not there and bonds given twice are dropped; a charge that is no number is 0.
 * *model [n_atoms,3]: the model's coordinates, 0 where it has none (RDKit's chirality comes from them).
 * BP_EINPUT: not CIF; the message has the line. BP_EUNSUP: CIF, but no component that can be stored (unknown element,
 * atom name over seven letters ...), or a build without gemmi. */
int bp_ccd_cif_read(struct bp_ccd_comp *ret, const float (**model)[3], const struct bp_cif_block *block,
    const char *file, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;
bool bp_ccd_cif_built(void); /* was gemmi there when this was compiled? */

#ifdef __cplusplus
}
#endif
#endif
