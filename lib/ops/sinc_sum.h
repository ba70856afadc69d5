/* sinc_sum: from bins of distances to scattering: S[row, k] = sum_m H[row, m] s(m h), s = sinc(q_k r) - h^2/12 d^2/dr^2
 * sinc(q_k r), sinc(x) = sin x / x. A distance shared linearly between two bins is off by f (1 - f) h^2/2 times the
 * second derivative, f its place between them; h^2/12 is the mean of that. With it taken off, what is left is some 15
 * times smaller (2e-5 of I up to q = 0.5 at h = 0.1 A). optimized: sines by rotation, restarted every 64 bins, in fp64;
 * on cards a table and one product of matrices. Bins of H that are 0 at a row's end change no bit of S. */
#ifndef BP_OP_SINC_SUM_H
#define BP_OP_SINC_SUM_H

#include "ops/ctx.h"

struct bp_sinc_sum {
	int rows, bins, ld; /* a row of H begins every ld >= bins numbers */
	int nq;
	double h;        /* A */
	const double *q; /* [nq] 1/A, >= 0 */
	const double *H; /* [rows,ld]      */
	const double *T; /* [bins,nq] sums of sinc_table, or NULL: made here; the CPU makes them anew each time */
	double *S;       /* [rows,nq] out  */
};
typedef int bp_sinc_sum_fn(struct bp_ctx *cx, const struct bp_sinc_sum *a);
bp_sinc_sum_fn bp_sinc_sum_cpu, bp_sinc_sum_cpu_opt, bp_sinc_sum_cuda, bp_sinc_sum_cuda_opt;

#endif
