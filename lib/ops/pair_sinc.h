/* pair_sinc: the Debye sums themselves: S[row, k] = sum over the pairs of the row (pairs.h) of their weights times
 * sinc(q_k r_ij). optimized: fp32 pair work, sums of at most 256 terms, then fp64: S within 1e-5 of its rms over q. */
#ifndef BP_OP_PAIR_SINC_H
#define BP_OP_PAIR_SINC_H

#include "ops/pairs.h"

struct bp_pair_sinc {
	struct bp_pairs p;
	int nq;
	const double *q; /* [nq] 1/A, >= 0     */
	double *S;       /* [b,rows,nq] out    */
};
typedef int bp_pair_sinc_fn(struct bp_ctx *cx, const struct bp_pair_sinc *a);
bp_pair_sinc_fn bp_pair_sinc_cpu, bp_pair_sinc_cpu_opt, bp_pair_sinc_cuda;

#endif
