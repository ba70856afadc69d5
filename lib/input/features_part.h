/* lib/input/features_part.h: what the parts of features.c share. */
#ifndef BP_FEATURES_PART_H
#define BP_FEATURES_PART_H

#include "input/features.h"

struct bp_featurizer {
	struct bp_rec *rec;
	const struct bp_target *t;
	const struct bp_features_opt *opt;
	int n, a, padded; /* tokens, atoms, atoms padded to a multiple of 32 */
	struct bp_arena *mem;
	struct bp_err *err;
};

/* p = the data, cleared, of a new tensor of the record; shape behind the dtype */
#define BP_ADD(p, f, name, dtype, ...)                                                                                 \
	do {                                                                                                           \
		struct bp_tensor *t_;                                                                                  \
		BP_TRY(bp_rec_add(&t_, (f)->rec, name, dtype, BP_SHAPE(__VA_ARGS__), (f)->err));                       \
		(p) = t_->data;                                                                                        \
	} while (0)

int bp_features_atoms(struct bp_featurizer *f) BP_MUST_USE; /* features_atoms.c: reference atoms, frames          */
int bp_features_msa(struct bp_featurizer *f) BP_MUST_USE;   /* features_msa.c: the MSA                            */
int bp_features_steer(struct bp_featurizer *f) BP_MUST_USE; /* features_steer.c: what only the potentials read    */
int bp_features_meta(struct bp_featurizer *f) BP_MUST_USE;  /* features_meta.c: chains, residues, atoms, bonds    */

#endif
