#include "follow.cuh"

static __global__ void
nothing(void)
{
}

/* Code for an older card waits for nothing, also where the driver made it fit. */
bool
bp_can_follow(void)
{
	cudaFuncAttributes code;

	return cudaFuncGetAttributes(&code, nothing) == cudaSuccess && code.ptxVersion >= 90 && code.binaryVersion >= 90;
}
