/* sinc_table: what sinc_sum and sinc_force multiply by at distances m h, m = 0 .. bins - 1: `sums` is s of sinc_sum.h, `slopes` is f of
 * sinc_force.h. They depend on q and h alone: made once, they serve all evaluations of a curve. fp64 in all rows. */
#ifndef BP_OP_SINC_TABLE_H
#define BP_OP_SINC_TABLE_H

#include "ops/pairs.h"

struct bp_sinc_table {
	int bins, nq;
	double h;        /* A              */
	const double *q; /* [nq] 1/A, >= 0 */
	double *sums;    /* [bins,nq] out  */
	double *slopes;  /* [nq,bins] out  */
};
typedef int bp_sinc_table_fn(struct bp_ctx *cx, const struct bp_sinc_table *a);
bp_sinc_table_fn bp_sinc_table_cpu, bp_sinc_table_cuda;

/* s and f at r = m h */
static BP_HOST_DEVICE inline double
bp_sinc_share(double q, int m, double h)
{
	double r = m * h, sinc = bp_sinc(q * r);

	return sinc - h * h / 12 * (m ? -q * q * sinc - 2 / r * bp_sinc_slope(q, r) : -q * q / 3);
}

static BP_HOST_DEVICE inline double
bp_sinc_force_share(double q, int m, double h)
{
	double r = m * h, slope = bp_sinc_slope(q, r), second;

	if (m == 0)
		return 0;
	second = -q * q * bp_sinc(q * r) - 2 / r * slope;
	return slope - h * h / 12 * (-q * q * slope - 2 / r * second + 2 / (r * r) * slope);
}

#endif
