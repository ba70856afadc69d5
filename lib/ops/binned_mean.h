/* binned_mean: out[t,r] = sum_k softmax(logits[r,:])_k value[t,k]: expected values of a binned distribution under several tables at once.
 * compute_aggregated_metric and compute_ptms of confidence_utils.py. */
#ifndef BP_OP_BINNED_MEAN_H
#define BP_OP_BINNED_MEAN_H

#include "ops/ctx.h"

struct bp_binned_mean {
	int64_t rows;
	int bins, tables;
	const float *logits;        /* [rows,bins]   */
	const float *value;         /* [tables,bins] */
	float *out;                 /* [tables,rows] */
};
typedef int bp_binned_mean_fn(struct bp_ctx *cx, const struct bp_binned_mean *a);
bp_binned_mean_fn bp_binned_mean_cpu, bp_binned_mean_cpu_opt, bp_binned_mean_cuda;

#endif
