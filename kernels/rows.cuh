/* kernels/rows.cuh: a layer norm and a product of many rows of up to 128 channels in bf16, the rows read once: for the ops that project pairs or
 * the MSA. A warp's rows stay in its registers from the norm to the product; all weights stay in shared memory (mma.cuh). */
#ifndef BP_ROWS_CUH
#define BP_ROWS_CUH

#include "mma.cuh"

enum { BP_ROW_WARPS = 16, BP_HEAD_WARPS = 12 };

/* ---- out[h,r] = W[h,:] . LN(x[r,:]): few outputs, transposed; W y^T, so that a warp's 32 rows are columns ---- */

struct bp_row_heads {
	const float *x;          /* [rows,c] */
	const float *nw, *nb;    /* [c]      */
	const float *W;          /* [heads,c] */
	float *out;              /* [heads,rows] */
	int64_t rows, stride;    /* stride: from one row of out to the next */
	int c, heads;
	bool wide;               /* rows of x are 16-byte aligned    */
	bool whole;              /* eight rows of out are, too       */
};

template <int G>
static __global__ void __launch_bounds__(BP_HEAD_WARPS * 32, 1)
bp_row_heads_kernel(struct bp_row_heads p)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int ld = G * 32 + 8, tall = (p.heads + 15) / 16 * 16;
	const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
	const int64_t step = (int64_t)gridDim.x * BP_HEAD_WARPS * 32;
	bp_bf16 *W = (bp_bf16 *)shared;
	float *nw = (float *)(W + tall * ld), *nb = nw + G * 32;

	bp_stage<G * 32>(W, tall, { p.W, p.heads, p.c, 32, 32, false, true });
	bp_stage_vector(nw, G * 32, p.nw, p.c);
	bp_stage_vector(nb, G * 32, p.nb, p.c);
	__syncthreads();
	for (int64_t at = (blockIdx.x * (int64_t)BP_HEAD_WARPS + threadIdx.x / 32) * 32; at < p.rows; at += step) {
		uint32_t f[4][G * 4], w[4];
#pragma unroll
		for (int j = 0; j < 4; j++) { /* column g of tile j */
			int64_t r = at + 8 * (g / 2) + 2 * j + g % 2;
			bp_norm_frag<G>(f[j], r < p.rows ? p.x + r * p.c : NULL, p.c, p.wide, nw, nb);
		}
		for (int o = 0; o < tall; o += 16) {
			float y[4][4] = {};
#pragma unroll
			for (int s = 0; s < 2 * G; s++) {
				bp_load_a(w, W + o * ld + s * 16, ld);
#pragma unroll
				for (int j = 0; j < 4; j++)
					bp_mma(y[j], w, f[j][2 * s], f[j][2 * s + 1]);
			}
#pragma unroll
			for (int half = 0; half < 2; half++) {
				int h = o + half * 8 + g;
				float v[8];
#pragma unroll
				for (int j = 0; j < 4; j++)
					v[2 * j] = y[j][2 * half], v[2 * j + 1] = y[j][2 * half + 1];
				if (h < p.heads && at + 8 * t < p.rows)
					bp_store8(p.out + h * p.stride + at + 8 * t, v, (int)min((int64_t)8, p.rows - at - 8 * t), p.whole, false);
			}
		}
	}
}

static inline int
bp_row_heads(struct bp_ctx *cx, const char *op, struct bp_row_heads p)
{
	int groups = p.c <= 64 ? 2 : 4;
	size_t shared = (size_t)(p.heads + 15) / 16 * 16 * (groups * 32 + 8) * sizeof(bp_bf16) + (size_t)groups * 64 * sizeof(float);
	int64_t tiles = (p.rows + BP_HEAD_WARPS * 32 - 1) / (BP_HEAD_WARPS * 32);

	p.wide = bp_wide(p.x, p.c);
	p.whole = (uintptr_t)p.out % 16 == 0 && p.stride % 4 == 0;
	return bp_launch_walk(cx, op, groups == 2 ? bp_row_heads_kernel<2> : bp_row_heads_kernel<4>, tiles, BP_HEAD_WARPS * 32, shared, p);
}

/* ---- out[m][o][place(r)][32] = W_m LN(x[r,:]) * mask[r]: up to two weights m of `heads` heads o of d <= 32 numbers, widened to 32 ---- */

struct bp_row_parts {
	const float *x;          /* [s,n,c] */
	const float *nw, *nb;    /* [c]     */
	const float *W[2];       /* [heads*d,c] */
	const float *mask;       /* [s,n] or NULL */
	bp_bf16 *out;            /* [2][heads][s*n][32] */
	int64_t s;
	int n, c, heads, d;
	bool turn;               /* rows go out as [n,s] */
	bool wide;
};

template <int G>
static __global__ void __launch_bounds__(BP_ROW_WARPS * 32, 1)
bp_row_parts_kernel(struct bp_row_parts p)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int ld = G * 32 + 8, hp = p.heads * 32;
	const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
	const int64_t rows = p.s * p.n, step = (int64_t)gridDim.x * BP_ROW_WARPS * 16;
	bp_bf16 *W = (bp_bf16 *)shared;
	float *nw = (float *)(W + 2 * hp * ld), *nb = nw + G * 32;

	for (int m = 0; m < 2; m++)
		bp_stage<G * 32>(W + m * hp * ld, hp, { p.W[m], p.heads * p.d, p.c, p.d, 32, true, true });
	bp_stage_vector(nw, G * 32, p.nw, p.c);
	bp_stage_vector(nb, G * 32, p.nb, p.c);
	__syncthreads();
	for (int64_t at = (blockIdx.x * (int64_t)BP_ROW_WARPS + threadIdx.x / 32) * 16; at < rows; at += step) {
		uint32_t f[2][G * 4];
		int64_t place[2];
		float mask[2];
#pragma unroll
		for (int i = 0; i < 2; i++) {
			int64_t r = at + i * 8 + g;
			bp_norm_frag<G>(f[i], r < rows ? p.x + r * p.c : NULL, p.c, p.wide, nw, nb);
			place[i] = r >= rows ? -1 : p.turn ? r % p.n * p.s + r / p.n : r;
			mask[i] = p.mask && r < rows ? p.mask[r] : 1;
		}
		for (int o = 0; o < 2 * p.heads; o++) {
			float acc[1][4][4] = {};
			bp_rows_by_32(acc, f, W + o * 32 * ld, ld);
#pragma unroll
			for (int i = 0; i < 2; i++) {
				uint32_t v[4];
#pragma unroll
				for (int j = 0; j < 4; j++)
					v[j] = bp_pack2(acc[0][j][i * 2] * mask[i], acc[0][j][i * 2 + 1] * mask[i]);
				if (place[i] >= 0)
					*(uint4 *)(p.out + (o * rows + place[i]) * 32 + 8 * t) = *(uint4 *)v;
			}
		}
	}
}

static inline int
bp_row_parts(struct bp_ctx *cx, const char *op, struct bp_row_parts p)
{
	int groups = p.c <= 64 ? 2 : 4;
	size_t shared = (size_t)2 * p.heads * 32 * (groups * 32 + 8) * sizeof(bp_bf16) + (size_t)groups * 64 * sizeof(float);
	int64_t tiles = (p.s * p.n + BP_ROW_WARPS * 16 - 1) / (BP_ROW_WARPS * 16);

	p.wide = bp_wide(p.x, p.c);
	return bp_launch_walk(cx, op, groups == 2 ? bp_row_parts_kernel<2> : bp_row_parts_kernel<4>, tiles, BP_ROW_WARPS * 32, shared, p);
}

#endif
