/* kernels/follow.cuh: small kernels that follow one another. On cards of compute capability 9.0 and above one is set up while the one before it
 * ends, which saves a microsecond or so each (programmatic dependent launch). */
#ifndef BP_FOLLOW_CUH
#define BP_FOLLOW_CUH

#include "cuda.cuh"

bool bp_can_follow(void);                 /* of the present card, and this code */
bool bp_follows(const struct bp_ctx *cx); /* the same, of a context's           */

/* Launch a kernel that begins with bp_after(); bp_launched tells what went wrong. */
template <class... P, class... A>
static inline void
bp_follow(void (*kernel)(P...), dim3 blocks, unsigned threads, size_t shared, const struct bp_ctx *cx, A... a)
{
	cudaLaunchAttribute follows = {};
	cudaLaunchConfig_t c = {};

	follows.id = cudaLaunchAttributeProgrammaticStreamSerialization;
	follows.val.programmaticStreamSerializationAllowed = 1;
	c.gridDim = blocks;
	c.blockDim = dim3(threads);
	c.dynamicSmemBytes = shared;
	c.stream = bp_stream(cx);
	c.attrs = &follows;
	c.numAttrs = bp_follows(cx);
	cudaLaunchKernelEx(&c, kernel, (P)a...);
}

/* Before this nothing is read that kernels before it write, and nothing written that they read. */
static __device__ inline void
bp_after(void)
{
#if __CUDA_ARCH__ >= 900
	cudaGridDependencySynchronize();
#endif
}

#endif
