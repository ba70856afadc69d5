/* lib/input/features.h: every feature tensor of a target under upstream's name, without the batch axis (doc/wire.md),
 * and the tables that the writer needs (upstream: data/feature/featurizerv2.py at inference). */
#ifndef BP_FEATURES_H
#define BP_FEATURES_H

#include "input/target.h"
#include "stream/rec.h"

struct bp_features_opt {
	int method;       /* class of the experiment, bp_method_id()                                          */
	int max_msa_seqs; /* rows read of one alignment                                                       */
	uint64_t seed;    /* of the random placements of the reference conformers ...                         */
	bool augment;     /* ... which false leaves out: centred only, as in the golden data                  */
};
#define BP_FEATURES_OPT_INIT                                                                                           \
	{                                                                                                              \
		.method = BP_METHOD_XRAY, .max_msa_seqs = 8192, .seed = 42, .augment = true                            \
	}

/* Put the features and meta of an input into rec (empty, its id set). All of it lives in rec->mem, and so must in.
 * BP_EINPUT: path, line, what is wrong; BP_EUNSUP: asks for what is not there yet; BP_EMEM. */
int bp_features_make(struct bp_rec *rec, const struct bp_input *in, const struct bp_ccd *ccd,
    const struct bp_features_opt *opt, struct bp_err *err) BP_MUST_USE;

/* The same from a file. */
int bp_featurize(struct bp_rec *rec, const char *path, const struct bp_ccd *ccd, const struct bp_features_opt *opt,
    struct bp_err *err) BP_MUST_USE;

#endif
