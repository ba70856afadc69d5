#include "pairs.cuh"

extern "C" {
#include "ops/sinc_sum.h"
}

/* s of ops/sinc_sum.h at r = m h */
static __device__ inline double
sinc_of(double q, int m, double h)
{
	double r = m * h, sinc = bp_sinc(q * r);

	return sinc - h * h / 12 * (m ? -q * q * sinc - 2 / r * bp_sinc_slope(q, r) : -q * q / 3);
}

/* a thread a number */
static __global__ void
sums(struct bp_sinc_sum a)
{
	BP_EACH(i, (int64_t)a.rows * a.nq) {
		const double *H = a.H + i / a.nq * a.ld, q = a.q[i % a.nq];
		double sum = 0;
		for (int m = 0; m < a.bins; m++)
			sum += H[m] * sinc_of(q, m, a.h);
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

/* ---- optimized: a table of all sincs, once for all rows, and one product ---- */

static __global__ void
table(double *T, struct bp_sinc_sum a)
{
	BP_EACH(i, (int64_t)a.bins * a.nq)
		T[i] = sinc_of(a.q[i % a.nq], (int)(i / a.nq), a.h);
}

int
bp_sinc_sum_cuda_opt(struct bp_ctx *cx, const struct bp_sinc_sum *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	double *T;

	BP_CUDA_NEW(T, (size_t)a->bins * a->nq, cx);
	if (!cx->dry && a->rows) {
		table<<<BP_GRID((int64_t)a->bins * a->nq), 0, bp_stream(cx)>>>(T, *a);
		bp_dmultiply(cx, a->S, a->H, T, a->rows, a->nq, a->bins, a->ld);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "sinc_sum");
}
