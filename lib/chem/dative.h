/* lib/chem/dative.h: bonds to metals that break a valence. */
#ifndef BP_DATIVE_H
#define BP_DATIVE_H

#include "chem/ccd.h"

#ifdef __cplusplus
extern "C" {
#endif

bool bp_is_metal(int z);
/* The dictionary draws metal coordination as single bonds. Where a non-metal's bond orders thereby exceed the highest
 * valence of its element and charge, its first single bond to a metal becomes BP_BOND_OTHER from the non-metal (a) to
 * the metal (b), in place; what RDKit's cleanUpOrganometallics does since 2023.
 * bond [n] is changed; atom [n_atoms]. */
int bp_make_dative(struct bp_ccd_bond *bond, int n, const struct bp_ccd_atom *atom, int n_atoms, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
