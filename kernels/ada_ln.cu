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

/* One warp a row, N groups of W numbers a lane; all loads come before what needs them, and none is in a branch. round: to tf32, as products alone
 * read the result */
template <int N, int W>
static __global__ void
norm_modulate(struct bp_ada_ln a, bool round)
{
	typedef bp_group<W> group;
	int64_t r = blockIdx.x * (int64_t)(blockDim.x / 32) + threadIdx.x / 32;
	int lane = threadIdx.x % 32, groups = a.c / W;
	group v[N], p[N], q[N];
	float mean = 0, var = 0, scale;

	if (r >= (int64_t)a.b * a.rows)
		return;
	const group *x = (const group *)(a.a + r * a.c), *u = (const group *)(a.scale + r % a.rows * a.c), *w = (const group *)(a.shift + r % a.rows * a.c);
	group *out = (group *)(a.out + r * a.c);
#pragma unroll
	for (int i = 0; i < N; i++) {
		v[i] = p[i] = q[i] = group {};
		if (i * 32 + lane < groups)
			v[i] = x[i * 32 + lane];
		if (i * 32 + lane < groups)
			p[i] = u[i * 32 + lane];
		if (i * 32 + lane < groups)
			q[i] = w[i * 32 + lane];
	}
#pragma unroll
	for (int i = 0; i < N; i++)
#pragma unroll
		for (int e = 0; e < W; e++)
			mean += v[i].v[e];
	for (int d = 16; d; d /= 2)
		mean += __shfl_xor_sync(~0u, mean, d);
	mean /= a.c;
#pragma unroll
	for (int i = 0; i < N; i++)
#pragma unroll
		for (int e = 0; e < W; e++)
			var += i * 32 + lane < groups ? (v[i].v[e] - mean) * (v[i].v[e] - mean) : 0;
	for (int d = 16; d; d /= 2)
		var += __shfl_xor_sync(~0u, var, d);
	scale = 1 / sqrtf(var / a.c + 1e-5f);
#pragma unroll
	for (int i = 0; i < N; i++) {
#pragma unroll
		for (int e = 0; e < W; e++) {
			float y = p[i].v[e] * ((v[i].v[e] - mean) * scale) + q[i].v[e];
			v[i].v[e] = round ? bp_tf32(y) : y;
		}
		if (i * 32 + lane < groups)
			out[i * 32 + lane] = v[i];
	}
}

int
bp_ada_ln_cuda_opt(struct bp_ctx *cx, const struct bp_ada_ln *a)
{
	int64_t rows = (int64_t)a->b * a->rows;
	unsigned blocks = (unsigned)((rows + 3) / 4);
	bool round = cx->precision != BP_FP32, fours = bp_fours(a->c, a->a, a->scale, a->shift) && bp_fours(a->c, a->out, NULL, NULL);

	if (a->c > 1024)
		return BP_FAIL(cx->err, BP_EUNSUP, "take --op ada_ln=original", "ada_ln: %d channels, 1024 at most", a->c);
	if (cx->dry || rows == 0)
		return BP_OK;
	if (!fours)
		norm_modulate<32, 1><<<blocks, 128, 0, bp_stream(cx)>>>(*a, round);
	else if (a->c <= 128)
		norm_modulate<1, 4><<<blocks, 128, 0, bp_stream(cx)>>>(*a, round);
	else if (a->c <= 384)
		norm_modulate<3, 4><<<blocks, 128, 0, bp_stream(cx)>>>(*a, round);
	else if (a->c <= 768)
		norm_modulate<6, 4><<<blocks, 128, 0, bp_stream(cx)>>>(*a, round);
	else
		norm_modulate<8, 4><<<blocks, 128, 0, bp_stream(cx)>>>(*a, round);
	return bp_launched(cx, "ada_ln");
}
