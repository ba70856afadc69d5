#include "cuda.cuh"

extern "C" {
#include "ops/transition.h"
}

#include "mma.cuh"

/* h = silu(h) * g */
static __global__ void
swiglu(float *h, const float *g, int64_t n)
{
	BP_EACH(i, n)
		h[i] = bp_dev_silu(h[i]) * g[i];
}

int
bp_transition_cuda(struct bp_ctx *cx, const struct bp_transition *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t wide = a->rows * a->hidden;
	float *y, *h, *g;

	BP_CUDA_NEW(y, a->rows * a->c, cx);
	BP_CUDA_NEW(h, wide, cx);
	BP_CUDA_NEW(g, wide, cx);
	if (!cx->dry && a->rows) {
		BP_TRY(bp_norm_rows(cx, y, a->x, a->rows, a->c, a->nw, a->nb));
		BP_TRY(bp_blas_linear(cx, h, y, a->rows, a->fc1, false));
		BP_TRY(bp_blas_linear(cx, g, y, a->rows, a->fc2, false));
		swiglu<<<BP_GRID(wide), 0, bp_stream(cx)>>>(h, g, wide);
		BP_TRY(bp_blas_linear(cx, a->out, h, a->rows, a->fc3, a->add));
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "transition");
}

/* ---- optimized, bf16, up to 128 channels: rows in tiles, the hidden numbers never leave the registers ----
 * A warp has 16 rows: norm, then for each 32 hidden channels the two products, the gate, and their share of the third product. The weights
 * come by in pieces of 32 hidden channels that pack() has laid out as they lie in shared memory: [64][LD] of fc1 and fc2, [c][40] of fc3. */

enum { WARPS = 8, PIECE = 32, PIECE_LD = PIECE + 8 };

template <int G>
struct tile {
	static constexpr int LD = G * 32 + 8, WIDE = 2 * PIECE * LD, SIZE = WIDE + G * 32 * PIECE_LD; /* numbers a piece */
};

template <int G>
static __global__ void
pack(bp_bf16 *out, const float *fc1, const float *fc2, const float *fc3, int c, int hidden)
{
	const int LD = tile<G>::LD, WIDE = tile<G>::WIDE, SIZE = tile<G>::SIZE;
	int h0 = blockIdx.x * PIECE;

	out += (int64_t)blockIdx.x * SIZE;
	for (int i = threadIdx.x; i < WIDE; i += blockDim.x) { /* what fills up the rows, too: it is copied along */
		int r = i / LD, k = i % LD, h = h0 + r % PIECE;
		out[r * LD + (k < G * 32 ? bp_k_slot(k) : k)] = __float2bfloat16(k < c && h < hidden ? (r < PIECE ? fc1 : fc2)[(int64_t)h * c + k] : 0);
	}
	for (int i = threadIdx.x; i < G * 32 * PIECE_LD; i += blockDim.x) {
		int r = i / PIECE_LD, k = i % PIECE_LD, h = h0 + k, o = bp_n_source(r);
		out[WIDE + i] = __float2bfloat16(k < PIECE && o < c && h < hidden ? fc3[(int64_t)o * hidden + h] : 0);
	}
}

template <int G>
static __device__ inline void
fetch(bp_bf16 *to, const bp_bf16 *from)
{
	for (int i = threadIdx.x; i < tile<G>::SIZE / 8; i += WARPS * 32)
		bp_copy16(to + i * 8, from + i * 8, true);
	bp_copy_commit();
}

template <int G>
static __global__ void __launch_bounds__(WARPS * 32, 2) /* one block reads and writes rows while the other one computes */
rows(struct bp_transition a, const float *nw, const float *nb, const bp_bf16 *pieces, bool wide)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int LD = tile<G>::LD, SIZE = tile<G>::SIZE, c = a.c, count = (a.hidden + PIECE - 1) / PIECE;
	const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
	const int64_t at = (blockIdx.x * (int64_t)WARPS + threadIdx.x / 32) * 16;
	bp_bf16 *W = (bp_bf16 *)shared;
	float *norm = (float *)(W + 2 * SIZE);
	uint32_t f[2][G * 4];
	float out[G * 4][4] = {};

	fetch<G>(W, pieces);
	bp_stage_vector(norm, G * 32, nw, c);
	bp_stage_vector(norm + G * 32, G * 32, nb, c);
	__syncthreads();
#pragma unroll
	for (int i = 0; i < 2; i++) {
		int64_t r = at + i * 8 + g;
		bp_norm_frag<G>(f[i], r < a.rows ? a.x + r * c : NULL, c, wide, norm, norm + G * 32);
	}
	for (int piece = 0; piece < count; piece++) {
		const bp_bf16 *w = W + piece % 2 * SIZE;
		bp_copy_wait<0>();
		__syncthreads(); /* this piece is there, and nobody reads the one before any more */
		if (piece + 1 < count)
			fetch<G>(W + (piece + 1) % 2 * SIZE, pieces + (int64_t)(piece + 1) * SIZE);
#pragma unroll
		for (int half = 0; half < 2; half++) {
			const bp_bf16 *up = w + half * 16 * LD;
			uint32_t h[4], b[4], v[4], x[4];
			float p[2][4] = {}, q[2][4] = {};
#pragma unroll
			for (int s = 0; s < 2 * G; s++) {
				bp_load_b(b, up + s * 16, LD);
				bp_load_b(v, up + PIECE * LD + s * 16, LD);
				bp_a_of(x, f[0], f[1], s);
#pragma unroll
				for (int j = 0; j < 2; j++) {
					bp_mma(p[j], x, b[j * 2], b[j * 2 + 1]);
					bp_mma(q[j], x, v[j * 2], v[j * 2 + 1]);
				}
			}
#pragma unroll
			for (int u = 0; u < 4; u++) { /* results of 16 x 8 as halves of A, 16 x 16 */
				float *y = p[u / 2] + u % 2 * 2, *z = q[u / 2] + u % 2 * 2;
				h[u] = bp_pack2(y[0] * bp_fast_sigmoid(y[0]) * z[0], y[1] * bp_fast_sigmoid(y[1]) * z[1]);
			}
#pragma unroll
			for (int o = 0; o < 2 * G; o++) {
				bp_load_b(b, w + tile<G>::WIDE + o * 16 * PIECE_LD + half * 16, PIECE_LD);
				bp_mma(out[o * 2], h, b[0], b[1]);
				bp_mma(out[o * 2 + 1], h, b[2], b[3]);
			}
		}
	}
#pragma unroll
	for (int i = 0; i < 2; i++)
#pragma unroll
		for (int o = 0; o < G; o++) {
			int64_t r = at + i * 8 + g;
			float v[8];
#pragma unroll
			for (int e = 0; e < 8; e++)
				v[e] = out[o * 4 + e / 2][i * 2 + e % 2];
			if (r < a.rows && o * 32 + 8 * t < c)
				bp_store8(a.out + r * c + o * 32 + 8 * t, v, c - o * 32 - 8 * t, wide, a.add);
		}
}

template <int G>
static int
narrow(struct bp_ctx *cx, const struct bp_transition *a, bp_bf16 *pieces)
{
	int64_t blocks = (a->rows + WARPS * 16 - 1) / (WARPS * 16);
	size_t shared = (size_t)2 * tile<G>::SIZE * sizeof *pieces + (size_t)G * 64 * sizeof(float);

	BP_TRY(bp_big_shared(cx, "transition", rows<G>, shared));
	pack<G><<<(a->hidden + PIECE - 1) / PIECE, BP_THREADS, 0, bp_stream(cx)>>>(pieces, a->fc1->p, a->fc2->p, a->fc3->p, a->c, a->hidden);
	rows<G><<<(unsigned)blocks, WARPS * 32, shared, bp_stream(cx)>>>(*a, bp_wp(a->nw), bp_wp(a->nb), pieces,
	    bp_wide(a->x, a->c) && bp_wide(a->out, a->c));
	return BP_OK;
}

/* ---- more channels (few rows: the single representation, which upstream keeps in fp32): tf32, MOST_ROWS rows at a time ---- */

static const int64_t MOST_ROWS = 4096;

static int
broad(struct bp_ctx *cx, const struct bp_transition *a)
{
	const int64_t most = cx->members > 1 ? a->rows : MOST_ROWS; /* of small targets all, as each alone */
	struct bp_transition part = *a;

	for (int64_t r = 0; r < a->rows; r += most) {
		part.x = a->x + r * a->c;
		part.out = a->out + r * a->c;
		part.rows = a->rows - r < most ? a->rows - r : most;
		BP_TRY(bp_transition_cuda(cx, &part));
	}
	return BP_OK;
}

int
bp_transition_cuda_opt(struct bp_ctx *cx, const struct bp_transition *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int groups = a->c <= 64 ? 2 : 4, st = BP_OK;
	bp_bf16 *pieces;

	if (cx->precision != BP_BF16_MM)
		return bp_as_original(cx, bp_transition_cuda, a);
	if (a->c > 128) {
		BP_TRY(bp_blas_tf32(cx, true));
		st = broad(cx, a);
		BP_TRY(bp_blas_tf32(cx, false));
	} else {
		BP_CUDA_NEW(pieces, (int64_t)(a->hidden + PIECE - 1) / PIECE * (groups == 2 ? tile<2>::SIZE : tile<4>::SIZE), cx);
		if (!cx->dry && a->rows)
			st = groups == 2 ? narrow<2>(cx, a, pieces) : narrow<4>(cx, a, pieces);
	}
	bp_dev_release(cx, m);
	return st != BP_OK || cx->dry ? st : bp_launched(cx, "transition");
}
