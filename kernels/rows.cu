/* rows: layer norm and softmax of rows in fp32 with sums in fp64, as the original rows take them. The bf16 forms are rows.cuh. */
#include "cuda.cuh"

/* one warp a row */
static __global__ void
norm_rows(float *out, const float *x, int64_t rows, int c, const float *w, const float *b)
{
	int64_t r = blockIdx.x * (int64_t)(blockDim.x / 32) + threadIdx.x / 32;
	int lane = threadIdx.x % 32;
	double mean = 0, var = 0, scale;

	if (r >= rows)
		return;
	x += r * c;
	for (int i = lane; i < c; i += 32)
		mean += x[i];
	for (int d = 16; d; d /= 2)
		mean += __shfl_xor_sync(~0u, mean, d);
	mean /= c;
	for (int i = lane; i < c; i += 32)
		var += (x[i] - mean) * (x[i] - mean);
	for (int d = 16; d; d /= 2)
		var += __shfl_xor_sync(~0u, var, d);
	scale = 1 / sqrt(var / c + 1e-5);
	for (int i = lane; i < c; i += 32)
		out[r * c + i] = (float)((x[i] - mean) * scale * (w ? w[i] : 1) + (b ? b[i] : 0));
}

int
bp_norm_rows(struct bp_ctx *cx, float *out, const float *x, int64_t rows, int c, const struct bp_weight *w, const struct bp_weight *b)
{
	int64_t blocks = (rows + BP_THREADS / 32 - 1) / (BP_THREADS / 32);

	if (cx->dry || rows == 0)
		return BP_OK;
	norm_rows<<<(unsigned)blocks, BP_THREADS, 0, bp_stream(cx)>>>(out, x, rows, c, bp_wp(w), bp_wp(b));
	return bp_launched(cx, "layer_norm");
}

/* one warp a row */
static __global__ void
softmax_rows(float *x, int64_t rows, int n)
{
	int64_t r = blockIdx.x * (int64_t)(blockDim.x / 32) + threadIdx.x / 32;
	int lane = threadIdx.x % 32;
	float max = -INFINITY;
	double sum = 0;

	if (r >= rows)
		return;
	x += r * n;
	for (int i = lane; i < n; i += 32)
		max = fmaxf(max, x[i]);
	for (int d = 16; d; d /= 2)
		max = fmaxf(max, __shfl_xor_sync(~0u, max, d));
	for (int i = lane; i < n; i += 32)
		sum += x[i] = expf(x[i] - max);
	for (int d = 16; d; d /= 2)
		sum += __shfl_xor_sync(~0u, sum, d);
	for (int i = lane; i < n; i += 32)
		x[i] = (float)(x[i] / sum);
}

int
bp_softmax_rows(struct bp_ctx *cx, float *x, int64_t rows, int n)
{
	int64_t blocks = (rows + BP_THREADS / 32 - 1) / (BP_THREADS / 32);

	if (cx->dry || rows == 0)
		return BP_OK;
	softmax_rows<<<(unsigned)blocks, BP_THREADS, 0, bp_stream(cx)>>>(x, rows, n);
	return bp_launched(cx, "softmax");
}
