/* kernels/flash.cuh: softmax(q k^T / sqrt(d) + bias + mask) v, gated, without scores in memory: attention over all tokens or in windows of atoms.
 *
 * A warp has 16 queries of a head. A block has two groups of warps with the same queries: one takes the even tiles of 32 keys, the other the odd
 * ones (with one sample there are few queries a multiprocessor, and a warp's tiles follow one another), and their sums are joined at the end. Products are
 * tf32 on tensor cores, or three of them for a result as good as fp32 (EXACT); softmax and sums are fp32. In a fragment the column that stands
 * in slot t is free as long as both operands agree: slot t has number 2t and slot t + 4 number 2t + 1 of each eight, so that the scores that a lane
 * ends up with are those that it needs as the second product's operand. */
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
	const float *bias; /* [heads,members,n,keys of a query] */
	const float *mask; /* [members,n] or NULL */
	float *o;          /* [b,n,c]   */
	int n, c, d, heads, members;
};

enum { BP_FLASH_TILE = 32, BP_FLASH_GROUPS = 2 };

/* x rounded to tf32 as the operand of a product, which cuts the lower 13 bits off by itself */
static __device__ inline float
bp_flash_operand(float x)
{
	return __uint_as_float(__float_as_uint(x) + 0x1000);
}

/* A tile of keys (or values) on its way: rows of global memory in registers, zeros outside; four threads a row. WIDE: d is a multiple of 4. No
 * branches here: loads in a branch wait for each other. */
template <int DP, int THREADS, bool WIDE>
struct bp_flash_tile {
	static constexpr int PARTS = DP / 16, ROWS = THREADS / 4, PASSES = BP_FLASH_TILE / ROWS;
	const float *p;
	float4 v[PASSES * PARTS];

	/* the row's numbers k, k + 1 .. of tile `first` */
	__device__ inline void
	begin(const float *x, int ld, int row, int k)
	{
		p = x + (int64_t)row * ld + k;
	}

	__device__ inline void
	fetch(int row, int k, int ld, const bp_flash &a)
	{
#pragma unroll
		for (int i = 0; i < PASSES; i++)
#pragma unroll
			for (int l = 0; l < PARTS; l++) {
				const float *from = p + i * ROWS * ld + 16 * l;
				float4 *to = &v[i * PARTS + l];
				int left = (unsigned)(row + i * ROWS) < (unsigned)a.n ? a.d - k - 16 * l : 0;
				*to = make_float4(0, 0, 0, 0);
				if (WIDE) {
					if (left > 0)
						*to = *(const float4 *)from;
				} else {
					if (left > 0)
						to->x = from[0];
					if (left > 1)
						to->y = from[1];
					if (left > 2)
						to->z = from[2];
					if (left > 3)
						to->w = from[3];
				}
			}
		p += BP_FLASH_GROUPS * BP_FLASH_TILE * (int64_t)ld;
	}

	/* s: where the thread's first number goes */
	template <bool EXACT>
	__device__ inline void
	put(float *s, int ld) const
	{
#pragma unroll
		for (int i = 0; i < PASSES; i++)
#pragma unroll
			for (int l = 0; l < PARTS; l++) {
				float4 w = v[i * PARTS + l];
				if (!EXACT) {
					w.x = bp_flash_operand(w.x), w.y = bp_flash_operand(w.y);
					w.z = bp_flash_operand(w.z), w.w = bp_flash_operand(w.w);
				}
				*(float4 *)(s + i * ROWS * ld + 16 * l) = w;
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

/* of a tile's keys: what is added to the scores of rows g and g + 8, [row][eight keys][2]; and the mask of the thread's own key, -1 outside. PAIRS:
 * the number of keys is even */
struct bp_flash_bias {
	float2 b[2][4];
	float m;

	/* at: the first key of the lane, mine: the thread's own */
	template <bool PAIRS>
	__device__ inline void
	fetch(const float *const row[2], int at, int keys, const float *mask, int mine, int n)
	{
#pragma unroll
		for (int i = 0; i < 2; i++)
#pragma unroll
			for (int j = 0; j < 4; j++) {
				b[i][j] = make_float2(0, 0);
				if (PAIRS) {
					if (at + 8 * j < keys)
						b[i][j] = *(const float2 *)(row[i] + at + 8 * j);
				} else {
					if (at + 8 * j < keys)
						b[i][j].x = row[i][at + 8 * j];
					if (at + 8 * j + 1 < keys)
						b[i][j].y = row[i][at + 8 * j + 1];
				}
			}
		m = (unsigned)mine < (unsigned)n ? 1 : -1;
		if (mask && m > 0)
			m = mask[mine];
	}

	/* what the mask adds to the scores; a window's keys outside the atoms count as masked ones */
	template <bool WINDOWS>
	__device__ inline float
	masked(void) const
	{
		return m >= 0 ? (1 - m) * -1e6f : WINDOWS ? -1e6f : -1e30f;
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

/* what a warp has of its 16 queries: rows g and g + 8 */
template <int STEPS>
struct bp_flash_sums {
	float o[STEPS][4] = {}, max[2] = { -INFINITY, -INFINITY }, sum[2] = {}; /* sum: this lane's part */

	/* s = exp(s - max) of these scores */
	__device__ inline void
	soften(float s[4][4])
	{
		const float LOG2E = 1.44269504088896341f;

#pragma unroll
		for (int i = 0; i < 2; i++) {
			float most = max[i], part = 0, shrink;
#pragma unroll
			for (int j = 0; j < 4; j++)
				most = fmaxf(most, fmaxf(s[j][2 * i], s[j][2 * i + 1]));
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
	}

	/* o += s v; EXACT: the tensor cores' sums are cut, not rounded, so that the tiles are added up outside them */
	template <bool EXACT>
	__device__ inline void
	add(const float s[4][4], const float *v, int ld)
	{
		float own[STEPS][4] = {};

#pragma unroll
		for (int j = 0; j < 4; j++) {
			float p[4] = { s[j][0], s[j][2], s[j][1], s[j][3] };
#pragma unroll
			for (int i = 0; i < 4 && !EXACT; i++)
				p[i] = bp_flash_operand(p[i]);
#pragma unroll
			for (int e = 0; e < STEPS; e++)
				bp_flash_mma<EXACT>(EXACT ? own[e] : o[e], p, v[8 * j * ld + 8 * e], v[(8 * j + 1) * ld + 8 * e]);
		}
#pragma unroll
		for (int e = 0; e < STEPS && EXACT; e++)
#pragma unroll
			for (int i = 0; i < 4; i++)
				o[e][i] += own[e][i];
	}

	/* through shared memory: number i of a thread at s[i * stride] */
	__device__ inline void
	leave(float *s, int stride) const
	{
#pragma unroll
		for (int i = 0; i < 2; i++)
			s[2 * i * stride] = max[i], s[(2 * i + 1) * stride] = sum[i];
#pragma unroll
		for (int e = 0; e < STEPS * 4; e++)
			s[(4 + e) * stride] = o[e / 4][e % 4];
	}

	__device__ inline void
	join(const float *s, int stride)
	{
		const float LOG2E = 1.44269504088896341f;

#pragma unroll
		for (int i = 0; i < 2; i++) {
			float other = s[2 * i * stride], most = fmaxf(max[i], other);
			float mine = bp_exp2((max[i] - most) * LOG2E), its = bp_exp2((other - most) * LOG2E);
			sum[i] = sum[i] * mine + s[(2 * i + 1) * stride] * its;
#pragma unroll
			for (int e = 0; e < STEPS * 2; e++) {
				float *y = &o[e / 2][2 * i + e % 2];
				*y = *y * mine + s[(4 + e / 2 * 4 + 2 * i + e % 2) * stride] * its;
			}
		}
	}
};

/* o of the rows, gated; x: the sample's q of head h */
template <int DP, bool EXACT, bool WIDE>
static __device__ inline void
bp_flash_out(bp_flash_sums<DP / 8> *w, const bp_flash &a, const float *x, int query, int h)
{
	const int t = threadIdx.x % 4;

#pragma unroll
	for (int i = 0; i < 2; i++) {
		int r = query + i * 8;
		float2 gate[DP / 8]; /* all loaded before the first is used */
		float *out = a.o + ((int64_t)blockIdx.z * a.n + r) * a.c + h * a.d + 2 * t, scale = w->sum[i];
#pragma unroll
		for (int e = 0; e < DP / 8; e++)
			gate[e] = bp_flash_pair<WIDE>(x + (int64_t)r * 4 * a.c + 3 * a.c, 8 * e + 2 * t, a.d, r < a.n);
		scale += __shfl_xor_sync(~0u, scale, 1);
		scale = 1 / (scale + __shfl_xor_sync(~0u, scale, 2));
#pragma unroll
		for (int e = 0; e < DP / 8; e++) {
			float2 y = make_float2(__fdividef(w->o[e][2 * i] * scale, 1 + expf(-gate[e].x)),
			    __fdividef(w->o[e][2 * i + 1] * scale, 1 + expf(-gate[e].y)));
			int left = r < a.n ? a.d - 8 * e - 2 * t : 0;
			if (!EXACT)
				y.x = bp_tf32(y.x), y.y = bp_tf32(y.y);
			if (WIDE) {
				if (left > 0)
					*(float2 *)(out + 8 * e) = y;
			} else {
				if (left > 0)
					out[8 * e] = y.x;
				if (left > 1)
					out[8 * e + 1] = y.y;
			}
		}
	}
}

/* grid: queries / (16 WARPS), heads, samples; WARPS a group */
template <int DP, bool EXACT, int WARPS, bool WINDOWS, bool WIDE, bool PAIRS>
static __global__ void __launch_bounds__(BP_FLASH_GROUPS *WARPS * 32, EXACT || DP > 48 ? 1 : 8 / WARPS)
bp_flash_rows(bp_flash a)
{
	constexpr int LK = DP + 8, LV = DP + 4, STEPS = DP / 8, TILE = BP_FLASH_TILE, THREADS = WARPS * 32; /* strides without bank conflicts */
	constexpr int JUMP = BP_FLASH_GROUPS * TILE, ROOM = TILE * (LK + LV + 1);
	__shared__ __align__(16) float shared[BP_FLASH_GROUPS * ROOM];
	const int tid = threadIdx.x % THREADS, group = threadIdx.x / THREADS, lane = tid % 32, g = lane / 4, t = lane % 4, h = blockIdx.y, ld = 4 * a.c;
	const int query = blockIdx.x * WARPS * 16 + tid / 32 * 16 + g, keys = WINDOWS ? BP_WINDOW_K : a.n;
	const int first = WINDOWS ? (int)blockIdx.x * BP_WINDOW_Q - (BP_WINDOW_K - BP_WINDOW_Q) / 2 : 0;
	const float *x = a.x + (int64_t)blockIdx.z * a.n * ld + h * a.d, *bias[2], scale = 1 / sqrtf((float)a.d);
	float *K = shared + group * ROOM, *V = K + TILE * LK, *M = V + TILE * LV, q[STEPS][4];
	int row = first + group * TILE + tid / 4, col = tid % 4 * 4;
	const int member = a.members > 1 ? blockIdx.z % a.members : 0;
	const float *mask = a.mask ? a.mask + (int64_t)member * a.n : NULL;
	bp_flash_tile<DP, THREADS, WIDE> k, v;
	bp_flash_bias now, next;
	bp_flash_sums<STEPS> w;

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
		bias[i] = a.bias + (((int64_t)h * a.members + member) * a.n + min(query + i * 8, a.n - 1)) * keys;
	k.begin(x + a.c, ld, row, col);
	v.begin(x + 2 * a.c, ld, row, col);
	k.fetch(row, col, ld, a);
	v.fetch(row, col, ld, a);
	next.template fetch<PAIRS>(bias, group * TILE + 2 * t, keys, mask, first + group * TILE + tid, a.n);
	/* both groups go round as often; a tile beyond the keys is zeros with scores of -1e30, which the join forgets */
	for (int at = group * TILE; at - group * TILE < keys; at += JUMP) {
		float s[4][4] = {};
		__syncthreads(); /* nobody reads the tile before any more */
		k.template put<EXACT>(K + tid / 4 * LK + col, LK);
		v.template put<EXACT>(V + tid / 4 * LV + col, LV);
		if (tid < TILE)
			M[tid] = next.template masked<WINDOWS>();
		__syncthreads();
		now = next;
		if (at - group * TILE + JUMP < keys) {
			row += JUMP;
			k.fetch(row, col, ld, a);
			v.fetch(row, col, ld, a);
			next.template fetch<PAIRS>(bias, at + JUMP + 2 * t, keys, mask, first + at + JUMP + tid, a.n);
		}
#pragma unroll
		for (int e = 0; e < STEPS; e++)
#pragma unroll
			for (int j = 0; j < 4; j++) {
				float2 b = *(const float2 *)(K + (8 * j + g) * LK + 8 * e + 2 * t);
				bp_flash_mma<EXACT>(s[j], q[e], b.x, b.y);
			}
#pragma unroll
		for (int j = 0; j < 4; j++) {
			float2 m = *(const float2 *)(M + 8 * j + 2 * t);
#pragma unroll
			for (int i = 0; i < 2; i++)
				s[j][2 * i] += now.b[i][j].x + m.x, s[j][2 * i + 1] += now.b[i][j].y + m.y;
		}
		w.soften(s);
		w.template add<EXACT>(s, V + 2 * t * LV + g, LV);
	}
	__syncthreads();
	if (group == 1)
		w.leave(shared + tid, THREADS);
	__syncthreads();
	if (group == 1)
		return;
	w.join(shared + tid, THREADS);
	bp_flash_out<DP, EXACT, WIDE>(&w, a, x, query, h);
}

template <int DP, bool EXACT, bool WINDOWS, bool WIDE, bool PAIRS>
static inline void
bp_flash_launch(struct bp_ctx *cx, const bp_flash *a, int b)
{
	constexpr int WARPS = WINDOWS ? 2 : 4;

	bp_flash_rows<DP, EXACT, WARPS, WINDOWS, WIDE, PAIRS>
	    <<<dim3((a->n + 16 * WARPS - 1) / (16 * WARPS), a->heads, b), BP_FLASH_GROUPS * WARPS * 32, 0, bp_stream(cx)>>>(*a);
}

template <bool EXACT, bool WINDOWS, bool PAIRS>
static inline void
bp_flash_width(struct bp_ctx *cx, const bp_flash *a, int b)
{
	if (a->d % 4)
		bp_flash_launch<64, EXACT, WINDOWS, false, PAIRS>(cx, a, b);
	else if (a->d <= 16)
		bp_flash_launch<16, EXACT, WINDOWS, true, PAIRS>(cx, a, b);
	else if (a->d <= 32)
		bp_flash_launch<32, EXACT, WINDOWS, true, PAIRS>(cx, a, b);
	else if (a->d <= 48)
		bp_flash_launch<48, EXACT, WINDOWS, true, PAIRS>(cx, a, b);
	else
		bp_flash_launch<64, EXACT, WINDOWS, true, PAIRS>(cx, a, b);
}

/* windows have 128 keys: always pairs */
template <bool EXACT, bool WINDOWS>
static inline void
bp_flash_keys(struct bp_ctx *cx, const bp_flash *a, int b)
{
	if (WINDOWS || a->n % 2 == 0)
		bp_flash_width<EXACT, WINDOWS, true>(cx, a, b);
	else
		bp_flash_width<EXACT, WINDOWS, WINDOWS>(cx, a, b);
}

/* both attentions: A is the op; n rows a sequence */
template <bool WINDOWS, class A>
static inline int
bp_flash_attention(struct bp_ctx *cx, const A *a, int n, const char *op)
{
	const struct bp_weight *const W[] = { &a->w->q, &a->w->k, &a->w->v, &a->w->g };
	struct bp_mark m = bp_dev_mark(cx);
	int64_t rows = (int64_t)a->b * n, all = rows * a->c;
	bp_flash f = { NULL, a->w->q_b.p, a->bias, a->mask, NULL, n, a->c, a->c / a->heads, a->heads, bp_members(a->members) };
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
			bp_flash_keys<true, WINDOWS>(cx, &f, a->b);
		else
			bp_flash_keys<false, WINDOWS>(cx, &f, a->b);
		BP_TRY(bp_launched(cx, op));
		BP_TRY(bp_blas_linear(cx, x, o, rows, &a->w->o, false));
		bp_gated_samples(cx, a->out, x, a->gate, a->b / f.members, (int64_t)f.members * n, a->c);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, op);
}

#endif
