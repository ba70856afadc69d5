/* kernels/flash.cuh: softmax(q k^T / sqrt(d) + bias + mask) v, gated, without scores in memory: attention over all tokens or in windows of atoms.
 *
 * A warp has 16 queries of a head, a block's warps share the keys, which come by in tiles of 32 through shared memory. Products are tf32 on tensor
 * cores, or three of them for a result as good as fp32 (EXACT); scores, softmax and sums are fp32. In a fragment the column that stands in slot t
 * is free as long as both operands agree: slot t has number 2t and slot t + 4 number 2t + 1 of each eight, so that the scores that a lane ends
 * up with are those that it needs as the second product's operand. */
#ifndef BP_FLASH_CUH
#define BP_FLASH_CUH

#include "attention.cuh"
#include "mma.cuh"

extern "C" {
#include "ops/atom_attention.h"
}

struct bp_flash {
	const float *x;    /* [b,n,4c] q (without its bias), k, v and the gate's input of each row */
	const float *q_b;  /* [c]       */
	const float *bias; /* [heads,n,keys of a query] */
	const float *mask; /* [n] or NULL */
	float *o;          /* [b,n,c]   */
	int n, c, d, heads;
};

enum { BP_FLASH_TILE = 32 };

/* A tile of keys (or values) on its way: rows of global memory in registers, zeros outside. WIDE: d is a multiple of 4. No branches here: loads in a
 * branch wait for each other. */
template <int DP, int THREADS, bool WIDE>
struct bp_flash_tile {
	static constexpr int LOADS = BP_FLASH_TILE * DP / 4 / THREADS;
	float4 v[LOADS];

	__device__ inline void
	fetch(const float *x, int first, const bp_flash &a)
	{
#pragma unroll
		for (int l = 0; l < LOADS; l++) {
			int i = threadIdx.x + l * THREADS, row = first + i / (DP / 4), k = i % (DP / 4) * 4;
			const float *p = x + (int64_t)row * 4 * a.c + k;
			bool there = row >= 0 && row < a.n;
			v[l] = make_float4(0, 0, 0, 0);
			if (WIDE) {
				if (there && k < a.d)
					v[l] = *(const float4 *)p;
			} else {
				if (there && k < a.d)
					v[l].x = p[0];
				if (there && k + 1 < a.d)
					v[l].y = p[1];
				if (there && k + 2 < a.d)
					v[l].z = p[2];
				if (there && k + 3 < a.d)
					v[l].w = p[3];
			}
		}
	}

	template <bool EXACT>
	__device__ inline void
	put(float *s, int ld) const
	{
#pragma unroll
		for (int l = 0; l < LOADS; l++) {
			int i = threadIdx.x + l * THREADS;
			float4 w = v[l];
			if (!EXACT)
				w.x = bp_tf32(w.x), w.y = bp_tf32(w.y), w.z = bp_tf32(w.z), w.w = bp_tf32(w.w);
			*(float4 *)(s + i / (DP / 4) * ld + i % (DP / 4) * 4) = w;
		}
	}
};

template <bool EXACT>
static __device__ inline void
bp_flash_mma(float d[4], const float a[4], float b0, float b1)
{
	if (EXACT)
		bp_mma_3tf32(d, a, b0, b1);
	else
		bp_mma_tf32(d, a, b0, b1);
}

/* of a tile's keys: what is added to the scores of rows g and g + 8, [row][eight keys][2]; and the mask of key threadIdx.x, -1 outside. WIDE: the
 * number of keys is even */
struct bp_flash_bias {
	float2 b[2][4];
	float m;

	template <bool WINDOWS, bool WIDE>
	__device__ inline void
	fetch(const float *const row[2], int tile, int first, int keys, const bp_flash &a)
	{
		int at = tile * BP_FLASH_TILE, key = first + at + threadIdx.x;
		bool inside = key >= 0 && key < a.n;

#pragma unroll
		for (int i = 0; i < 2; i++)
#pragma unroll
			for (int j = 0; j < 4; j++) {
				int k = at + 8 * j + threadIdx.x % 4 * 2;
				b[i][j] = make_float2(0, 0);
				if (WIDE) {
					if (WINDOWS || k < keys)
						b[i][j] = *(const float2 *)(row[i] + k);
				} else {
					if (k < keys)
						b[i][j].x = row[i][k];
					if (k + 1 < keys)
						b[i][j].y = row[i][k + 1];
				}
			}
		m = inside ? 1 : -1;
		if (inside && a.mask && threadIdx.x < BP_FLASH_TILE)
			m = a.mask[key];
	}

	/* what the mask adds to the scores; a window's keys outside the atoms count as masked ones */
	template <bool WINDOWS>
	__device__ inline void
	put(float *s) const
	{
		if (threadIdx.x < BP_FLASH_TILE)
			s[threadIdx.x] = m >= 0 ? (1 - m) * -1e6f : WINDOWS ? -1e6f : -INFINITY;
	}
};

/* numbers k and k + 1 of a head at p, zeros beyond d or where there is no row */
template <bool WIDE>
static __device__ inline float2
bp_flash_pair(const float *p, int k, int d, bool there)
{
	float2 v = make_float2(0, 0);

	if (WIDE) {
		if (there && k < d)
			v = __ldg((const float2 *)(p + k));
	} else {
		if (there && k < d)
			v.x = __ldg(p + k);
		if (there && k + 1 < d)
			v.y = __ldg(p + k + 1);
	}
	return v;
}

/* grid: queries / (16 WARPS), heads, samples */
template <int DP, bool EXACT, int WARPS, bool WINDOWS, bool WIDE>
static __global__ void __launch_bounds__(WARPS * 32)
bp_flash_rows(bp_flash a)
{
	constexpr int LK = DP + 8, LV = DP + 4, STEPS = DP / 8, TILE = BP_FLASH_TILE; /* strides without bank conflicts */
	__shared__ __align__(16) float K[2][TILE * LK], V[2][TILE * LV], M[2][TILE];
	const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4, h = blockIdx.y, ld = 4 * a.c;
	const int query = blockIdx.x * WARPS * 16 + threadIdx.x / 32 * 16 + g;
	const int keys = WINDOWS ? BP_WINDOW_K : a.n, tiles = (keys + TILE - 1) / TILE;
	const int first = WINDOWS ? (int)blockIdx.x * BP_WINDOW_Q - (BP_WINDOW_K - BP_WINDOW_Q) / 2 : 0;
	const float *x = a.x + (int64_t)blockIdx.z * a.n * ld + h * a.d, *bias[2], LOG2E = 1.44269504088896341f, scale = 1 / sqrtf((float)a.d);
	float q[STEPS][4], o[STEPS][4] = {}, max[2] = { -INFINITY, -INFINITY }, sum[2] = {};
	bp_flash_tile<DP, WARPS * 32, WIDE> k, v;
	bp_flash_bias now, next;

#pragma unroll
	for (int s = 0; s < STEPS; s++)
#pragma unroll
		for (int i = 0; i < 2; i++) {
			int r = query + i * 8, c = 8 * s + 2 * t;
			float2 y = bp_flash_pair<WIDE>(x + (int64_t)r * ld, c, a.d, r < a.n), b = bp_flash_pair<WIDE>(a.q_b + h * a.d, c, a.d, r < a.n);
			q[s][i] = EXACT ? (y.x + b.x) * scale : bp_tf32((y.x + b.x) * scale);
			q[s][i + 2] = EXACT ? (y.y + b.y) * scale : bp_tf32((y.y + b.y) * scale);
		}
	for (int i = 0; i < 2; i++)
		bias[i] = a.bias + ((int64_t)h * a.n + min(query + i * 8, a.n - 1)) * keys;
	k.fetch(x + a.c, first, a);
	v.fetch(x + 2 * a.c, first, a);
	next.template fetch<WINDOWS, WIDE>(bias, 0, first, keys, a);
	k.template put<EXACT>(K[0], LK);
	v.template put<EXACT>(V[0], LV);
	next.template put<WINDOWS>(M[0]);
	for (int tile = 0; tile < tiles; tile++) {
		const float *sk = K[tile % 2], *sv = V[tile % 2], *sm = M[tile % 2];
		float s[4][4] = {}, pv[STEPS][4] = {};
		now = next;
		if (tile + 1 < tiles) {
			k.fetch(x + a.c, first + (tile + 1) * TILE, a);
			v.fetch(x + 2 * a.c, first + (tile + 1) * TILE, a);
			next.template fetch<WINDOWS, WIDE>(bias, tile + 1, first, keys, a);
		}
		__syncthreads(); /* this tile is there, and nobody reads the one before any more */
#pragma unroll
		for (int e = 0; e < STEPS; e++)
#pragma unroll
			for (int j = 0; j < 4; j++) {
				float2 b = *(const float2 *)(sk + (8 * j + g) * LK + 8 * e + 2 * t);
				bp_flash_mma<EXACT>(s[j], q[e], b.x, b.y);
			}
#pragma unroll
		for (int i = 0; i < 2; i++) { /* softmax of rows g, g + 8 as far as it is known */
			float most = max[i], part = 0, shrink;
#pragma unroll
			for (int j = 0; j < 4; j++) {
				float2 m = *(const float2 *)(sm + 8 * j + 2 * t);
				s[j][2 * i] += now.b[i][j].x + m.x;
				s[j][2 * i + 1] += now.b[i][j].y + m.y;
				most = fmaxf(most, fmaxf(s[j][2 * i], s[j][2 * i + 1]));
			}
			most = fmaxf(most, __shfl_xor_sync(~0u, most, 1));
			most = fmaxf(most, __shfl_xor_sync(~0u, most, 2));
			shrink = bp_exp2((max[i] - most) * LOG2E);
#pragma unroll
			for (int j = 0; j < 4; j++)
#pragma unroll
				for (int e = 0; e < 2; e++) {
					float *y = &s[j][2 * i + e];
					part += *y = bp_exp2((*y - most) * LOG2E);
				}
			max[i] = most;
			sum[i] = sum[i] * shrink + part;
#pragma unroll
			for (int e = 0; e < STEPS; e++)
				o[e][2 * i] *= shrink, o[e][2 * i + 1] *= shrink;
		}
#pragma unroll
		for (int j = 0; j < 4; j++) {
			float p[4] = { s[j][0], s[j][2], s[j][1], s[j][3] };
#pragma unroll
			for (int i = 0; i < 4 && !EXACT; i++)
				p[i] = bp_tf32(p[i]);
#pragma unroll
			for (int e = 0; e < STEPS; e++)
				bp_flash_mma<EXACT>(pv[e], p, sv[(8 * j + 2 * t) * LV + 8 * e + g], sv[(8 * j + 2 * t + 1) * LV + 8 * e + g]);
		}
#pragma unroll
		for (int e = 0; e < STEPS; e++) /* added up here: the tensor cores' sums are cut, not rounded */
#pragma unroll
			for (int i = 0; i < 4; i++)
				o[e][i] += pv[e][i];
		if (tile + 1 < tiles) {
			k.template put<EXACT>(K[(tile + 1) % 2], LK);
			v.template put<EXACT>(V[(tile + 1) % 2], LV);
			next.template put<WINDOWS>(M[(tile + 1) % 2]);
		}
	}
#pragma unroll
	for (int i = 0; i < 2; i++) {
		int r = query + i * 8;
		float2 gate[STEPS]; /* all loaded before the first is used */
#pragma unroll
		for (int e = 0; e < STEPS; e++)
			gate[e] = bp_flash_pair<WIDE>(x + (int64_t)r * ld + 3 * a.c, 8 * e + 2 * t, a.d, r < a.n);
		sum[i] += __shfl_xor_sync(~0u, sum[i], 1);
		sum[i] = 1 / (sum[i] + __shfl_xor_sync(~0u, sum[i], 2));
#pragma unroll
		for (int e = 0; e < STEPS; e++) {
			int c = 8 * e + 2 * t;
			float *out = a.o + ((int64_t)blockIdx.z * a.n + r) * a.c + h * a.d + c;
			float2 y = make_float2(__fdividef(o[e][2 * i] * sum[i], 1 + expf(-gate[e].x)),
			    __fdividef(o[e][2 * i + 1] * sum[i], 1 + expf(-gate[e].y)));
			if (!EXACT)
				y.x = bp_tf32(y.x), y.y = bp_tf32(y.y);
			if (WIDE) {
				if (r < a.n && c < a.d)
					*(float2 *)out = y;
			} else {
				if (r < a.n && c < a.d)
					out[0] = y.x;
				if (r < a.n && c + 1 < a.d)
					out[1] = y.y;
			}
		}
	}
}

template <int DP, bool EXACT, bool WINDOWS, bool WIDE>
static inline void
bp_flash_launch(struct bp_ctx *cx, const bp_flash *a, int b)
{
	constexpr int WARPS = WINDOWS ? 2 : 4;

	bp_flash_rows<DP, EXACT, WARPS, WINDOWS, WIDE>
	    <<<dim3((a->n + 16 * WARPS - 1) / (16 * WARPS), a->heads, b), WARPS * 32, 0, bp_stream(cx)>>>(*a);
}

template <bool EXACT, bool WINDOWS>
static inline void
bp_flash_width(struct bp_ctx *cx, const bp_flash *a, int b)
{
	if (a->d % 4 || a->n % 2)
		bp_flash_launch<64, EXACT, WINDOWS, false>(cx, a, b);
	else if (a->d <= 16)
		bp_flash_launch<16, EXACT, WINDOWS, true>(cx, a, b);
	else if (a->d <= 32)
		bp_flash_launch<32, EXACT, WINDOWS, true>(cx, a, b);
	else if (a->d <= 48)
		bp_flash_launch<48, EXACT, WINDOWS, true>(cx, a, b);
	else
		bp_flash_launch<64, EXACT, WINDOWS, true>(cx, a, b);
}

/* both attentions: A is the op; n rows a sample */
template <bool WINDOWS, class A>
static inline int
bp_flash_attention(struct bp_ctx *cx, const A *a, int n, const char *op)
{
	const struct bp_weight *const W[] = { &a->w->q, &a->w->k, &a->w->v, &a->w->g };
	struct bp_mark m = bp_dev_mark(cx);
	int64_t rows = (int64_t)a->b * n, all = rows * a->c;
	bp_flash f = { NULL, a->w->q_b.p, a->bias, a->mask, NULL, n, a->c, a->c / a->heads, a->heads };
	float *x, *o;

	if (f.d > 64 || a->heads > 65535 || a->b > 65535)
		return BP_FAIL(cx->err, BP_EUNSUP, "take --op NAME=original", "%s: %d samples, %d heads of %d: at most 65535, and heads of 64", op,
		    a->b, a->heads, f.d);
	BP_CUDA_NEW(x, 4 * all, cx);
	BP_CUDA_NEW(o, all, cx);
	if (!cx->dry && all) {
		f.x = x;
		f.o = o;
		BP_TRY(bp_blas_stack(cx, x, a->x, rows, W, 4));
		if (cx->precision == BP_FP32)
			bp_flash_width<true, WINDOWS>(cx, &f, a->b);
		else
			bp_flash_width<false, WINDOWS>(cx, &f, a->b);
		BP_TRY(bp_launched(cx, op));
		BP_TRY(bp_blas_linear(cx, x, o, rows, &a->w->o, false));
		bp_gated_samples(cx, a->out, x, a->gate, a->b, n, a->c);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, op);
}

#endif
