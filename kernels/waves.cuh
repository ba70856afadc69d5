/* kernels/waves.cuh: what wave_sum and wave_force share: the rule of directions of a q point, and amplitudes there. */
#ifndef BP_WAVES_CUH
#define BP_WAVES_CUH

#include <stdlib.h>

#include "pairs.cuh"

extern "C" {
#include "ops/wave.h"
}

struct bp_waves {
	int n;                     /* directions */
	struct bp_direction *u;    /* [n]        */
	double2 *A;                /* [n,types+1] amplitudes; the last type is the layer */
	double *q;                 /* [nq] host  */
	struct bp_direction *rule; /* [n] host   */
};

/* Memory for the largest q. To be closed, also after a failure. */
static inline int
bp_waves_open(struct bp_ctx *cx, struct bp_waves *w, int ntypes, const double *q, int nq, double q_max, double diameter)
{
	const size_t most = (size_t)bp_directions_count(bp_wave_degree(q_max, diameter));
	struct bp_direction *sent; /* where bp_waves_at puts a rule first */
	struct bp_mark mark;

	*w = {};
	BP_CUDA_NEW(w->u, most, cx);
	BP_CUDA_NEW(w->A, most * ((size_t)ntypes + 1), cx);
	mark = bp_dev_mark(cx);
	BP_CUDA_NEW(sent, most, cx);
	bp_dev_release(cx, mark);
	if (cx->dry)
		return BP_OK;
	w->q = (double *)malloc((size_t)nq * sizeof *w->q);
	w->rule = (struct bp_direction *)malloc(most * sizeof *w->rule);
	if (!w->q || !w->rule)
		return BP_FAIL(cx->err, BP_EMEM, NULL, "no memory for %zu directions", most);
	BP_TRY(bp_dev_download(cx, w->q, q, (size_t)nq * sizeof *q));
	for (int k = 0; k < nq; k++)
		if (!(w->q[k] <= q_max))
			return BP_FAIL(cx->err, BP_ENUM, NULL, "q %g is above the largest, %g", w->q[k], q_max);
	return BP_OK;
}

static inline void
bp_waves_close(struct bp_waves *w)
{
	free(w->q);
	free(w->rule);
}

/* the rule of q point k, behind what is under way */
static inline int
bp_waves_at(struct bp_ctx *cx, struct bp_waves *w, int k, double diameter)
{
	const int degree = bp_wave_degree(w->q[k], diameter);
	const size_t bytes = (size_t)(w->n = bp_directions_count(degree)) * sizeof *w->rule;
	struct bp_mark mark = bp_dev_mark(cx);
	const void *up;

	bp_directions(w->rule, degree);
	BP_TRY(bp_dev_upload(cx, &up, w->rule, bytes)); /* pageable: it has been read on return */
	BP_TRY(bp_dev_copy(cx, w->u, up, bytes));
	bp_dev_release(cx, mark);
	return BP_OK;
}

static __device__ inline double
bp_phase(const double u[3], const double *x, double q)
{
	return q * (u[0] * x[0] + u[1] * x[1] + u[2] * x[2]);
}

/* a block a direction: the types' amplitudes for q point k of a sample x [n,3], e [n] or NULL */
static __global__ void
bp_amplitudes(struct bp_waves w, struct bp_pairs p, const double *x, const double *e, const double *q, int k)
{
	const struct bp_direction u = w.u[blockIdx.x];
	double2 *A = w.A + (int64_t)blockIdx.x * (p.ntypes + 1);
	double layer[2] = { 0, 0 };

	for (int t = 0; t < p.ntypes; t++) {
		double re = 0, im = 0, s, c;
		for (int i = p.start[t] + threadIdx.x; i < p.start[t + 1]; i += blockDim.x) {
			sincos(bp_phase(u.u, x + 3 * i, q[k]), &s, &c);
			re += c, im += s;
			layer[0] += e ? e[i] * c : 0, layer[1] += e ? e[i] * s : 0;
		}
		re = bp_block_sum(re), im = bp_block_sum(im);
		if (threadIdx.x == 0)
			A[t] = make_double2(re, im);
	}
	layer[0] = bp_block_sum(layer[0]), layer[1] = bp_block_sum(layer[1]);
	if (threadIdx.x == 0)
		A[p.ntypes] = make_double2(layer[0], layer[1]);
}

#endif
