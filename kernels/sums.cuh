/* kernels/sums.cuh: sums and extremes of doubles over a block, for kernels that make a sample a block. In a fixed order, known to all threads; the
 * block's threads are a multiple of 32, at most 1024. */
#ifndef BP_SUMS_CUH
#define BP_SUMS_CUH

#include "cuda.cuh"

/* v [N] of each thread becomes the sums over all */
template <int N>
static __device__ inline void
bp_block_sums(double (&v)[N])
{
	__shared__ double part[32][N];
	const int warps = blockDim.x / 32, lane = threadIdx.x % 32;

	for (int i = 0; i < N; i++)
		for (int d = 16; d; d /= 2)
			v[i] += __shfl_xor_sync(~0u, v[i], d);
	for (int i = 0; i < N; i++)
		if (lane == 0)
			part[threadIdx.x / 32][i] = v[i];
	__syncthreads();
	for (int i = 0; i < N; i++) { /* every warp adds them up for itself */
		v[i] = lane < warps ? part[lane][i] : 0;
		for (int d = 16; d; d /= 2)
			v[i] += __shfl_xor_sync(~0u, v[i], d);
	}
	__syncthreads();
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
