/* lib/chem/ccd_build.h: a component store from the dictionary's CIF file. */
#ifndef BP_CCD_BUILD_H
#define BP_CCD_BUILD_H

#include "base/val.h"
#include "chem/ccd.h"

struct bp_ccd_build {
	const char *in, *out;    /* components.cif[.gz]; the store */
	const char *derived;     /* tables, bond orders and chirality of its components: JSON (below) or a store; or NULL */
	const char *const *code; /* [n_codes] only these; n_codes 0: all */
	int n_codes;
	bool tables;             /* derive those of the others with RDKit */
};

struct bp_ccd_built {
	size_t components, with_tables; /* written */
	size_t from_derived;            /* of which with what `derived` has */
	size_t refused;                 /* left out; a warning named each */
	size_t bytes;
};

/* Read in, write out. BP_EINPUT: the CIF or JSON is malformed, a wanted code is not there (all are named).
 * BP_EUNSUP: a build without gemmi, or tables wanted of one without RDKit. */
int bp_ccd_build(struct bp_ccd_built *ret, const struct bp_ccd_build *b, struct bp_err *err) BP_MUST_USE;

/* The codes in a text file, separated by white space, '#' to the end of the line ignored. */
int bp_ccd_codes_read(const char *const **ret, int *n, const char *path, struct bp_arena *mem, struct bp_err *err)
    BP_MUST_USE;

/* Put what RDKit derived elsewhere into c, which is the same component as the dictionary has it. mol is an element of
 * the JSON list: code, atoms [name, element, charge, leaving, chirality tag, ...], bonds [i, j, type] (they replace
 * c's) and, counting heavy atoms, bounds [i, j, is_bond, is_angle, lower, upper], chiral [4 atoms, is_reference, is_r],
 * stereo [4 atoms, is_check, is_e], planar_bond, ring5, ring6. BP_EINPUT: it does not describe c. */
int bp_ccd_derived(struct bp_ccd_comp *c, const struct bp_val *mol, struct bp_arena *mem, struct bp_err *err)
    BP_MUST_USE;

#endif
