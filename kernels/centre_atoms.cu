#include "follow.cuh"
#include "sums.cuh"

extern "C" {
#include "ops/centre_atoms.h"
}

/* a block a sample */
enum { THREADS = 1024 };
static __global__ void
__launch_bounds__(THREADS)
centre(struct bp_centre_atoms a)
{
	bp_after();
	const double *__restrict__ x = a.x + 3 * (int64_t)blockIdx.x * a.natoms, *first = x + 3 * (int64_t)a.atom[0];
	const double x0 = first[0], y0 = first[1], z0 = first[2];
	double *__restrict__ y = a.y + 3 * (int64_t)blockIdx.x * a.n;
	double mean[3] = { 0, 0, 0 }, most = 0;
	bool odd = false;

#pragma unroll 4
	for (int i = threadIdx.x; i < a.n; i += THREADS) {
		const double *at = x + 3 * (int64_t)a.atom[i];
		mean[0] += at[0] - x0, mean[1] += at[1] - y0, mean[2] += at[2] - z0;
	}
	bp_block_sums(mean);
	for (int d = 0; d < 3; d++)
		mean[d] = mean[d] / a.n + first[d];
#pragma unroll 4
	for (int i = threadIdx.x; i < a.n; i += THREADS) {
		const double *at = x + 3 * (int64_t)a.atom[i];
		double v[3] = { at[0] - mean[0], at[1] - mean[1], at[2] - mean[2] }, r2 = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
		y[3 * i] = v[0], y[3 * i + 1] = v[1], y[3 * i + 2] = v[2];
		odd = odd || !isfinite(r2);
		most = fmax(most, r2);
	}
	odd = __syncthreads_or(odd);
	most = bp_block_most(most);
	if (threadIdx.x == 0)
		a.radius[(int64_t)blockIdx.x * a.ld] = odd ? NAN : sqrt(most);
}

int
bp_centre_atoms_cuda(struct bp_ctx *cx, const struct bp_centre_atoms *a)
{
	if (cx->dry || a->b == 0)
		return BP_OK;
	bp_follow(centre, a->b, THREADS, 0, cx, *a);
	return bp_launched(cx, "centre_atoms");
}
