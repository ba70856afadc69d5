/* lib/ops/rows.h: what the optimized rows of the embedding ops share. One-hot inputs pick columns of W; the columns are
 * made rows first, so that an output row is a few vector additions. */
#ifndef BP_OPS_ROWS_H
#define BP_OPS_ROWS_H

#include <string.h>

#include "ops/ctx.h"

/* wt [k,n] = the transpose of W [n,k] */
static inline void
bp_columns(float *wt, const struct bp_weight *W)
{
	for (int o = 0; o < W->n; o++)
		for (int k = 0; k < W->k; k++)
			wt[(size_t)k * W->n + o] = W->p[(size_t)o * W->k + k];
}

/* out += x, c numbers, which do not overlap */
static inline void
bp_row_add(float *restrict out, const float *restrict x, int c)
{
#pragma omp simd
	for (int o = 0; o < c; o++)
		out[o] += x[o];
}

/* out += s x */
static inline void
bp_row_axpy(float *restrict out, float s, const float *restrict x, int c)
{
#pragma omp simd
	for (int o = 0; o < c; o++)
		out[o] += s * x[o];
}

#endif
