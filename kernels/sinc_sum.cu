#include "dproduct.cuh"

extern "C" {
#include "ops/sinc_sum.h"
#include "ops/sinc_table.h"
}

/* a thread a number */
static __global__ void
sums(struct bp_sinc_sum a)
{
	BP_EACH(i, (int64_t)a.rows * a.nq) {
		const double *H = a.H + i / a.nq * a.ld, q = a.q[i % a.nq];
		double sum = 0;
		for (int m = 0; m < a.bins; m++)
			sum += H[m] * bp_sinc_share(q, m, a.h);
		a.S[i] = sum;
	}
}

int
bp_sinc_sum_cuda(struct bp_ctx *cx, const struct bp_sinc_sum *a)
{
	if (cx->dry || a->rows == 0)
		return BP_OK;
	sums<<<BP_GRID((int64_t)a->rows * a->nq), 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "sinc_sum");
}

/* ---- optimized: a table of all sincs, where it is not kept made once for all rows, and one product ---- */

static __global__ void
table(double *T, struct bp_sinc_sum a)
{
	BP_EACH(i, (int64_t)a.bins * a.nq)
		T[i] = bp_sinc_share(a.q[i % a.nq], (int)(i / a.nq), a.h);
}

int
bp_sinc_sum_cuda_opt(struct bp_ctx *cx, const struct bp_sinc_sum *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	double *own = NULL;

	if (!a->T)
		BP_CUDA_NEW(own, (size_t)a->bins * a->nq, cx);
	if (!cx->dry && a->rows) {
		if (own)
			table<<<BP_GRID((int64_t)a->bins * a->nq), 0, bp_stream(cx)>>>(own, *a);
		bp_dmultiply(cx, a->S, a->H, own ? own : a->T, a->rows, a->nq, a->bins, a->ld, a->nq);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "sinc_sum");
}
