/* lib/model/refine.h: selective refinement: sampling that starts from the positions of a file, with noise on chosen
 * atoms. */
#ifndef BP_REFINE_H
#define BP_REFINE_H

#include "base/opt.h"
#include "model/sampler.h"
#include "stream/rec.h"

/* add_noise: selections (structure/select.h), each adding Gaussian noise of its own standard deviation at the start. */
struct bp_refine_opt {
	const char *init_coords;     /* PDB or mmCIF, or a folder of ID.cif, ID.pdb; NULL: no refinement            */
	struct bp_strlist add_noise; /* none: every atom, noise of the first noise level                          */
	double sigma_scale;          /* of all noise levels                                                       */
	double rest, rest_range;     /* atoms outside get rest + rest_range step/steps of each step's noise       */
	bool still;                  /* no random rotations and translations in the steps */
	bool whole_residues;         /* distance selections take all atoms of a residue                           */
};
#define BP_REFINE_INIT { .sigma_scale = 1, .rest = 0.1, .rest_range = 0.2 }

#define BP_OPT_REFINE(T, r)                                                                                           \
	{ "init-coords", 0, BP_OPT_STR, offsetof(T, r.init_coords), NULL, "FILE",                                    \
	  "refine: start from the atoms of FILE (PDB, mmCIF), or of DIR/ID.cif, DIR/ID.pdb" },                       \
	{ "add-noise", 0, BP_OPT_LIST, offsetof(T, r.add_noise), NULL, "SPEC",                                       \
	  "refine these atoms, with noise at the start (A): chain:C:NOISE, resid:C:N[-M]:NOISE, "                    \
	  "atom:C:N:NAME:NOISE, distance:C:N[:NAME]:RADIUS:NOISE (repeatable; none: all atoms)" },                   \
	{ "start-sigma-scale", 0, BP_OPT_NUM, offsetof(T, r.sigma_scale), "(0,10]", NULL,                            \
	  "factor on all noise levels, the first of which is 2560 A: 0.001 to 0.1 refines" },                        \
	{ "no-random-augmentation", 0, BP_OPT_FLAG, offsetof(T, r.still), NULL, NULL,                                \
	  "refine without random rotations and translations" },                                                     \
	{ "non-target-noise-min", 0, BP_OPT_NUM, offsetof(T, r.rest), "[0,10]", NULL,                                \
	  "share of each step's noise for atoms outside the selections" },                                           \
	{ "non-target-noise-range", 0, BP_OPT_NUM, offsetof(T, r.rest_range), "[0,10]", NULL,                        \
	  "what is added to that share from the first to the last step" },                                           \
	{ "residue-based-selection", 0, BP_OPT_FLAG, offsetof(T, r.whole_residues), NULL, NULL,                      \
	  "distance selections take whole residues" }

/* Check the options and read the file. *ret NULL: no refinement is asked for. It lives in mem, as do o's strings.
 * BP_EUSAGE: an option without --init-coords, a selection that is none; errors of bp_sites_read as BP_EUSAGE. */
struct bp_refine;
int bp_refine_open(struct bp_refine **ret, const struct bp_refine_opt *o, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* Where a target starts. Atoms that the file lacks lie at the mean of their residue's others, of a residue without any on the line
 * between its neighbours in the chain, of a chain without any at the centre of all; they always take each step's
 * whole noise, as they have to find their places. A line on stderr lists them. */
struct bp_refined {
	struct bp_start start;
	int atoms, found, selected;         /* of the target; in the file; by --add-noise */
	const char *file;
	int n;                              /* atoms that tell the file's frame: in it, and outside the selections
					       (all in it, where these are fewer than three) */
	const int64_t *place;               /* [n] rows of the padded coordinates */
	const double (*at)[3];              /* [n] A, in the file                 */
};

/* rec: a record with names (structure/structure.h) and sample_atom_coords [M,A,3], whose numbers do not matter. sigma:
 * the first noise level, A. *ret lives in rec's arena. BP_EINPUT: no atom of the file is one of the target's, or a
 * selection has no atom in it. */
int bp_refine_target(struct bp_refined **ret, const struct bp_refine *r, const struct bp_rec *rec, double sigma,
    struct bp_err *err) BP_MUST_USE;

/* Superpose each sample of coords [M,A,3] on the file, so that results lie in its frame. */
int bp_refine_restore(const struct bp_refined *r, struct bp_tensor *coords, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
