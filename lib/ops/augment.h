/* augment: out[b,a,:] = (x[b,a,:] - mean_a x[b]) R[b] + tr[b] + scale * n[a] * eps[b,a,:]; the mean is over the first `centred` atoms (0: all), padding
 * of featurize included; (x R)_s = sum_d x_d R[d,s]. Start of a step of AtomDiffusion.sample (diffusionv2.py). R NULL: no centring,
 * rotation or translation; eps NULL: no noise; n[a] = w[a] + rest (1 - w[a]), w NULL: 1. out may be x. */
#ifndef BP_OP_AUGMENT_H
#define BP_OP_AUGMENT_H

#include "ops/ctx.h"

struct bp_augment {
	int b, atoms, centred;
	const float *x, *eps;       /* [b,atoms,3] */
	const float *R, *tr;        /* [b,3,3], [b,3] */
	const float *w;             /* [atoms] or NULL: the share of an atom's noise that is at full scale */
	float scale, rest;
	float *out;                 /* [b,atoms,3] */
};
typedef int bp_augment_fn(struct bp_ctx *cx, const struct bp_augment *a);
bp_augment_fn bp_augment_cpu, bp_augment_cpu_opt, bp_augment_cuda;

#endif
