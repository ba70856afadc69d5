#include "cuda.cuh"

extern "C" {
#include "ops/linear.h"
}

#include "mma.cuh"

static __global__ void
concat(float *out, const float *x, const float *y, int64_t rows, int k, int k2)
{
	BP_EACH(i, rows * (k + k2)) {
		int64_t r = i / (k + k2), c = i % (k + k2);
		out[i] = c < k ? x[r * k + c] : y[r * k2 + c - k];
	}
}

static __global__ void
relu(float *out, const float *x, int64_t n)
{
	BP_EACH(i, n)
		out[i] = fmaxf(x[i], 0);
}

/* out (+)= act(y + b) */
static __global__ void
finish(float *out, const float *y, const float *b, int64_t rows, int n, enum bp_act act, bool add)
{
	BP_EACH(i, rows * n) {
		float v = y[i] + (b ? b[i % n] : 0);
		v = act == BP_ACT_RELU ? fmaxf(v, 0) : act == BP_ACT_SIGMOID ? bp_dev_sigmoid(v) : v;
		out[i] = add ? out[i] + v : v;
	}
}

int
bp_linear_cuda(struct bp_ctx *cx, const struct bp_linear *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int k = a->k + a->k2, n = a->W->n;
	bool plain = !a->b && a->act == BP_ACT_NONE;
	const float *x = a->x;
	float *t = NULL, *y = a->out;

	if (a->norm || a->in_relu || a->k2)
		BP_CUDA_NEW(t, a->rows * k, cx);
	if (!plain)
		BP_CUDA_NEW(y, a->rows * n, cx);
	if (!cx->dry && a->rows) {
		if (a->k2) {
			concat<<<BP_GRID(a->rows * k), 0, bp_stream(cx)>>>(t, x, a->x2, a->rows, a->k, a->k2);
			x = t;
		}
		if (a->norm) {
			BP_TRY(bp_norm_rows(cx, t, x, a->rows, k, a->nw, a->nb));
			x = t;
		}
		if (a->in_relu) {
			relu<<<BP_GRID(a->rows * k), 0, bp_stream(cx)>>>(t, x, a->rows * k);
			x = t;
		}
		BP_TRY(bp_blas_linear(cx, y, x, a->rows, a->W, plain && a->add));
		if (!plain)
			finish<<<BP_GRID(a->rows * n), 0, bp_stream(cx)>>>(a->out, y, bp_wp(a->b), a->rows, n, a->act, a->add);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "linear");
}

/* ---- optimized: one pass before the product and at most one after it; few inputs or outputs without cuBLAS ---- */

enum { MOST = 1024, FEW = 8 }; /* inputs of a normalised row, which a warp's registers hold; inputs or outputs that are few */

/* the row r as the product reads it: numbers lane, lane + 32, ... */
template <int N>
static __device__ inline void
prepared(float v[N], const bp_linear &a, const float *nw, const float *nb, int64_t r)
{
	int lane = threadIdx.x % 32, k = a.k + a.k2;
	float mean = 0, var = 0, scale;

#pragma unroll
	for (int i = 0; i < N; i++) {
		int at = i * 32 + lane;
		v[i] = at < a.k ? a.x[r * a.k + at] : at < k ? a.x2[r * a.k2 + at - a.k] : 0;
		mean += v[i];
	}
	if (a.norm) {
		for (int d = 16; d; d /= 2)
			mean += __shfl_xor_sync(~0u, mean, d);
		mean /= k;
#pragma unroll
		for (int i = 0; i < N; i++)
			var += i * 32 + lane < k ? (v[i] - mean) * (v[i] - mean) : 0;
		for (int d = 16; d; d /= 2)
			var += __shfl_xor_sync(~0u, var, d);
		scale = 1 / sqrtf(var / k + 1e-5f);
#pragma unroll
		for (int i = 0; i < N; i++) {
			int at = i * 32 + lane;
			if (at < k)
				v[i] = (v[i] - mean) * scale * (nw ? nw[at] : 1) + (nb ? nb[at] : 0);
		}
	}
#pragma unroll
	for (int i = 0; i < N && a.in_relu; i++)
		v[i] = fmaxf(v[i], 0);
}

static __device__ inline float
activated(float x, enum bp_act act)
{
	return act == BP_ACT_RELU ? fmaxf(x, 0) : act == BP_ACT_SIGMOID ? bp_dev_sigmoid(x) : x;
}

/* t [rows,k+k2] = rows prepared, one warp a row */
template <int N>
static __global__ void
prepare(float *t, bp_linear a, const float *nw, const float *nb, bool round)
{
	int64_t r = blockIdx.x * (int64_t)(blockDim.x / 32) + threadIdx.x / 32;
	int k = a.k + a.k2;
	float v[N];

	if (r >= a.rows)
		return;
	prepared<N>(v, a, nw, nb, r);
#pragma unroll
	for (int i = 0; i < N; i++)
		if (i * 32 + threadIdx.x % 32 < k)
			t[r * k + i * 32 + threadIdx.x % 32] = round ? bp_tf32(v[i]) : v[i];
}

/* few outputs: all of it, one warp a row */
template <int N>
static __global__ void
few_outputs(bp_linear a, const float *nw, const float *nb, const float *W, const float *b, int n)
{
	int64_t r = blockIdx.x * (int64_t)(blockDim.x / 32) + threadIdx.x / 32;
	int k = a.k + a.k2, lane = threadIdx.x % 32;
	float v[N];

	if (r >= a.rows)
		return;
	prepared<N>(v, a, nw, nb, r);
	for (int o = 0; o < n; o++) {
		float sum = 0;
#pragma unroll
		for (int i = 0; i < N; i++)
			sum += i * 32 + lane < k ? v[i] * W[o * k + i * 32 + lane] : 0;
		for (int d = 16; d; d /= 2)
			sum += __shfl_xor_sync(~0u, sum, d);
		sum = activated(sum + (b ? b[o] : 0), a.act);
		if (lane == 0)
			a.out[r * n + o] = a.add ? a.out[r * n + o] + sum : sum;
	}
}

/* few inputs, no norm: a thread an output number */
static __global__ void
few_inputs(bp_linear a, const float *W, const float *b, int n)
{
	BP_EACH(i, a.rows * n) {
		int o = bp_rest(i, n);
		int64_t r = bp_quotient(i, n);
		float sum = b ? b[o] : 0;
		for (int k = 0; k < a.k; k++) {
			float x = a.x[r * a.k + k];
			sum += (a.in_relu ? fmaxf(x, 0) : x) * W[o * a.k + k];
		}
		sum = activated(sum, a.act);
		a.out[i] = a.add ? a.out[i] + sum : sum;
	}
}

/* out (+)= act(y + b) in groups of W numbers, n of them a row; y may be out */
template <int W>
static __global__ void
finish_groups(bp_group<W> *out, const bp_group<W> *y, const float *b, int64_t rows, int n, enum bp_act act, bool add)
{
	BP_EACH(i, rows * n) {
		bp_group<W> v = y[i], o = {};
		int k = b ? bp_rest(i, n) * W : 0;
		if (add)
			o = out[i];
#pragma unroll
		for (int e = 0; e < W; e++)
			o.v[e] += activated(v.v[e] + (b ? b[k + e] : 0), act);
		out[i] = o;
	}
}

/* N numbers a lane hold a row */
template <int N>
static int
rows(struct bp_ctx *cx, const struct bp_linear *a, float *t)
{
	unsigned blocks = (unsigned)((a->rows + 7) / 8);

	if (t)
		prepare<N><<<blocks, 256, 0, bp_stream(cx)>>>(t, *a, bp_wp(a->nw), bp_wp(a->nb), cx->precision != BP_FP32);
	else
		few_outputs<N><<<blocks, 256, 0, bp_stream(cx)>>>(*a, bp_wp(a->nw), bp_wp(a->nb), a->W->p, bp_wp(a->b), a->W->n);
	return bp_launched(cx, "linear");
}

static int
any_rows(struct bp_ctx *cx, const struct bp_linear *a, float *t)
{
	int k = a->k + a->k2;

	return k <= 128 ? rows<4>(cx, a, t) : k <= 384 ? rows<12>(cx, a, t) : k <= 768 ? rows<24>(cx, a, t) : rows<MOST / 32>(cx, a, t);
}

static int
fast(struct bp_ctx *cx, const struct bp_linear *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int k = a->k + a->k2, n = a->W->n;
	bool plain = !a->b && a->act == BP_ACT_NONE, prep = a->norm || a->in_relu || a->k2;
	float *t = NULL, *y = a->out;

	if (prep)
		BP_CUDA_NEW(t, a->rows * k, cx);
	if (!plain && a->add)
		BP_CUDA_NEW(y, a->rows * n, cx);
	if (!cx->dry && a->rows) {
		if (prep)
			BP_TRY(any_rows(cx, a, t));
		BP_TRY(bp_blas_linear(cx, y, prep ? t : a->x, a->rows, a->W, plain && a->add));
		if (!plain && bp_fours(n, a->out, y, NULL))
			finish_groups<4><<<BP_GRID(a->rows * n / 4), 0, bp_stream(cx)>>>((bp_group<4> *)a->out, (bp_group<4> *)y, bp_wp(a->b), a->rows,
			    n / 4, a->act, a->add);
		else if (!plain)
			finish_groups<1><<<BP_GRID(a->rows * n), 0, bp_stream(cx)>>>((bp_group<1> *)a->out, (bp_group<1> *)y, bp_wp(a->b), a->rows, n,
			    a->act, a->add);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "linear");
}

static int
fast_blocks(struct bp_ctx *cx, const struct bp_linear *a)
{
	const int64_t most = cx->members > 1 ? a->rows : BP_ROWS_FOR_BLAS; /* of small targets all, as each alone */
	struct bp_linear part = *a;

	for (int64_t r = 0; r < a->rows; r += most) {
		part.rows = a->rows - r < most ? a->rows - r : most;
		part.x = a->x + r * a->k;
		part.x2 = a->x2 ? a->x2 + r * a->k2 : NULL;
		part.out = a->out + r * a->W->n;
		BP_TRY(fast(cx, &part));
	}
	return BP_OK;
}

int
bp_linear_cuda_opt(struct bp_ctx *cx, const struct bp_linear *a)
{
	int k = a->k + a->k2, n = a->W->n;

	if (k > MOST && (a->norm || a->in_relu || a->k2))
		return bp_in_tf32(cx, bp_linear_cuda, a);
	if (n > FEW && (k > FEW || a->norm || a->k2))
		return bp_in_tf32(cx, fast_blocks, a);
	if (cx->dry || a->rows == 0)
		return BP_OK;
	if (n <= FEW && k <= MOST)
		return any_rows(cx, a, NULL);
	if (k > FEW)
		return bp_in_tf32(cx, fast_blocks, a);
	few_inputs<<<BP_GRID(a->rows * n), 0, bp_stream(cx)>>>(*a, a->W->p, bp_wp(a->b), n);
	return bp_launched(cx, "linear");
}
