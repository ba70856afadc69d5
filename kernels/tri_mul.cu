#include "cuda.cuh"

extern "C" {
#include "ops/tri_mul.h"
}

#include "mma.cuh"
#include "pair_mask.cuh"

/* ab[c,i,j] (2c channels first) = p * sigmoid(g) * mask, from [i,j,2c] */
static __global__ void
gate_and_turn(float *ab, const float *p, const float *g, struct bp_tri_mul a)
{
	int64_t nn = (int64_t)a.n * a.n;

	BP_EACH(i, nn * 2 * a.c) {
		int64_t r = i / (2 * a.c), ch = i % (2 * a.c);
		ab[ch * nn + r] = p[i] * bp_dev_sigmoid(g[i]) * bp_dev_pair_mask(a.pair_mask, a.mask, a.n, (int)(r / a.n), (int)(r % a.n));
	}
}

/* [c,r] -> [r,c] */
static __global__ void
turn_back(float *out, const float *x, int64_t rows, int c)
{
	BP_EACH(i, rows * c)
		out[i] = x[(i % c) * rows + i / c];
}

/* out (+)= y * sigmoid(g) */
static __global__ void
gate_out(float *out, const float *y, const float *g, int64_t n, bool add)
{
	BP_EACH(i, n) {
		float v = y[i] * bp_dev_sigmoid(g[i]);
		out[i] = add ? out[i] + v : v;
	}
}

int
bp_tri_mul_cuda(struct bp_ctx *cx, const struct bp_tri_mul *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t nn = (int64_t)a->n * a->n, all = nn * a->c;
	float *y, *p, *g, *ab;
	struct bp_blas s = {};

	if (a->members > 1)
		return bp_tri_mul_each(cx, a, bp_tri_mul_cuda);
	BP_CUDA_NEW(y, all, cx);
	BP_CUDA_NEW(p, 2 * all, cx);
	BP_CUDA_NEW(g, 2 * all, cx);
	BP_CUDA_NEW(ab, 2 * all, cx);
	if (!cx->dry) {
		BP_TRY(bp_norm_rows(cx, y, a->x, nn, a->c, &a->w->norm_in, &a->w->norm_in_b));
		BP_TRY(bp_blas_linear(cx, p, y, nn, &a->w->p_in, false));
		BP_TRY(bp_blas_linear(cx, g, y, nn, &a->w->g_in, false));
		gate_and_turn<<<BP_GRID(2 * all), 0, bp_stream(cx)>>>(ab, p, g, *a);
		s.m = s.n = s.k = s.lda = s.ldb = s.ldc = a->n; /* per channel: outgoing A B^T, incoming A^T B */
		s.ta = a->incoming;
		s.tb = !a->incoming;
		s.alpha = 1;
		s.batch = a->c;
		s.sa = s.sb = s.sc = nn;
		s.A = ab;
		s.B = ab + all;
		s.C = p;
		BP_TRY(bp_blas(cx, s));
		turn_back<<<BP_GRID(all), 0, bp_stream(cx)>>>(g, p, nn, a->c);
		BP_TRY(bp_norm_rows(cx, g, g, nn, a->c, &a->w->norm_out, &a->w->norm_out_b));
		BP_TRY(bp_blas_linear(cx, p, g, nn, &a->w->p_out, false));
		BP_TRY(bp_blas_linear(cx, g, y, nn, &a->w->g_out, false));
		gate_out<<<BP_GRID(all), 0, bp_stream(cx)>>>(a->out, p, g, all, a->add);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "tri_mul");
}

/* ---- optimized, bf16: two kernels around cuBLAS ----
 * project  norm, gated projections and mask, a and b channel by channel: W y^T, so that a warp's 32 pairs are columns; all weights stay in
 *          shared memory
 * (cuBLAS) the n^3 products, one a channel, some channels at a time: their sums take the place of the channels of a before, which are done with; so
 *          sums cost one group of planes and no pair tensor. How many channels these are depends on n alone, as cuBLAS's order of sums may
 *          follow from the shape
 * finish   output norm, projection and gate of 16 pairs a warp
 * Planes have rows of `row` numbers, n rounded up to 8 so that eight pairs are 16 bytes; the numbers past n are 0. */

enum { WARPS = 12, TILE = 32, PART = 16, PART_LD = PART + 8 };

struct planes {
	struct bp_tri_mul a;
	const float *norm_in, *norm_in_b, *p_in, *g_in, *norm_out, *norm_out_b, *p_out, *g_out;
	int row, lines;        /* lines: members * n              */
	int64_t plane;         /* lines * row: of a channel, all members' */
	bool wide;
	bp_bf16 *ab, *sum;     /* [2c][lines][row]; [c][lines][row], which begins a group before ab */
};

/* the line and the column of place r of a plane, which eight neighbours from a multiple of 8 on have in common; divisions of 64 bits are slow */
static __device__ inline int
line(const struct planes *p, int64_t r)
{
	return (int)((uint32_t)r / p->row);
}

static __device__ inline int
rest(const struct planes *p, int64_t r)
{
	return (int)((uint32_t)r % p->row);
}

template <int G>
static __global__ void __launch_bounds__(WARPS * 32, 1)
project(struct planes p)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int ld = G * 32 + 8, c = p.a.c, n = p.a.n, wide = (2 * c + 15) / 16 * 16;
	const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
	const int64_t step = (int64_t)gridDim.x * WARPS * TILE;
	bp_bf16 *P = (bp_bf16 *)shared, *S = P + wide * ld;
	float *nw = (float *)(S + wide * ld), *nb = nw + G * 32;

	bp_stage<G * 32>(P, wide, { p.p_in, 2 * c, c, 32, 32, false, true });
	bp_stage<G * 32>(S, wide, { p.g_in, 2 * c, c, 32, 32, false, true });
	bp_stage_vector(nw, G * 32, p.norm_in, c);
	bp_stage_vector(nb, G * 32, p.norm_in_b, c);
	__syncthreads();
	for (int64_t at = (blockIdx.x * (int64_t)WARPS + threadIdx.x / 32) * TILE; at < p.plane; at += step) {
		uint32_t f[4][G * 4], w[4];
		float mask[8];
#pragma unroll
		for (int j = 0; j < 4; j++) { /* column g of tile j */
			int k = rest(&p, at + 8 * (g / 2)) + 2 * j + g % 2, i = line(&p, at + 8 * (g / 2));
			bp_norm_frag<G>(f[j], i < p.lines && k < n ? p.a.x + ((int64_t)i * n + k) * c : NULL, c, p.wide, nw, nb);
		}
#pragma unroll
		for (int e = 0; e < 8; e++) { /* the pairs of this lane's results: 8t .. 8t+7 */
			int i = line(&p, at + 8 * t), k = rest(&p, at + 8 * t) + e;
			mask[e] = i < p.lines && k < n ? bp_dev_member_mask(p.a.pair_mask, p.a.mask, n, i / n, i % n, k) : 0;
		}
		for (int o = 0; o < wide; o += 16) {
			float y[4][4] = {}, gate[4][4] = {};
#pragma unroll
			for (int s = 0; s < 2 * G; s++) {
				bp_load_a(w, P + o * ld + s * 16, ld);
#pragma unroll
				for (int j = 0; j < 4; j++)
					bp_mma(y[j], w, f[j][2 * s], f[j][2 * s + 1]);
				bp_load_a(w, S + o * ld + s * 16, ld);
#pragma unroll
				for (int j = 0; j < 4; j++)
					bp_mma(gate[j], w, f[j][2 * s], f[j][2 * s + 1]);
			}
#pragma unroll
			for (int half = 0; half < 2; half++) {
				int ch = o + half * 8 + g;
				uint32_t v[4];
#pragma unroll
				for (int j = 0; j < 4; j++)
					v[j] = bp_pack2(y[j][2 * half] * bp_fast_sigmoid(gate[j][2 * half]) * mask[2 * j],
					    y[j][2 * half + 1] * bp_fast_sigmoid(gate[j][2 * half + 1]) * mask[2 * j + 1]);
				if (ch < 2 * c && at + 8 * t < p.plane)
					*(uint4 *)(p.ab + ch * p.plane + at + 8 * t) = make_uint4(v[0], v[1], v[2], v[3]);
			}
		}
	}
}

/* layer norm over the channels of a row's fragments, channels as they are */
template <int G>
static __device__ inline void
norm_sums(uint32_t f[G * 4], int c, const float *nw, const float *nb)
{
	int t = threadIdx.x % 4;
	float mean = 0, var = 0, scale;

#pragma unroll
	for (int q = 0; q < 4 * G; q++)
		mean += bp_low(f[q]) + bp_high(f[q]);
	mean += __shfl_xor_sync(~0u, mean, 1);
	mean += __shfl_xor_sync(~0u, mean, 2);
	mean /= c;
#pragma unroll
	for (int q = 0; q < 4 * G; q++) {
		float lo = bp_low(f[q]) - mean, hi = bp_high(f[q]) - mean;
		var += (q * 8 + 2 * t < c ? lo * lo : 0) + (q * 8 + 2 * t + 1 < c ? hi * hi : 0);
	}
	var += __shfl_xor_sync(~0u, var, 1);
	var += __shfl_xor_sync(~0u, var, 2);
	scale = rsqrtf(var / c + 1e-5f);
#pragma unroll
	for (int q = 0; q < 4 * G; q++) {
		int k = q * 8 + 2 * t;
		f[q] = bp_pack2((bp_low(f[q]) - mean) * scale * nw[k] + nb[k], (bp_high(f[q]) - mean) * scale * nw[k + 1] + nb[k + 1]);
	}
}

template <int G>
static __global__ void __launch_bounds__(WARPS * 32, 1)
finish(struct planes p)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int ld = G * 32 + 8, c = p.a.c, n = p.a.n, groups = (c + 31) / 32;
	const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
	const int64_t step = (int64_t)gridDim.x * WARPS * PART;
	bp_bf16 *P = (bp_bf16 *)shared, *S = P + groups * 32 * ld, *tile = S + groups * 32 * ld + threadIdx.x / 32 * G * 32 * PART_LD;
	float *vec = (float *)(S + groups * 32 * ld + WARPS * G * 32 * PART_LD);

	bp_stage<G * 32>(P, groups * 32, { p.p_out, c, c, 32, 32, true, false });
	bp_stage<G * 32>(S, groups * 32, { p.g_out, c, c, 32, 32, true, true });
	bp_stage_vector(vec, G * 32, p.norm_in, c);
	bp_stage_vector(vec + G * 32, G * 32, p.norm_in_b, c);
	bp_stage_vector(vec + 2 * G * 32, G * 32, p.norm_out, c);
	bp_stage_vector(vec + 3 * G * 32, G * 32, p.norm_out_b, c);
	__syncthreads();
	for (int64_t at = (blockIdx.x * (int64_t)WARPS + threadIdx.x / 32) * PART; at < p.plane; at += step) {
		uint32_t f[2][G * 4], sum[2][G * 4], a[4];
		int64_t pair[2]; /* rows of x, or -1 */

		__syncwarp();
		for (int u = lane; u < G * 32 * 2; u += 32) {
			bool there = u / 2 < c && at + u % 2 * 8 < p.plane;
			bp_copy16(tile + u / 2 * PART_LD + u % 2 * 8, p.sum + (there ? u / 2 * p.plane + at + u % 2 * 8 : 0), there);
		}
		bp_copy_commit();
#pragma unroll
		for (int i = 0; i < 2; i++) {
			int64_t r = at + i * 8;
			int k = rest(&p, r) + g;
			pair[i] = r < p.plane && k < n ? (int64_t)line(&p, r) * n + k : -1;
			bp_norm_frag<G>(f[i], pair[i] >= 0 ? p.a.x + pair[i] * c : NULL, c, p.wide, vec, vec + G * 32);
		}
		bp_copy_wait<0>();
		__syncwarp();
#pragma unroll
		for (int s = 0; s < 2 * G; s++) {
			bp_ldmatrix_trans(a, tile + (s * 16 + lane % 8 + lane / 16 * 8) * PART_LD + lane / 8 % 2 * 8);
			sum[0][2 * s] = a[0], sum[1][2 * s] = a[1], sum[0][2 * s + 1] = a[2], sum[1][2 * s + 1] = a[3];
		}
		norm_sums<G>(sum[0], c, vec + 2 * G * 32, vec + 3 * G * 32);
		norm_sums<G>(sum[1], c, vec + 2 * G * 32, vec + 3 * G * 32);
		for (int o = 0; o < groups; o++) {
			float y[1][4][4] = {}, gate[1][4][4] = {};
			bp_rows_by_32(y, sum, P + o * 32 * ld, ld);
			bp_rows_by_32(gate, f, S + o * 32 * ld, ld);
#pragma unroll
			for (int i = 0; i < 2; i++) {
				float v[8];
#pragma unroll
				for (int e = 0; e < 8; e++)
					v[e] = y[0][e / 2][i * 2 + e % 2] * bp_fast_sigmoid(gate[0][e / 2][i * 2 + e % 2]);
				if (pair[i] >= 0)
					bp_store8(p.a.out + pair[i] * c + o * 32 + 8 * t, v, c - o * 32 - 8 * t, p.wide, p.a.add);
			}
		}
	}
}

/* channels whose products are made at once: enough to fill a card with tiles of 128 x 128 eight times over by one target */
static int
group_of(int n, int c)
{
	int64_t side = (n + 127) / 128, group = (1024 + side * side - 1) / (side * side);

	return (int)(group < c ? group : c);
}

/* sum = per channel A B^T (outgoing) or A^T B of a and b */
static int
products(struct bp_ctx *cx, const struct planes *p, int group)
{
	int c = p->a.c, members = p->lines / p->a.n;

	for (int ch = 0; ch < c; ch += group) {
		struct bp_blas s = {};
		s.m = s.n = s.k = p->a.n;
		s.lda = s.ldb = s.ldc = p->row;
		s.ta = p->a.incoming;
		s.tb = !p->a.incoming;
		s.alpha = 1;
		s.like = s.m;
		s.batch_like = c - ch < group ? c - ch : group;
		s.batch = s.batch_like * members;
		s.sa = s.sb = s.sc = p->plane / members;
		BP_TRY(bp_blas_bf16(cx, s, p->ab + ch * p->plane, p->ab + (c + ch) * p->plane, p->sum + ch * p->plane, false));
	}
	return BP_OK;
}

int
bp_tri_mul_cuda_opt(struct bp_ctx *cx, const struct bp_tri_mul *a)
{
	const struct bp_tri_mul_weights *w = a->w;
	struct bp_mark m = bp_dev_mark(cx);
	int c = a->c, n = a->n, groups = c <= 64 ? 2 : 4, ld = groups * 32 + 8, group = group_of(n, c), members = bp_members(a->members);
	struct planes p = { *a, w->norm_in.p, w->norm_in_b.p, w->p_in.p, w->g_in.p, w->norm_out.p, w->norm_out_b.p, w->p_out.p, w->g_out.p,
		(n + 7) / 8 * 8, members * n, (int64_t)members * n * ((n + 7) / 8 * 8), false, NULL, NULL };
	size_t first = (size_t)(2 * c + 15) / 16 * 16 * 2 * ld * 2 + (size_t)groups * 64 * 4;
	size_t last = ((size_t)(c + 31) / 32 * 64 * ld + (size_t)WARPS * groups * 32 * PART_LD) * 2 + (size_t)groups * 128 * 4;

	if (cx->precision != BP_BF16_MM)
		return bp_as_original(cx, bp_tri_mul_cuda, a);
	if (c > 128 || n > 46336)
		return BP_FAIL(cx->err, BP_EUNSUP, "take --op tri_mul=original", "tri_mul in bf16 is for up to 128 channels and 46336 tokens, not %d, %d", c,
		    n);
	if (members > 1 && p.plane >> 31)
		return bp_tri_mul_each(cx, a, bp_tri_mul_cuda_opt);
	BP_CUDA_NEW(p.sum, (2 * c + group) * p.plane, cx);
	p.ab = p.sum + group * p.plane;
	if (!cx->dry) {
		int64_t tiles = (p.plane + WARPS * TILE - 1) / (WARPS * TILE), parts = (p.plane + WARPS * PART - 1) / (WARPS * PART);
		p.wide = bp_wide(a->x, c) && bp_wide(a->out, c);
		if (p.row != n) /* the rows' ends of the sums, which cuBLAS does not write; those of a are 0 already */
			BP_TRY(bp_dev_zero(cx, p.sum, group * p.plane * sizeof *p.sum));
		BP_TRY(bp_launch_walk(cx, "tri_mul", groups == 2 ? project<2> : project<4>, tiles, WARPS * 32, first, p));
		BP_TRY(products(cx, &p, group));
		BP_TRY(bp_launch_walk(cx, "tri_mul", groups == 2 ? finish<2> : finish<4>, parts, WARPS * 32, last, p));
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "tri_mul");
}
