/* lane: lanes (lib/ops/lane.h) on a card are contexts of their own; this is the rest. */
#include "context.h"
#include "cuda.cuh"

int
bp_cuda_wait(const struct bp_ctx *cx, struct bp_err *err)
{
	cudaError_t e = cudaDeviceSynchronize();

	return e == cudaSuccess ? BP_OK : BP_FAIL(err, BP_ELOST, NULL, "cuda:%d: %s", cx->device_index, cudaGetErrorString(e));
}

int
bp_cuda_attach(struct bp_ctx *cx)
{
	cudaError_t e = cudaSetDevice(cx->device_index);

	return e == cudaSuccess ? BP_OK : BP_FAIL(cx->err, BP_ELOST, NULL, "cuda:%d: a lane's thread: %s", cx->device_index, cudaGetErrorString(e));
}
