#include "cuda.cuh"

extern "C" {
#include "ops/tri_attn.h"
}

#include "mma.cuh"
#include "pair_mask.cuh"

/* out[i,j,:] (+)= x[j,i,:] */
static __global__ void
transpose(float *out, const float *x, int n, int c, bool add)
{
	BP_EACH(t, (int64_t)n * n * c) {
		int64_t r = t / c, i = r / n, j = r % n;
		float v = x[(j * n + i) * c + t % c];
		out[t] = add ? out[t] + v : v;
	}
}

/* p[i,j,k] of one head: scaled, with bias[j,k] and the mask of the pair i, k of the problem (k, i of x when ending) */
static __global__ void
bias_and_mask(float *p, const float *bias, struct bp_tri_attn a, float scale)
{
	int64_t n = a.n, nn = n * n;

	BP_EACH(t, nn * n) {
		int i = (int)(t / nn), k = (int)(t % n);
		float mask = a.ending ? bp_dev_pair_mask(a.pair_mask, a.mask, a.n, k, i) : bp_dev_pair_mask(a.pair_mask, a.mask, a.n, i, k);
		p[t] = p[t] * scale + 1e9f * (mask - 1) + bias[t % nn];
	}
}

static __global__ void
gate_rows(float *o, const float *g, int64_t n)
{
	BP_EACH(i, n)
		o[i] *= bp_dev_sigmoid(g[i]);
}

/* scores, softmax and weighted values of head h; o takes the place of q */
static int
one_head(struct bp_ctx *cx, const struct bp_tri_attn *a, int h, float *q, const float *k, const float *v, float *p, const float *bias)
{
	int n = a->n, hd = a->w->q.n, d = hd / a->w->bias.n;
	int64_t nn = (int64_t)n * n;
	struct bp_blas s = {}, w = {};

	s.m = s.n = s.ldc = n;
	s.k = d;
	s.lda = s.ldb = hd;
	s.tb = true;
	s.alpha = 1;
	s.batch = n;
	s.sa = s.sb = (int64_t)n * hd;
	s.sc = nn;
	s.A = q + h * d;
	s.B = k + h * d;
	s.C = p;
	BP_TRY(bp_blas(cx, s));
	bias_and_mask<<<BP_GRID(nn * n), 0, bp_stream(cx)>>>(p, bias + h * nn, *a, 1 / sqrtf((float)d));
	BP_TRY(bp_softmax_rows(cx, p, nn, n));
	w.m = w.k = w.lda = n;
	w.n = d;
	w.ldb = w.ldc = hd;
	w.alpha = 1;
	w.batch = n;
	w.sa = nn;
	w.sb = w.sc = (int64_t)n * hd;
	w.A = p;
	w.B = v + h * d;
	w.C = q + h * d;
	return bp_blas(cx, w);
}

int
bp_tri_attn_cuda(struct bp_ctx *cx, const struct bp_tri_attn *a)
{
	const struct bp_tri_attn_weights *w = a->w;
	struct bp_mark m = bp_dev_mark(cx);
	int n = a->n, heads = w->bias.n, hd = w->q.n;
	int64_t nn = (int64_t)n * n;
	float *y, *q, *k, *v, *g, *bias, *p, *t = NULL;

	BP_CUDA_NEW(y, nn * a->c, cx);
	BP_CUDA_NEW(q, nn * hd, cx);
	BP_CUDA_NEW(k, nn * hd, cx);
	BP_CUDA_NEW(v, nn * hd, cx);
	BP_CUDA_NEW(g, nn * hd, cx);
	BP_CUDA_NEW(bias, nn * heads, cx);
	BP_CUDA_NEW(p, nn * n, cx);
	if (a->ending)
		BP_CUDA_NEW(t, nn * a->c, cx);
	if (!cx->dry) {
		struct bp_blas b = {};
		if (a->ending)
			transpose<<<BP_GRID(nn * a->c), 0, bp_stream(cx)>>>(t, a->x, n, a->c, false);
		BP_TRY(bp_norm_rows(cx, y, a->ending ? t : a->x, nn, a->c, &w->norm, &w->norm_b));
		BP_TRY(bp_blas_linear(cx, q, y, nn, &w->q, false));
		BP_TRY(bp_blas_linear(cx, k, y, nn, &w->k, false));
		BP_TRY(bp_blas_linear(cx, v, y, nn, &w->v, false));
		BP_TRY(bp_blas_linear(cx, g, y, nn, &w->g, false));
		b.m = heads; /* bias[h,r] = W y^T */
		b.n = b.ldc = (int)nn;
		b.k = b.lda = b.ldb = a->c;
		b.tb = true;
		b.alpha = 1;
		b.A = w->bias.p;
		b.B = y;
		b.C = bias;
		BP_TRY(bp_blas(cx, b));
		for (int h = 0; h < heads; h++)
			BP_TRY(one_head(cx, a, h, q, k, v, p, bias));
		gate_rows<<<BP_GRID(nn * hd), 0, bp_stream(cx)>>>(q, g, nn * hd);
		if (a->ending) {
			BP_TRY(bp_blas_linear(cx, t, q, nn, &w->o, false));
			transpose<<<BP_GRID(nn * a->c), 0, bp_stream(cx)>>>(a->out, t, n, a->c, a->add);
		} else {
			BP_TRY(bp_blas_linear(cx, a->out, q, nn, &w->o, a->add));
		}
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "tri_attn");
}

/* ---- optimized, bf16: three kernels ----
 * project  norm and the five products of a row, whose weights all stay in shared memory; a warp takes 16 rows
 * flash    one block a row i, head and 128 queries; online softmax over tiles of 64 keys, which come with their bias while the ones before
 *          are worked on
 * finish   output product, back in the order of x
 * Rows are those of the problem (of x transposed when ending) and heads 32 numbers wide from project to finish. q holds
 * log2(e) / sqrt(d) and the bias log2(e), so that weights are powers of two; scores and softmax are fp32. */

enum { WARPS = 16, QUERIES = 128, KEYS = 64, MOST_HEADS = 4, KV_LD = 32 + 8 };
static const float LOG2E = 1.44269504f;

struct pieces {
	struct bp_tri_attn a;
	const float *norm, *norm_b, *W[4], *bias_w, *o; /* q k v g */
	int d, heads, wide;
	int jb, kb;              /* tiles of 16 queries, of 16 keys   */
	bp_bf16 *qkvg;           /* [4][n,n][heads*32]                */
	bp_bf16 *bias;           /* [heads][jb][kb][32 lanes][8]      */
};

/* the row of the problem that memory row r is, and the other way round */
static __device__ inline int64_t
turn_row(int64_t r, int n, bool ending)
{
	return ending ? r % n * n + r / n : r;
}

/* where lane's numbers of bias[h,j,k] lie: a tile of 16 x 16 as flash adds it to its scores, 16 bytes a lane */
static __device__ inline int64_t
bias_at(const struct pieces *p, int h, int j, int k)
{
	int64_t tile = ((int64_t)h * p->jb + j / 16) * p->kb + k / 16;

	return (tile * 32 + j % 8 * 4 + k % 8 / 2) * 8 + k % 16 / 8 * 4 + j % 16 / 8 * 2 + k % 2;
}

template <int G>
static __global__ void __launch_bounds__(WARPS * 32, 1)
project(struct pieces p)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int ld = G * 32 + 8, hp = p.heads * 32, c = p.a.c, n = p.a.n;
	const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
	const int64_t nn = (int64_t)n * n, step = (int64_t)gridDim.x * WARPS * 16;
	bp_bf16 *W = (bp_bf16 *)shared;
	float *nw = (float *)(W + (4 * hp + 8) * ld), *nb = nw + G * 32;

	for (int m = 0; m < 4; m++)
		bp_stage<G * 32>(W + m * hp * ld, hp, { p.W[m], p.heads * p.d, c, p.d, 32, true, true });
	bp_stage<G * 32>(W + 4 * hp * ld, 8, { p.bias_w, p.heads, c, 32, 32, false, true });
	bp_stage_vector(nw, G * 32, p.norm, c);
	bp_stage_vector(nb, G * 32, p.norm_b, c);
	__syncthreads();
	for (int64_t at = (blockIdx.x * (int64_t)WARPS + threadIdx.x / 32) * 16; at < nn; at += step) {
		uint32_t f[2][G * 4], a[4], b[2][4];
#pragma unroll
		for (int i = 0; i < 2; i++) {
			int64_t r = at + i * 8 + g;
			bp_norm_frag<G>(f[i], r < nn ? p.a.x + r * c : NULL, c, p.wide, nw, nb);
		}
		for (int o = 0; o < 4 * p.heads; o++) { /* a head of q, k, v or g */
			float acc[4][4] = {};
			float scale = o < p.heads ? LOG2E / sqrtf((float)p.d) : 1;
#pragma unroll
			for (int s = 0; s < 2 * G; s++) {
				bp_load_b(b[0], W + o * 32 * ld + s * 16, ld);
				bp_load_b(b[1], W + (o * 32 + 16) * ld + s * 16, ld);
				bp_a_of(a, f[0], f[1], s);
#pragma unroll
				for (int j = 0; j < 4; j++)
					bp_mma(acc[j], a, b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
			}
#pragma unroll
			for (int i = 0; i < 2; i++) {
				int64_t r = at + i * 8 + g;
				uint32_t v[4];
#pragma unroll
				for (int j = 0; j < 4; j++)
					v[j] = bp_pack2(acc[j][i * 2] * scale, acc[j][i * 2 + 1] * scale);
				if (r < nn)
					*(uint4 *)(p.qkvg + (o / p.heads * nn + turn_row(r, n, p.a.ending)) * hp + o % p.heads * 32 + 8 * t) = *(uint4 *)v;
			}
		}
		float acc[4] = {};
#pragma unroll
		for (int s = 0; s < 2 * G; s += 2) {
			bp_ldmatrix(b[0], W + (4 * hp + lane % 8) * ld + s * 16 + lane / 8 * 8);
#pragma unroll
			for (int e = 0; e < 2; e++) {
				bp_a_of(a, f[0], f[1], s + e);
				bp_mma(acc, a, b[0][2 * e], b[0][2 * e + 1]);
			}
		}
#pragma unroll
		for (int i = 0; i < 2; i++) {
			int64_t r = at + i * 8 + g, row = turn_row(r, n, p.a.ending);
#pragma unroll
			for (int e = 0; e < 2; e++)
				if (r < nn && 2 * t + e < p.heads)
					p.bias[bias_at(&p, 2 * t + e, (int)(row / n), (int)(row % n))] = __float2bfloat16(acc[i * 2 + e] * LOG2E);
		}
	}
}

/* two stages of 64 keys: k and v, the bias of a warp's two times 16 queries in tiles of 16 x 16, what the mask adds */
struct keys {
	bp_bf16 kv[2][2][KEYS][KV_LD];
	uint4 bias[2][QUERIES / 32][2 * KEYS / 16][32];
	float mask[2][KEYS];
};

/* keys k0 .. k0 + 63 into a stage; does this thread's key change scores by its mask? */
static __device__ inline bool
load_keys(struct keys *to, int stage, const struct pieces *p, int i, int h, int j0, int k0, const bp_bf16 *k, int64_t to_v)
{
	int n = p->a.n, hp = p->heads * 32, thread = threadIdx.x;

	for (int u = thread; u < KEYS * 8; u += QUERIES) {
		int key = u / 8, part = u % 8; /* four parts of k, four of v */
		bool there = k0 + key < n;
		bp_copy16(&to->kv[stage][part / 4][key][part % 4 * 8], k + (there ? (int64_t)(k0 + key) * hp : 0) + part / 4 * to_v + part % 4 * 8,
		    there);
	}
#pragma unroll
	for (int m = 0; m < 2; m++)
#pragma unroll
		for (int u = 0; u < KEYS / 16; u++)
			bp_copy16(&to->bias[stage][thread / 32][m * (KEYS / 16) + u][thread % 32],
			    (const uint4 *)(p->bias + (j0 < n ? bias_at(p, h, j0 + m * 16, k0 + u * 16) : 0)) + thread % 32, true);
	bp_copy_commit();
	if (thread < KEYS) {
		int key = k0 + thread;
		float add = key >= n ? -INFINITY
		    : 1e9f * LOG2E * ((p->a.ending ? bp_dev_pair_mask(p->a.pair_mask, p->a.mask, n, key, i)
		                           : bp_dev_pair_mask(p->a.pair_mask, p->a.mask, n, i, key)) - 1);
		to->mask[stage][thread] = add;
		return add != 0;
	}
	return false;
}

/* scores of 16 queries and 64 keys become weights, o and sum follow the new largest score; w: the weights as A of four steps */
static __device__ inline void
soften(uint32_t w[4][4], float s[8][4], bool masked, const float *mask, float most[2], float sum[2], float o[4][4])
{
	int t = threadIdx.x % 4;

	if (masked) {
#pragma unroll
		for (int j = 0; j < 8; j++)
#pragma unroll
			for (int e = 0; e < 4; e++)
				s[j][e] += mask[j * 8 + 2 * t + e % 2];
	}
#pragma unroll
	for (int r = 0; r < 2; r++) {
		float m = most[r], shrink;
#pragma unroll
		for (int j = 0; j < 8; j++)
			m = fmaxf(m, fmaxf(s[j][2 * r], s[j][2 * r + 1]));
		m = fmaxf(m, __shfl_xor_sync(~0u, m, 1));
		m = fmaxf(m, __shfl_xor_sync(~0u, m, 2));
		shrink = bp_exp2(most[r] - m);
		most[r] = m;
		sum[r] *= shrink;
#pragma unroll
		for (int j = 0; j < 4; j++)
			o[j][2 * r] *= shrink, o[j][2 * r + 1] *= shrink;
#pragma unroll
		for (int j = 0; j < 8; j++) {
			float x = bp_exp2(s[j][2 * r] - m), y = bp_exp2(s[j][2 * r + 1] - m);
			sum[r] += x + y;
			w[j / 2][j % 2 * 2 + r] = bp_pack2(x, y);
		}
	}
}

/* a warp has 32 queries, as two times 16; o takes the place of q */
static __global__ void __launch_bounds__(QUERIES, 3)
flash(struct pieces p)
{
	extern __shared__ __align__(16) unsigned char shared[];
	struct keys *keys = (struct keys *)shared;
	const int n = p.a.n, hp = p.heads * 32, h = blockIdx.y, i = blockIdx.z;
	const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4, j0 = blockIdx.x * QUERIES + threadIdx.x / 32 * 32;
	const int64_t all = (int64_t)n * n * hp;
	bp_bf16 *q = p.qkvg + (int64_t)i * n * hp + h * 32;
	const bp_bf16 *k = q + all;
	const bool idle = j0 >= n; /* of a block's end, but its threads copy keys */
	uint32_t fq[2][2][4];
	float o[2][4][4] = {}, sum[2][2] = {}, most[2][2] = { { -INFINITY, -INFINITY }, { -INFINITY, -INFINITY } };

#pragma unroll
	for (int m = 0; m < 2; m++)
#pragma unroll
		for (int e = 0; e < 8; e++) {
			int j = j0 + m * 16 + e % 2 * 8 + g;
			fq[m][e / 4][e % 4] = j < n ? *(uint32_t *)(q + (int64_t)j * hp + e / 4 * 16 + e % 4 / 2 * 8 + 2 * t) : 0;
		}
	bool here = load_keys(keys, 0, &p, i, h, j0, 0, k, all), next = false, masked;
	for (int k0 = 0, stage = 0; k0 < n; k0 += KEYS, stage ^= 1) {
		if (k0 + KEYS < n) {
			next = load_keys(keys, stage ^ 1, &p, i, h, j0, k0 + KEYS, k, all);
			bp_copy_wait<1>();
		} else {
			bp_copy_wait<0>();
		}
		masked = __syncthreads_or(here);
		here = next;
		if (!idle) {
			float s[2][8][4];
			uint32_t w[2][4][4], b[4];
#pragma unroll
			for (int m = 0; m < 2; m++)
#pragma unroll
				for (int j = 0; j < 8; j += 2) {
					const uint4 u = keys->bias[stage][threadIdx.x / 32][m * (KEYS / 16) + j / 2][lane];
					const uint32_t two[4] = { u.x, u.y, u.z, u.w };
#pragma unroll
					for (int e = 0; e < 8; e++)
						s[m][j + e / 4][e % 4] = e % 2 ? bp_high(two[e / 2]) : bp_low(two[e / 2]);
				}
#pragma unroll
			for (int j = 0; j < 8; j++) {
				bp_ldmatrix(b, &keys->kv[stage][0][j * 8 + lane % 8][lane / 8 * 8]);
#pragma unroll
				for (int m = 0; m < 2; m++) {
					bp_mma(s[m][j], fq[m][0], b[0], b[1]);
					bp_mma(s[m][j], fq[m][1], b[2], b[3]);
				}
			}
#pragma unroll
			for (int m = 0; m < 2; m++)
				soften(w[m], s[m], masked, keys->mask[stage], most[m], sum[m], o[m]);
#pragma unroll
			for (int e = 0; e < 8; e++) {
				bp_ldmatrix_trans(b, &keys->kv[stage][1][e / 2 * 16 + lane % 16][e % 2 * 16 + lane / 16 * 8]);
#pragma unroll
				for (int m = 0; m < 2; m++) {
					bp_mma(o[m][e % 2 * 2], w[m][e / 2], b[0], b[1]);
					bp_mma(o[m][e % 2 * 2 + 1], w[m][e / 2], b[2], b[3]);
				}
			}
		}
		__syncthreads(); /* this stage is read */
	}
#pragma unroll
	for (int m = 0; m < 2; m++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			int j = j0 + m * 16 + r * 8 + g;
			float one = sum[m][r];
			one += __shfl_xor_sync(~0u, one, 1);
			one += __shfl_xor_sync(~0u, one, 2);
			one = __fdividef(1, one);
#pragma unroll
			for (int e = 0; e < 4 && j < n; e++) {
				uint32_t *at = (uint32_t *)(q + (int64_t)j * hp + e * 8 + 2 * t), gate = *(uint32_t *)((bp_bf16 *)at + 3 * all);
				*at = bp_pack2(o[m][e][2 * r] * one * bp_fast_sigmoid(bp_low(gate)),
				    o[m][e][2 * r + 1] * one * bp_fast_sigmoid(bp_high(gate)));
			}
		}
}

static __global__ void __launch_bounds__(WARPS * 32, 1)
finish(struct pieces p)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int ld = MOST_HEADS * 32 + 8, hp = p.heads * 32, c = p.a.c, n = p.a.n, groups = (c + 31) / 32;
	const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
	const int64_t nn = (int64_t)n * n, step = (int64_t)gridDim.x * WARPS * 16;
	bp_bf16 *W = (bp_bf16 *)shared;

	bp_stage<MOST_HEADS * 32>(W, groups * 32, { p.o, c, p.heads * p.d, 32, p.d, true, true });
	__syncthreads();
	for (int64_t at = (blockIdx.x * (int64_t)WARPS + threadIdx.x / 32) * 16; at < nn; at += step) {
		uint32_t f[2][MOST_HEADS * 4], a[4], b[2][4];
#pragma unroll
		for (int i = 0; i < 2; i++)
#pragma unroll
			for (int h = 0; h < MOST_HEADS; h++) {
				int64_t r = at + i * 8 + g;
				uint4 v = { 0, 0, 0, 0 };
				if (r < nn && h < p.heads)
					v = *(const uint4 *)(p.qkvg + turn_row(r, n, p.a.ending) * hp + h * 32 + 8 * t);
				*(uint4 *)&f[i][h * 4] = v;
			}
		for (int o = 0; o < groups; o++) {
			float acc[4][4] = {};
#pragma unroll
			for (int s = 0; s < 2 * MOST_HEADS; s++) {
				bp_load_b(b[0], W + o * 32 * ld + s * 16, ld);
				bp_load_b(b[1], W + (o * 32 + 16) * ld + s * 16, ld);
				bp_a_of(a, f[0], f[1], s);
#pragma unroll
				for (int j = 0; j < 4; j++)
					bp_mma(acc[j], a, b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
			}
#pragma unroll
			for (int i = 0; i < 2; i++) {
				int64_t r = at + i * 8 + g;
				float v[8];
#pragma unroll
				for (int e = 0; e < 8; e++)
					v[e] = acc[e / 2][i * 2 + e % 2];
				if (r < nn)
					bp_store8(p.a.out + r * c + o * 32 + 8 * t, v, c - o * 32 - 8 * t, p.wide, p.a.add);
			}
		}
	}
}

int
bp_tri_attn_cuda_opt(struct bp_ctx *cx, const struct bp_tri_attn *a)
{
	const struct bp_tri_attn_weights *w = a->w;
	struct bp_mark m = bp_dev_mark(cx);
	int n = a->n, heads = w->bias.n, hp = heads * 32, groups = a->c <= 64 ? 2 : 4, d = w->q.n / heads;
	int64_t nn = (int64_t)n * n;
	struct pieces p = { *a, w->norm.p, w->norm_b.p, { w->q.p, w->k.p, w->v.p, w->g.p }, w->bias.p, w->o.p, d, heads, false,
		(n + 31) / 32 * 2, (n + 63) / 64 * 4, NULL, NULL };
	size_t bias = (size_t)heads * p.jb * p.kb * 256, big = (size_t)(4 * hp + 8) * (groups * 32 + 8) * 2 + (size_t)groups * 64 * 4;
	size_t small = (size_t)(a->c + 31) / 32 * 32 * (MOST_HEADS * 32 + 8) * 2;

	if (cx->precision != BP_BF16_MM)
		return bp_as_original(cx, bp_tri_attn_cuda, a);
	if (a->c > 128 || d > 32 || heads > MOST_HEADS || n > 65535)
		return BP_FAIL(cx->err, BP_EUNSUP, "take --op tri_attn=original", "tri_attn in bf16 is for up to 128 channels and 4 heads of 32, not %d and %d of %d",
		    a->c, heads, d);
	BP_CUDA_NEW(p.qkvg, 4 * nn * hp, cx);
	BP_CUDA_NEW(p.bias, bias, cx);
	if (!cx->dry) {
		auto kernel = groups == 2 ? project<2> : project<4>;
		int64_t tiles = (nn + WARPS * 16 - 1) / (WARPS * 16);
		int few = (int)(tiles < bp_processors(cx) ? tiles : bp_processors(cx));
		p.wide = bp_wide(a->x, a->c) && bp_wide(a->out, a->c);
		BP_TRY(bp_dev_zero(cx, p.bias, bias * sizeof *p.bias)); /* the ends of its tiles */
		BP_TRY(bp_big_shared(cx, "tri_attn", kernel, big));
		BP_TRY(bp_big_shared(cx, "tri_attn", flash, sizeof(struct keys)));
		BP_TRY(bp_big_shared(cx, "tri_attn", finish, small));
		kernel<<<few, WARPS * 32, big, bp_stream(cx)>>>(p);
		flash<<<dim3((n + QUERIES - 1) / QUERIES, heads, n), QUERIES, sizeof(struct keys), bp_stream(cx)>>>(p);
		finish<<<few, WARPS * 32, small, bp_stream(cx)>>>(p);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "tri_attn");
}
