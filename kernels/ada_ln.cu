#include "cuda.cuh"

extern "C" {
#include "ops/ada_ln.h"
}

#include "mma.cuh"

static __global__ void
modulate(float *x, const float *scale, const float *shift, int64_t total, int64_t sample)
{
	BP_EACH(i, total)
		x[i] = scale[i % sample] * x[i] + shift[i % sample];
}

int
bp_ada_ln_cuda(struct bp_ctx *cx, const struct bp_ada_ln *a)
{
	int64_t sample = (int64_t)a->rows * a->c, total = a->b * sample;

	if (cx->dry || total == 0)
		return BP_OK;
	BP_TRY(bp_norm_rows(cx, a->out, a->a, (int64_t)a->b * a->rows, a->c, NULL, NULL));
	modulate<<<BP_GRID(total), 0, bp_stream(cx)>>>(a->out, a->scale, a->shift, total, sample);
	return bp_launched(cx, "ada_ln");
}

/* one warp a row, N numbers a lane. round: to tf32, which is what reads the result next */
template <int N>
static __global__ void
norm_modulate(struct bp_ada_ln a, bool round)
{
	int64_t r = blockIdx.x * (int64_t)(blockDim.x / 32) + threadIdx.x / 32, at;
	int lane = threadIdx.x % 32;
	float v[N], mean = 0, var = 0, scale;

	if (r >= (int64_t)a.b * a.rows)
		return;
	at = r % a.rows * a.c;
	a.a += r * a.c;
	a.out += r * a.c;
#pragma unroll
	for (int i = 0; i < N; i++)
		v[i] = i * 32 + lane < a.c ? a.a[i * 32 + lane] : 0;
#pragma unroll
	for (int i = 0; i < N; i++)
		mean += v[i];
	for (int d = 16; d; d /= 2)
		mean += __shfl_xor_sync(~0u, mean, d);
	mean /= a.c;
#pragma unroll
	for (int i = 0; i < N; i++)
		var += i * 32 + lane < a.c ? (v[i] - mean) * (v[i] - mean) : 0;
	for (int d = 16; d; d /= 2)
		var += __shfl_xor_sync(~0u, var, d);
	scale = 1 / sqrtf(var / a.c + 1e-5f);
#pragma unroll
	for (int i = 0; i < N; i++) {
		int k = i * 32 + lane;
		if (k < a.c) {
			float y = __ldg(a.scale + at + k) * ((v[i] - mean) * scale) + __ldg(a.shift + at + k); /* not behind the stores */
			a.out[k] = round ? bp_tf32(y) : y;
		}
	}
}

int
bp_ada_ln_cuda_opt(struct bp_ctx *cx, const struct bp_ada_ln *a)
{
	int64_t rows = (int64_t)a->b * a->rows;
	unsigned blocks = (unsigned)((rows + 3) / 4);
	bool round = cx->precision != BP_FP32;

	if (a->c > 1024)
		return BP_FAIL(cx->err, BP_EUNSUP, "take --op ada_ln=original", "ada_ln: %d channels, 1024 at most", a->c);
	if (cx->dry || rows == 0)
		return BP_OK;
	if (a->c <= 128)
		norm_modulate<4><<<blocks, 128, 0, bp_stream(cx)>>>(*a, round);
	else if (a->c <= 384)
		norm_modulate<12><<<blocks, 128, 0, bp_stream(cx)>>>(*a, round);
	else if (a->c <= 768)
		norm_modulate<24><<<blocks, 128, 0, bp_stream(cx)>>>(*a, round);
	else
		norm_modulate<32><<<blocks, 128, 0, bp_stream(cx)>>>(*a, round);
	return bp_launched(cx, "ada_ln");
}
