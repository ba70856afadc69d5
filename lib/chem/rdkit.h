/* lib/chem/rdkit.h: what upstream derives from a component with RDKit: bond orders that break no valence, chirality,
 * and the tables of struct bp_ccd_tables. Optional: a build without RDKit refuses with BP_EUNSUP. Thread safe. */
#ifndef BP_RDKIT_H
#define BP_RDKIT_H

#include "chem/ccd.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "2022.09.3", or NULL where this was built without RDKit. */
const char *bp_rdkit_version(void);

/* Replace the bonds, chirality tags and tables of c by derived ones (in mem). model [n_atoms,3]: the model's
 * coordinates, which upstream prefers for chirality where they are complete. Where RDKit cannot sanitize the molecule
 * upstream goes on without chirality and stereo tables, and so does this.
 * BP_EUNSUP: no RDKit. BP_ENUM: RDKit gives no bounds; c is left without tables. */
int bp_rdkit_derive(struct bp_ccd_comp *c, const float (*model)[3], struct bp_arena *mem, struct bp_err *err)
    BP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
