#include "cuda.cuh"

extern "C" {
#include "ops/outer_product_mean.h"
}

#include "rows.cuh"

/* a[s,i,:] *= mask[s,i] */
static __global__ void
mask_rows(float *a, const float *mask, int64_t rows, int c)
{
	BP_EACH(i, rows * c)
		a[i] *= mask[i / c];
}

/* y[i,j,c*hidden+d] = outer[i*hidden+c, j*hidden+d] / max(sum_s mask_si mask_sj, 1) */
static __global__ void
order_and_divide(float *y, const float *outer, const float *mask, int s, int n, int hidden)
{
	int64_t wide = (int64_t)hidden * hidden;

	BP_EACH(t, (int64_t)n * n * wide) {
		int64_t r = t / wide, i = r / n, j = r % n, c = t % wide / hidden, d = t % hidden;
		double count = s;
		if (mask) {
			count = 0;
			for (int k = 0; k < s; k++)
				count += (double)mask[(int64_t)k * n + i] * mask[(int64_t)k * n + j];
		}
		y[t] = (float)(outer[(i * hidden + c) * n * hidden + j * hidden + d] / fmax(count, 1.0));
	}
}

static __global__ void
add_bias(float *z, const float *b, int64_t rows, int c)
{
	BP_EACH(i, rows * c)
		z[i] += b[i % c];
}

int
bp_outer_product_mean_cuda(struct bp_ctx *cx, const struct bp_outer_product_mean *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t rows = (int64_t)a->s * a->n, nn = (int64_t)a->n * a->n, wide = nn * a->hidden * a->hidden;
	float *y, *p, *q, *outer, *ordered;
	struct bp_blas g = {};

	BP_CUDA_NEW(y, rows * a->c, cx);
	BP_CUDA_NEW(p, rows * a->hidden, cx);
	BP_CUDA_NEW(q, rows * a->hidden, cx);
	BP_CUDA_NEW(outer, wide, cx);
	BP_CUDA_NEW(ordered, wide, cx);
	if (!cx->dry) {
		BP_TRY(bp_norm_rows(cx, y, a->m, rows, a->c, a->nw, a->nb));
		BP_TRY(bp_blas_linear(cx, p, y, rows, a->a, false));
		BP_TRY(bp_blas_linear(cx, q, y, rows, a->b, false));
		if (a->mask) {
			mask_rows<<<BP_GRID(rows * a->hidden), 0, bp_stream(cx)>>>(p, a->mask, rows, a->hidden);
			mask_rows<<<BP_GRID(rows * a->hidden), 0, bp_stream(cx)>>>(q, a->mask, rows, a->hidden);
		}
		g.m = g.n = g.lda = g.ldb = g.ldc = a->n * a->hidden;
		g.k = a->s;
		g.ta = true;
		g.alpha = 1;
		g.A = p;
		g.B = q;
		g.C = outer;
		BP_TRY(bp_blas(cx, g));
		order_and_divide<<<BP_GRID(wide), 0, bp_stream(cx)>>>(ordered, outer, a->mask, a->s, a->n, a->hidden);
		BP_TRY(bp_blas_linear(cx, a->z, ordered, nn, a->o, true));
		add_bias<<<BP_GRID(nn * a->cz), 0, bp_stream(cx)>>>(a->z, a->o_b->p, nn, a->cz);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "outer_product_mean");
}

/* ---- optimized, bf16 ----
 * project  norm, both projections and the mask: a, b [s][n][32]
 * (cuBLAS) outer[i,c,j,d] of as many i as stay in the second-level cache
 * combine  the output product straight from that order: of a pair's 1024 numbers 32 with the same c are neighbours
 * Hidden channels are 32 wide. What is summed is divided by the count after the product. */

enum { WARPS = 8, WIDTH = 128, PIECE_LD = 32 + 8, PIECE = WIDTH * PIECE_LD };

/* out [32 c][128 o][LD]: W[o, c * hidden + d] with d in the order of fragments, o in that of results */
static __global__ void
pack(bp_bf16 *out, const float *W, int hidden, int cz)
{
	int c = blockIdx.x;

	for (int i = threadIdx.x; i < PIECE; i += blockDim.x) { /* what fills up the rows, too: it is copied along */
		int r = i / PIECE_LD, d = i % PIECE_LD, o = bp_n_source(r);
		out[c * PIECE + r * PIECE_LD + (d < 32 ? bp_k_slot(d) : d)]
		    = __float2bfloat16(c < hidden && d < hidden && o < cz ? W[((int64_t)o * hidden + c) * hidden + d] : 0);
	}
}

static __device__ inline void
fetch(bp_bf16 *to, const bp_bf16 *from)
{
	for (int i = threadIdx.x; i < PIECE / 8; i += WARPS * 32)
		bp_copy16(to + i * 8, from + i * 8, true);
	bp_copy_commit();
}

/* z[i0 + i, j, :] += W outer / count + b, i < many; a warp has 16 pairs */
static __global__ void __launch_bounds__(WARPS * 32, 2)
combine(struct bp_outer_product_mean a, const bp_bf16 *outer, const bp_bf16 *pieces, const float *o_b, int i0, int many, bool wide)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int n = a.n, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
	const int64_t rows = (int64_t)many * n, at = (blockIdx.x * (int64_t)WARPS + threadIdx.x / 32) * 16, step = (int64_t)n * 32;
	bp_bf16 *W = (bp_bf16 *)shared;
	const bp_bf16 *from[2];
	float *bias = (float *)(W + 2 * PIECE), scale[2], out[WIDTH / 8][4] = {};
	uint4 f[2] = {}, next[2] = {};

	fetch(W, pieces);
	bp_stage_vector(bias, WIDTH, o_b, a.cz);
#pragma unroll
	for (int i = 0; i < 2; i++) {
		int64_t r = at + i * 8 + g;
		from[i] = r < rows ? outer + (r / n * 32 * n + r % n) * 32 + 8 * t : NULL;
		if (from[i])
			next[i] = *(const uint4 *)from[i];
		float count = t ? 0 : a.mask ? 0 : a.s;
		for (int s = t; a.mask && r < rows && s < a.s; s += 4)
			count += a.mask[(int64_t)s * n + i0 + r / n] * a.mask[(int64_t)s * n + r % n];
		count += __shfl_xor_sync(~0u, count, 1);
		count += __shfl_xor_sync(~0u, count, 2);
		scale[i] = 1 / fmaxf(count, 1);
	}
	for (int c = 0; c < a.hidden; c++) {
		const bp_bf16 *w = W + c % 2 * PIECE;
		bp_copy_wait<0>();
		__syncthreads(); /* this piece is there, and nobody reads the one before any more */
		f[0] = next[0], f[1] = next[1];
		if (c + 1 < a.hidden) {
			fetch(W + (c + 1) % 2 * PIECE, pieces + (c + 1) * PIECE);
#pragma unroll
			for (int i = 0; i < 2; i++)
				if (from[i])
					next[i] = *(const uint4 *)(from[i] + (c + 1) * step);
		}
		const uint32_t x[2][4] = { { f[0].x, f[0].y, f[0].z, f[0].w }, { f[1].x, f[1].y, f[1].z, f[1].w } };
#pragma unroll
		for (int k = 0; k < 2; k++) {
			uint32_t b[4], h[4];
			bp_a_of(h, x[0], x[1], k);
#pragma unroll
			for (int o = 0; o < WIDTH / 16; o++) {
				bp_load_b(b, w + o * 16 * PIECE_LD + k * 16, PIECE_LD);
				bp_mma(out[o * 2], h, b[0], b[1]);
				bp_mma(out[o * 2 + 1], h, b[2], b[3]);
			}
		}
	}
#pragma unroll
	for (int i = 0; i < 2; i++)
#pragma unroll
		for (int o = 0; o < WIDTH / 32; o++) {
			int64_t r = at + i * 8 + g;
			int k = o * 32 + 8 * t;
			float v[8];
#pragma unroll
			for (int e = 0; e < 8; e++)
				v[e] = out[o * 4 + e / 2][i * 2 + e % 2] * scale[i] + bias[k + e];
			if (r < rows && k < a.cz)
				bp_store8(a.z + ((int64_t)i0 * n + r) * a.cz + k, v, a.cz - k, wide, true);
		}
}

int
bp_outer_product_mean_cuda_opt(struct bp_ctx *cx, const struct bp_outer_product_mean *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int64_t side = (int64_t)a->n * 32;
	int part = 16384 / a->n; /* 32 MiB of outer */
	bp_bf16 *ab, *outer, *pieces;

	if (cx->precision != BP_BF16_MM)
		return bp_as_original(cx, bp_outer_product_mean_cuda, a);
	if (a->c > 128 || a->cz > WIDTH || a->hidden > 32)
		return BP_FAIL(cx->err, BP_EUNSUP, "take --op outer_product_mean=original",
		    "outer_product_mean in bf16 is for up to 128 channels and 32 hidden ones, not %d, %d and %d", a->c, a->cz, a->hidden);
	part = part < 1 ? 1 : part < a->n ? part : a->n;
	BP_CUDA_NEW(ab, 2 * a->s * side, cx);
	BP_CUDA_NEW(outer, part * side * 32, cx);
	BP_CUDA_NEW(pieces, 32 * PIECE, cx);
	if (!cx->dry) {
		size_t shared = (size_t)2 * PIECE * sizeof *pieces + WIDTH * sizeof(float);
		struct bp_row_parts p = {};
		p.x = a->m;
		p.nw = a->nw->p;
		p.nb = a->nb->p;
		p.W[0] = a->a->p;
		p.W[1] = a->b->p;
		p.mask = a->mask;
		p.out = ab;
		p.s = a->s;
		p.n = a->n;
		p.c = a->c;
		p.heads = 1;
		p.d = a->hidden;
		BP_TRY(bp_row_parts(cx, "outer_product_mean", p));
		pack<<<32, BP_THREADS, 0, bp_stream(cx)>>>(pieces, a->o->p, a->hidden, a->cz);
		BP_TRY(bp_big_shared(cx, "outer_product_mean", combine, shared));
		for (int i = 0; i < a->n; i += part) {
			int many = a->n - i < part ? a->n - i : part;
			struct bp_blas g = {};
			g.m = many * 32;
			g.n = g.lda = g.ldb = g.ldc = (int)side;
			g.k = a->s;
			g.ta = true;
			g.alpha = 1;
			BP_TRY(bp_blas_bf16(cx, g, ab + i * 32, ab + a->s * side, outer, false));
			combine<<<(unsigned)(((int64_t)many * a->n + WARPS * 16 - 1) / (WARPS * 16)), WARPS * 32, shared, bp_stream(cx)>>>(*a, outer,
			    pieces, a->o_b->p, i, many, bp_wide(a->z, a->cz));
		}
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "outer_product_mean");
}
