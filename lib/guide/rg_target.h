/* lib/guide/rg_target.h: the radius of gyration that guided structures are to get, from a structure file or a curve. */
#ifndef BP_RG_TARGET_H
#define BP_RG_TARGET_H

#include "guide/atoms.h"
#include "guide/curve.h"
#include "guide/rg.h"
#include "ops/ctx.h"

enum bp_rg_weights { BP_RG_UNIT, BP_RG_MASS, BP_RG_CONTRAST };

struct bp_rg_file {
	const char *path;  /* PDB or mmCIF: its first model, first alternates, no hydrogens, no waters */
	const char *chain; /* the author's name; NULL: all                                             */
	enum bp_atom_selection selection;
	enum bp_rg_method method; /* those of the guided Rg */
	double threshold;
	enum bp_rg_weights weights;
	double c2; /* of contrast weights */
};

/* *rg = the Rg of the atoms of a file, A. ccd: hydrogens of ligands, for contrast weights; may be NULL. cx: likewise,
 * else unused. BP_EIO, BP_EINPUT: as bp_sites_read, or no such chain: the message lists them, or no atom is selected.
 */
int bp_rg_of_file(double *rg, const struct bp_rg_file *f, struct bp_ctx *cx, const struct bp_ccd *ccd,
    struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

/* w [a->n] weights of the atoms that count, x [a->n,3] one conformer (contrast: its exposed fractions); 0 elsewhere. */
int bp_rg_weights(double *w, const struct bp_atoms *a, const double *x, enum bp_rg_weights weights, double c2,
    struct bp_ctx *cx, struct bp_arena *mem, struct bp_err *err) BP_MUST_USE;

#endif
