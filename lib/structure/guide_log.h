/* lib/structure/guide_log.h: what the guides of a run logged (meta.guides and the tensors guide_log_K of a structures
 * record, doc/wire.md), as JSON values for a file a guide and sample. */
#ifndef BP_GUIDE_LOG_H
#define BP_GUIDE_LOG_H

#include "stream/rec.h"

/* A log, checked. */
struct bp_guide_log {
	char name[48];                /* of its files: "saxs_chi2", "rg_guide", "saxs_chi2_2" for the second of a kind */
	const struct bp_val *columns; /* names                                                                        */
	const struct bp_tensor *rows; /* [evaluations,samples,columns] float64                                        */
};

int bp_guide_logs(const struct bp_rec *rec); /* how many there are */
/* Log i of them, from 0. BP_EINPUT: its tensor is missing or does not fit. */
int bp_guide_log_read(struct bp_guide_log *ret, const struct bp_rec *rec, int i, struct bp_err *err) BP_MUST_USE;

/* *ret = a list of maps, one an evaluation of the sample: {step, sample, gd_step, energy, ...}, numbers that are not finite as null. */
int bp_guide_log_sample(struct bp_val **ret, const struct bp_guide_log *log, int sample, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

#endif
