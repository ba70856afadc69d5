/* sinc_force: the transpose of sinc_sum, differentiated: tables of forces over bins of distances r = m h, 0 at r = 0,
 * F[row, m] = sum_k G[row, k] f(r), f = s1 - h^2/12 s3, where s = sinc(q_k r) has the derivatives s1 = (cos qr - s) /
 * r, s2 = -q^2 s - 2 s1 / r, s3 = -q^2 s1 - 2 s2 / r + 2 s1 / r^2. The second term is the mean error of interpolating
 * linearly between bins, as in sinc_sum. optimized: as sinc_sum. */
#ifndef BP_OP_SINC_FORCE_H
#define BP_OP_SINC_FORCE_H

#include "ops/ctx.h"

struct bp_sinc_force {
	int rows, bins, nq;
	double h;        /* A               */
	const double *q; /* [nq] 1/A, >= 0  */
	const double *G; /* [rows,nq]       */
	const double *T; /* [nq,ldt] slopes of sinc_table, or NULL: made here, as in sinc_sum */
	int ldt;         /* a row of T begins every ldt >= bins numbers */
	double *F;       /* [rows,bins] out */
};
typedef int bp_sinc_force_fn(struct bp_ctx *cx, const struct bp_sinc_force *a);
bp_sinc_force_fn bp_sinc_force_cpu, bp_sinc_force_cpu_opt, bp_sinc_force_cuda, bp_sinc_force_cuda_opt;

#endif
