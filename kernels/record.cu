/* record: what a stream is given, kept as a CUDA graph and launched as one. */
#include "context.h"
#include "cuda.cuh"

static int
status(struct bp_ctx *cx, const char *what, cudaError_t e)
{
	cudaGetLastError(); /* it is told here */
	return e == cudaSuccess ? BP_OK
	                        : BP_FAIL(cx->err, BP_ELOST, NULL, "cuda:%d: %s: %s", cx->device_index, what, cudaGetErrorString(e));
}

int
bp_cuda_record(struct bp_ctx *cx)
{
	return status(cx, "recording", cudaStreamBeginCapture(bp_stream(cx), cudaStreamCaptureModeThreadLocal));
}

int
bp_cuda_recorded(struct bp_ctx *cx, void **recording, bool keep)
{
	cudaGraph_t graph = NULL;
	cudaGraphExec_t exec = NULL;
	cudaError_t e = cudaStreamEndCapture(bp_stream(cx), &graph);

	if (e == cudaSuccess && keep)
		e = cudaGraphInstantiate(&exec, graph, 0);
	if (graph)
		cudaGraphDestroy(graph);
	*recording = exec;
	return keep ? status(cx, "recording", e) : BP_OK; /* what went wrong before is told already */
}

int
bp_cuda_replay(struct bp_ctx *cx, void *recording)
{
	return status(cx, "replay", cudaGraphLaunch((cudaGraphExec_t)recording, bp_stream(cx)));
}

void
bp_cuda_forget(struct bp_ctx *cx, void *recording)
{
	cudaStreamSynchronize(bp_stream(cx));
	cudaGraphExecDestroy((cudaGraphExec_t)recording);
}
