/* lib/guide/rg_target.h: the radius of gyration that guided structures are to get, from a structure file or a curve. */
#ifndef BP_RG_TARGET_H
#define BP_RG_TARGET_H

#include "guide/atoms.h"
#include "guide/params.h"
#include "ops/ctx.h"

#define BP_RG_CONTRAST_C2 1.0 /* layer of contrast weights: as dense as a fully exposed water at each atom */

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

/* What the words of the vocabulary stand for; the radius that they give as the target: the number, the structure
 * file's, the curve's (source.c). */
enum bp_rg_weights bp_source_rg_weights(const struct bp_guide_params *p);
enum bp_atom_selection bp_source_selection(const char *word); /* all|heavy|backbone */
int bp_source_rg_target(double *ret, struct bp_ctx *cx, const struct bp_guide_params *p, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
