#include "dproduct.cuh"

extern "C" {
#include "ops/sinc_force.h"
#include "ops/sinc_table.h"
}

/* a thread a number */
static __global__ void
forces(struct bp_sinc_force a)
{
	BP_EACH(i, (int64_t)a.rows * a.bins) {
		const double *G = a.G + i / a.bins * a.nq;
		double sum = 0;
		for (int k = 0; k < a.nq; k++)
			sum += G[k] * bp_sinc_force_share(a.q[k], (int)(i % a.bins), a.h);
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
		T[i] = bp_sinc_force_share(a.q[i / a.bins], (int)(i % a.bins), a.h);
}

int
bp_sinc_force_cuda_opt(struct bp_ctx *cx, const struct bp_sinc_force *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	double *own = NULL;

	if (!a->T)
		BP_CUDA_NEW(own, (size_t)a->bins * a->nq, cx);
	if (!cx->dry && a->rows) {
		if (own)
			table<<<BP_GRID((int64_t)a->bins * a->nq), 0, bp_stream(cx)>>>(own, *a);
		bp_dmultiply(cx, a->F, a->G, own ? own : a->T, a->rows, a->bins, a->nq, a->nq, own ? a->bins : a->ldt);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "sinc_force");
}
