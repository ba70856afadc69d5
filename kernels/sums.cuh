/* kernels/sums.cuh: sums and extremes of doubles over a block, for kernels that make a sample a block. In a fixed order, known to all threads; the
 * block's threads are a multiple of 32, at most 1024. */
#ifndef BP_SUMS_CUH
#define BP_SUMS_CUH

#include "cuda.cuh"

/* total [n] from the warps' part [warps,n], a sum a warp. Nobody writes total before the barrier in front of the next sums, nor part before that
 * behind these. */
static __device__ inline void
bp_add_parts(double *total, const double *part, int n)
{
	const int warps = blockDim.x / 32, lane = threadIdx.x % 32;

	__syncthreads();
	for (int i = threadIdx.x / 32; i < n; i += warps) {
		double sum = lane < warps ? part[n * lane + i] : 0;
		for (int d = 16; d; d /= 2)
			sum += __shfl_xor_sync(~0u, sum, d);
		if (lane == 0)
			total[i] = sum;
	}
	__syncthreads();
}

/* v [N] of each thread becomes the sums over all */
template <int N>
static __device__ inline void
bp_block_sums(double (&v)[N])
{
	__shared__ double part[32][N], total[N];
	const int lane = threadIdx.x % 32;

	for (int i = 0; i < N; i++) {
		for (int d = 16; d; d /= 2)
			v[i] += __shfl_xor_sync(~0u, v[i], d);
		if (lane == 0)
			part[threadIdx.x / 32][i] = v[i];
	}
	bp_add_parts(total, &part[0][0], N);
	for (int i = 0; i < N; i++)
		v[i] = total[i];
}

/* The same of eight sums, with a quarter of the exchanges. */
static __device__ inline void
bp_block_eight(double (&v)[8])
{
	__shared__ double part[32][8], total[8];
	const int lane = threadIdx.x % 32;

#pragma unroll
	for (int half = 4; half; half /= 2) { /* a lane keeps those of its half, and gives the others away */
		const bool upper = lane & 4 * half;
#pragma unroll
		for (int i = 0; i < half; i++) {
			const double kept = upper ? v[half + i] : v[i], given = upper ? v[i] : v[half + i];
			v[i] = kept + __shfl_xor_sync(~0u, given, 4 * half);
		}
	}
	v[0] += __shfl_xor_sync(~0u, v[0], 2);
	v[0] += __shfl_xor_sync(~0u, v[0], 1);
	if (lane % 4 == 0)
		part[threadIdx.x / 32][lane / 4] = v[0];
	bp_add_parts(total, &part[0][0], 8);
	for (int i = 0; i < 8; i++)
		v[i] = total[i];
}

static __device__ inline double
bp_block_sum_of(double x)
{
	double v[1] = { x };

	bp_block_sums(v);
	return v[0];
}

static __device__ inline double
bp_block_most(double x)
{
	__shared__ double part[32];
	const int warps = blockDim.x / 32, lane = threadIdx.x % 32;

	for (int d = 16; d; d /= 2)
		x = fmax(x, __shfl_xor_sync(~0u, x, d));
	if (lane == 0)
		part[threadIdx.x / 32] = x;
	__syncthreads();
	x = part[lane < warps ? lane : 0];
	for (int d = 16; d; d /= 2)
		x = fmax(x, __shfl_xor_sync(~0u, x, d));
	__syncthreads();
	return x;
}

#endif
