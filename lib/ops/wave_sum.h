/* wave_sum: the sums of pair_sinc by quadrature: the mean over directions u of exp(i q u.(x_i - x_j)) is sinc(q r_ij),
 * so that from the amplitudes A_t = sum over atoms of type t of exp(i q u.x), and that of the layer, weighted with a,
 * S[s t, k] = mean Re A_s conj A_t less the atoms' own terms. Cost n nq M(q diameter) in place of n^2 nq.
 * original and optimized: 2e-4 of the profiles (the rule's degree); optimized has fp32 phases. */
#ifndef BP_OP_WAVE_SUM_H
#define BP_OP_WAVE_SUM_H

#include "ops/wave.h"

struct bp_wave_sum {
	struct bp_pairs p; /* x less its centre: the rule needs a small diameter  */
	int nq;
	double diameter; /* A, twice the largest |x|: sets the degree           */
	double q_max;    /* 1/A, no q is larger: sets the memory, BP_ENUM  */
	const double *q; /* [nq] 1/A, >= 0   */
	double *S;       /* [b,rows,nq] out  */
};
typedef int bp_wave_sum_fn(struct bp_ctx *cx, const struct bp_wave_sum *a);
bp_wave_sum_fn bp_wave_sum_cpu, bp_wave_sum_cpu_opt, bp_wave_sum_cuda;

#endif
