/* gather_rows: out[b,r,:] (+)= x[b,index[r],:], nothing (or 0) where index is -1. atom_to_token matrix products of
 * encodersv2.py, and representative atoms. out must not overlap x. */
#ifndef BP_OP_GATHER_ROWS_H
#define BP_OP_GATHER_ROWS_H

#include "ops/ctx.h"

struct bp_gather_rows {
	int b, rows, from, c;       /* rows of out, rows of x, a sample */
	const int32_t *index;       /* [rows] -1..from-1 */
	const float *x;             /* [b,from,c] */
	bool add;
	float *out;                 /* [b,rows,c] */
};
typedef int bp_gather_rows_fn(struct bp_ctx *cx, const struct bp_gather_rows *a);
bp_gather_rows_fn bp_gather_rows_cpu, bp_gather_rows_cpu_opt, bp_gather_rows_cuda;

#endif
