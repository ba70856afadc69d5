/* fourier: out[r,:] = cos(2 pi (w t[r] + b)). FourierEmbedding of encodersv2.py. Products are rounded to float32 as
 * upstream does. */
#ifndef BP_OP_FOURIER_H
#define BP_OP_FOURIER_H

#include "ops/ctx.h"

struct bp_fourier {
	int rows, c;
	const float *t;             /* [rows] */
	const struct bp_weight *w, *b; /* [c,1], [c] */
	float *out;                 /* [rows,c] */
};
typedef int bp_fourier_fn(struct bp_ctx *cx, const struct bp_fourier *a);
bp_fourier_fn bp_fourier_cpu, bp_fourier_cpu_opt, bp_fourier_cuda;

#endif
