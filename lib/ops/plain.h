/* lib/ops/plain.h: what the `original` rows share: sums in double, one number at a time, no tricks. */
#ifndef BP_OPS_PLAIN_H
#define BP_OPS_PLAIN_H

#include <math.h>

#include "ops/ctx.h"

/* sum_i a_i b_i */
static inline double
bp_dot(const float *a, const float *b, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += (double)a[i] * b[i];
	return sum;
}

/* output o of the linear layer W (no bias) for the row x [W->k] */
static inline double
bp_row_dot(const struct bp_weight *W, int o, const float *x)
{
	return bp_dot(W->p + (size_t)o * W->k, x, W->k);
}

static inline double
bp_sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

static inline double
bp_silu(double x)
{
	return x * bp_sigmoid(x);
}

/* out = (x - mean) / sqrt(var + 1e-5) * w + b of one row, the variance over c; w and b may be NULL, out may be x */
static inline void
bp_norm_row(float *out, const float *x, int c, const struct bp_weight *w, const struct bp_weight *b)
{
	double mean = 0, var = 0, scale;

	for (int i = 0; i < c; i++)
		mean += x[i];
	mean /= c;
	for (int i = 0; i < c; i++)
		var += (x[i] - mean) * (x[i] - mean);
	scale = 1 / sqrt(var / c + 1e-5);
	for (int i = 0; i < c; i++)
		out[i] = (float)((x[i] - mean) * scale * (w ? w->p[i] : 1) + (b ? b->p[i] : 0));
}

/* x = softmax(x), n numbers */
static inline void
bp_softmax_row(float *x, int n)
{
	double sum = 0;
	float max = x[0];

	for (int i = 1; i < n; i++)
		max = fmaxf(max, x[i]);
	for (int i = 0; i < n; i++)
		sum += exp((double)x[i] - max);
	for (int i = 0; i < n; i++)
		x[i] = (float)(exp((double)x[i] - max) / sum);
}

/* the mask of the pair i, j: pair_mask [n,n] if given, else mask_i mask_j, else 1 */
static inline float
bp_pair_mask(const float *pair_mask, const float *mask, int n, int i, int j)
{
	return pair_mask ? pair_mask[(size_t)i * n + j] : mask ? mask[i] * mask[j] : 1;
}

#endif
