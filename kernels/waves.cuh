/* kernels/waves.cuh: what wave_sum and wave_force share: directions, and amplitudes at one q point. The largest q's directions serve all: a rule of
 * a higher degree is exact for what a lower one is. */
#ifndef BP_WAVES_CUH
#define BP_WAVES_CUH

#include <stdlib.h>

#include "pairs.cuh"

extern "C" {
#include "ops/wave.h"
}

struct bp_waves {
	int n;                        /* directions */
	const struct bp_direction *u; /* [n]        */
	double2 *A;                   /* [n,types+1] amplitudes; the last type is the layer */
};

static inline int
bp_waves_new(struct bp_ctx *cx, struct bp_waves *w, int ntypes, double q_max, double diameter)
{
	const int degree = bp_wave_degree(q_max, diameter);
	struct bp_direction *u;
	const void *up;
	int st;

	w->n = bp_directions_count(degree);
	if (!(u = (struct bp_direction *)malloc((size_t)w->n * sizeof *u)))
		return BP_FAIL(cx->err, BP_EMEM, NULL, "no memory for %d directions", w->n);
	if (!cx->dry)
		bp_directions(u, degree);
	st = bp_dev_upload(cx, &up, u, (size_t)w->n * sizeof *u); /* pageable: it has been read on return */
	free(u);
	BP_TRY(st);
	w->u = (const struct bp_direction *)up;
	BP_CUDA_NEW(w->A, (size_t)w->n * ((size_t)ntypes + 1), cx);
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
