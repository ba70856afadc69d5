#include "pairs.cuh"

extern "C" {
#include "ops/sinc_force.h"
}

/* f of ops/sinc_force.h at r = m h */
static __device__ inline double
slope_of(double q, int m, double h)
{
	double r = m * h, slope = bp_sinc_slope(q, r), second;

	if (m == 0)
		return 0;
	second = -q * q * bp_sinc(q * r) - 2 / r * slope;
	return slope - h * h / 12 * (-q * q * slope - 2 / r * second + 2 / (r * r) * slope);
}

/* a thread a number */
static __global__ void
forces(struct bp_sinc_force a)
{
	BP_EACH(i, (int64_t)a.rows * a.bins) {
		const double *G = a.G + i / a.bins * a.nq;
		double sum = 0;
		for (int k = 0; k < a.nq; k++)
			sum += G[k] * slope_of(a.q[k], (int)(i % a.bins), a.h);
		a.F[i] = sum;
	}
}

int
bp_sinc_force_cuda(struct bp_ctx *cx, const struct bp_sinc_force *a)
{
	if (cx->dry || a->rows == 0)
		return BP_OK;
	forces<<<BP_GRID((int64_t)a->rows * a->bins), 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "sinc_force");
}

/* ---- optimized: as sinc_sum ---- */

static __global__ void
table(double *T, struct bp_sinc_force a)
{
	BP_EACH(i, (int64_t)a.bins * a.nq)
		T[i] = slope_of(a.q[i / a.bins], (int)(i % a.bins), a.h);
}

int
bp_sinc_force_cuda_opt(struct bp_ctx *cx, const struct bp_sinc_force *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	double *T;

	BP_CUDA_NEW(T, (size_t)a->bins * a->nq, cx);
	if (!cx->dry && a->rows) {
		table<<<BP_GRID((int64_t)a->bins * a->nq), 0, bp_stream(cx)>>>(T, *a);
		bp_dmultiply(cx, a->F, a->G, T, a->rows, a->bins, a->nq, a->nq);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "sinc_force");
}
