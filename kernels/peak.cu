/* kernels/peak.cu: what a card could do at most, for shares of it. */
#include "context.h"
#include "cuda.cuh"

double
bp_cuda_peak(const struct bp_ctx *cx, enum bp_precision precision)
{
	static const struct { /* of a multiprocessor and clock, by NVIDIA's data sheets of A100, H100 and B200 */
		int major, minor;
		double flops[3];
	} kinds[] = { { 8, 0, { 128, 1024, 2048 } }, { 9, 0, { 256, 2048, 4096 } }, { 10, 0, { 256, 4096, 8192 } } };
	int major, minor, khz;

	if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, cx->device_index) != cudaSuccess
	    || cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, cx->device_index) != cudaSuccess
	    || cudaDeviceGetAttribute(&khz, cudaDevAttrClockRate, cx->device_index) != cudaSuccess)
		return 0;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].major == major && kinds[i].minor == minor)
			return kinds[i].flops[precision] * 1e3 * khz * bp_processors(cx);
	return 0;
}
