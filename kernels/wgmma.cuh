/* kernels/wgmma.cuh: Hopper's products of a warpgroup (four warps, 64 rows of A, 16 a warp): A in registers, laid out as for bp_mma; B in shared memory; sums
 * in registers, d[j] as those of bp_mma for the columns 8j .. 8j+7. They run while the warps go on: between bp_wgmma_begin and bp_wgmma_end no
 * operand may be touched. For sm_90a alone: in code for other cards BP_WGMMA is 0. */
#ifndef BP_WGMMA_CUH
#define BP_WGMMA_CUH

#include "mma.cuh"

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define BP_WGMMA 1

/* B is rows of 32 numbers, 64 bytes, at a multiple of 1024 bytes, and part c (16 bytes) of row r stands where bp_wgmma_part says; eight rows are 512 bytes */
static __device__ inline uint64_t
bp_wgmma_rows(const void *at)
{
	return (uint64_t)((uint32_t)__cvta_generic_to_shared(at) >> 4 & 0x3fff) | (uint64_t)1 << 16 | (uint64_t)(512 >> 4) << 32 | (uint64_t)2 << 62;
}

/* d[8] += A B^T of 64 rows of B and 16 of their columns, b = bp_wgmma_rows(...) + 2 for each 16 columns on */
static __device__ inline void
bp_wgmma_nt(float (*d)[4], const uint32_t a[4], uint64_t b)
{
	asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
	    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}, "
	    "{%32,%33,%34,%35}, %36, 1, 1, 1, 0;"
	    : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]), "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]),
	    "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]), "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]), "+f"(d[4][0]), "+f"(d[4][1]),
	    "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]), "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]),
	    "+f"(d[6][3]), "+f"(d[7][0]), "+f"(d[7][1]), "+f"(d[7][2]), "+f"(d[7][3])
	    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b) : "memory");
}

/* d[4] += A B of 16 rows of B, all of their 32 columns, b = bp_wgmma_rows(...) + 64 for each 16 rows on */
static __device__ inline void
bp_wgmma_nn(float (*d)[4], const uint32_t a[4], uint64_t b)
{
	asm volatile("wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 "
	    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15}, "
	    "{%16,%17,%18,%19}, %20, 1, 1, 1, 1;"
	    : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]), "+f"(d[1][2]), "+f"(d[1][3]), "+f"(d[2][0]),
	    "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]), "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3])
	    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b) : "memory");
}

/* operands are there, also what ordinary stores and copies wrote to shared memory before the block's last barrier (bp_wgmma_publish) */
static __device__ inline void
bp_wgmma_begin(void)
{
	asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/* wait for all products; d are their sums */
template <int N>
static __device__ inline void
bp_wgmma_end(float (&d)[N][4])
{
	asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
	asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#pragma unroll
	for (int i = 0; i < 4 * N; i++)
		asm volatile("" : "+f"(d[i / 4][i % 4]) :: "memory");
}

/* by each thread that wrote to shared memory, before the barrier */
static __device__ inline void
bp_wgmma_publish(void)
{
	asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
#else
#define BP_WGMMA 0
#endif

/* where part c (eight numbers) of row r stands in its row, in parts: no two of eight rows' parts share a bank */
static __device__ inline int
bp_wgmma_part(int r, int c)
{
	return c ^ (r / 2 & 3);
}

#endif
