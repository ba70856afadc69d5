/* wave_force: the gradient of pair_sinc_force by quadrature (wave_sum): with B_i = sum_j g_ij exp(i q u.x_j),
 * out_i = sum_k mean over u of -q u Im(exp(i q u.x_i) conj B_i). */
#ifndef BP_OP_WAVE_FORCE_H
#define BP_OP_WAVE_FORCE_H

#include "ops/wave.h"

struct bp_wave_force {
	struct bp_pairs p; /* x less its centre                          */
	int nq;
	double diameter; /* A, twice the largest |x|: sets the degree  */
	double q_max;    /* 1/A, no q is larger: sets the memory, BP_ENUM  */
	const double *q; /* [nq] 1/A, >= 0   */
	const double *G; /* [b,rows,nq]      */
	double *out;     /* [b,n,3]          */
};
typedef int bp_wave_force_fn(struct bp_ctx *cx, const struct bp_wave_force *a);
bp_wave_force_fn bp_wave_force_cpu, bp_wave_force_cpu_opt, bp_wave_force_cuda;

#endif
