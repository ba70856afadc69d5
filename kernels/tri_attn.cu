#include "cuda.cuh"

extern "C" {
#include "ops/host_device.h"
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

	if (a->members > 1)
		return bp_tri_attn_each(cx, a, bp_tri_attn_cuda);
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
 * project  norm and the five products of a row, whose weights all stay in shared memory; a warp takes 32 rows
 * flash    one block a row i (ROWS of them, which then share the bias), a head and 128 queries; softmax over tiles of 64 keys, which come with their
 *          bias while the ones before are worked on
 * finish   output product, back in the order of x
 * Rows are those of the problem (of x transposed when ending) and heads 32 numbers wide from project to finish. All three take a block of rows, `rows`
 * from `first` on, all of them unless cx->chunk says less: then the bias, which every row needs, is made for all rows before the first block. q holds
 * log2(e) / sqrt(d) and the bias log2(e), so that weights are powers of two; scores and softmax are fp32. What is taken off a row's scores is the
 * largest of its first 64 keys, until one is more than 64 above it: a weight is a floating-point number and none the worse for being large.
 * The rows of several members, which are never cut into blocks, follow each other; each has a bias of its own. */

enum { FEW = 12, WARPS = 16, MOST_HEADS = 4 }; /* warps of project and of finish */
enum { ROWS = 1, QUERIES = 128, THREADS = ROWS * QUERIES, BLOCKS = 4 / ROWS, KEYS = 64, KV_LD = 32 + 8 }; /* of flash; BLOCKS a multiprocessor */
static const float LOG2E = 1.44269504f;

struct pieces {
	struct bp_tri_attn a;
	const float *norm, *norm_b, *W[4], *bias_w, *o; /* q k v g */
	int d, heads, wide;
	int jb, kb;              /* tiles of 16 queries, of 16 keys   */
	int first, rows;         /* of the problem: this block's, of each member */
	int members;
	int parts;               /* heads of q, k, v, g to make: none where only the bias is wanted */
	bool biased;             /* make the bias, too                */
	bp_bf16 *qkvg;           /* [4][members,rows,n][heads*32]     */
	bp_bf16 *bias;           /* [members][heads][jb][kb][32 lanes][8] */
};

/* Pair q of a block, counted as they lie in x (rows of it; columns when ending): where it is in x, and in qkvg */
static __device__ inline int64_t
in_x(const struct pieces *p, int64_t q)
{
	return p->a.ending ? (int64_t)((uint32_t)q / p->rows) * p->a.n + p->first + (uint32_t)q % p->rows /* divisions of 64 bits are slow */
	                   : (int64_t)p->first * p->a.n + q;
}

static __device__ inline int64_t
in_block(const struct pieces *p, int64_t q)
{
	uint32_t before = 0;

	if (!p->a.ending)
		return q;
	if (p->members > 1) { /* pairs of the members before */
		const uint32_t pairs = p->a.n * p->a.n;
		before = (uint32_t)q / pairs * pairs;
		q -= before;
	}
	return before + (int64_t)((uint32_t)q % p->rows) * p->a.n + (uint32_t)q / p->rows;
}

/* pairs of this block, of all members */
static BP_HOST_DEVICE inline int64_t
pairs_of(const struct pieces *p)
{
	return (int64_t)p->members * p->rows * p->a.n;
}

/* where lane's numbers of member g's bias[h,j,k] lie: a tile of 16 x 16 as B of two products, rows j, 16 bytes a lane */
static __device__ inline int64_t
bias_at(const struct pieces *p, int g, int h, int j, int k)
{
	int64_t tile = (((int64_t)g * p->heads + h) * p->jb + j / 16) * p->kb + k / 16;

	return (tile * 32 + k % 8 * 4 + j % 8 / 2) * 8 + k % 16 / 8 * 4 + j % 16 / 8 * 2 + j % 2;
}

template <int G>
static __global__ void __launch_bounds__(FEW * 32, 1)
project(struct pieces p)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int ld = G * 32 + 8, hp = p.heads * 32, c = p.a.c, n = p.a.n;
	const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
	const int64_t all = pairs_of(&p), step = (int64_t)gridDim.x * FEW * 32;
	bp_bf16 *W = (bp_bf16 *)shared;
	float *nw = (float *)(W + (4 * hp + 8) * ld), *nb = nw + G * 32;

	for (int m = 0; m < 4; m++)
		bp_stage<G * 32>(W + m * hp * ld, hp, { p.W[m], p.heads * p.d, c, p.d, 32, true, true });
	bp_stage<G * 32>(W + 4 * hp * ld, 8, { p.bias_w, p.heads, c, 32, 32, false, true });
	bp_stage_vector(nw, G * 32, p.norm, c);
	bp_stage_vector(nb, G * 32, p.norm_b, c);
	__syncthreads();
	for (int64_t at = (blockIdx.x * (int64_t)FEW + threadIdx.x / 32) * 32; at < all; at += step) {
		uint32_t f[4][G * 4], a[4], b[4];
		bp_bf16 *to[4]; /* this lane's part of the rows' first head of q, or NULL */
#pragma unroll
		for (int i = 0; i < 4; i++) {
			int64_t r = at + i * 8 + g;
			bp_norm_frag<G>(f[i], r < all ? p.a.x + in_x(&p, r) * c : NULL, c, p.wide, nw, nb);
			to[i] = r < all ? p.qkvg + in_block(&p, r) * hp + 8 * t : NULL;
		}
		for (int o = 0; o < p.parts; o++) { /* a head of q, k, v or g */
			float acc[2][4][4] = {};
			float scale = o < p.heads ? LOG2E / sqrtf((float)p.d) : 1;
			const int64_t part = o / p.heads * all * hp + o % p.heads * 32;
			bp_rows_by_32(acc, f, W + o * 32 * ld, ld);
#pragma unroll
			for (int i = 0; i < 4; i++) {
				uint32_t v[4];
#pragma unroll
				for (int j = 0; j < 4; j++)
					v[j] = bp_pack2(acc[i / 2][j][i % 2 * 2] * scale, acc[i / 2][j][i % 2 * 2 + 1] * scale);
				if (to[i])
					*(uint4 *)(to[i] + part) = *(uint4 *)v;
			}
		}
		if (!p.biased)
			continue;
#pragma unroll
		for (int m = 0; m < 2; m++) {
			float acc[4] = {};
#pragma unroll
			for (int s = 0; s < 2 * G; s += 2) {
				bp_ldmatrix(b, W + (4 * hp + lane % 8) * ld + s * 16 + lane / 8 * 8);
#pragma unroll
				for (int e = 0; e < 2; e++) {
					bp_a_of(a, f[2 * m], f[2 * m + 1], s + e);
					bp_mma(acc, a, b[2 * e], b[2 * e + 1]);
				}
			}
#pragma unroll
			for (int i = 0; i < 2; i++) {
				int64_t r = at + m * 16 + i * 8 + g, row = in_block(&p, r);
				const int line = p.first + (int)((uint32_t)row / n);
#pragma unroll
				for (int e = 0; e < 2; e++)
					if (r < all && 2 * t + e < p.heads)
						p.bias[bias_at(&p, line / n, 2 * t + e, line % n, (int)((uint32_t)row % n))] = __float2bfloat16(acc[i * 2 + e] * LOG2E);
			}
		}
	}
}

/* two stages of 64 keys: k and v of each row, the bias of 32 queries in tiles of 16 x 16, what the masks add */
struct keys {
	bp_bf16 kv[2][ROWS][2][KEYS][KV_LD];
	uint4 bias[2][QUERIES / 32][2 * KEYS / 16][32];
	float mask[2][ROWS][KEYS];
	uint4 unit[32]; /* the identity as A */
};

/* what a thread copies for 64 keys: 16 bytes of k or v of keys COPY_KEYS apart, 16 bytes of the bias of tiles COPY_TILES apart */
enum { COPY_KEYS = THREADS / 8, COPY_TILES = THREADS / 32, KEY_PARTS = KEYS / COPY_KEYS, TILE_PARTS = 8 / COPY_TILES };

struct source {
	const bp_bf16 *kv;
	const uint4 *bias;
	int next_row, next_bias[QUERIES / 32];
};

/* of row i0 of member g */
static __device__ inline struct source
sources(const struct pieces *p, int g, int i0, int h, int j0)
{
	const int n = p->a.n, hp = p->heads * 32, thread = threadIdx.x, part = thread % 8; /* four parts of k, four of v */
	struct source f;

	f.kv = p->qkvg + (part / 4 + 1) * pairs_of(p) * hp + (((int64_t)g * p->rows + i0) * n + thread / 8) * hp + h * 32 + part % 4 * 8;
	f.next_row = n * hp;
	f.bias = (const uint4 *)(p->bias + bias_at(p, g, h, j0 + thread / 128 * 16, thread / 32 % 4 * 16)) + thread % 32;
	for (int e = 0; e < QUERIES / 32; e++)
		f.next_bias[e] = j0 + e * 32 < n ? e * 2 * p->kb * 32 : 0;
	return f;
}

/* keys k0 .. k0 + 63 of the rows from i0 of the block on into a stage; does this thread's key change scores by its mask? */
static __device__ inline bool
load_keys(struct keys *to, const struct pieces *p, const struct source *f, int i0, int k0)
{
	const int n = p->a.n, hp = p->heads * 32, thread = threadIdx.x, part = thread % 8, stage = k0 / KEYS % 2;
	const bp_bf16 *kv = f->kv + (int64_t)k0 * hp;

#pragma unroll
	for (int e = 0; e < ROWS * KEY_PARTS; e++) {
		const int row = e / KEY_PARTS, on = e % KEY_PARTS * COPY_KEYS;
		bool there = k0 + thread / 8 + on < n && i0 + row < p->rows;
		bp_copy16(&to->kv[stage][row][part / 4][thread / 8 + on][part % 4 * 8], there ? kv + (row * f->next_row + on * hp) : p->qkvg, there);
	}
#pragma unroll
	for (int e = 0; e < QUERIES / 32 * TILE_PARTS; e++)
		bp_copy16(&to->bias[stage][e / TILE_PARTS][thread / 32 + e % TILE_PARTS * COPY_TILES][thread % 32],
		    f->bias + k0 * 2 + f->next_bias[e / TILE_PARTS] + e % TILE_PARTS * p->kb * 32, true);
	bp_copy_commit();
	if (thread < ROWS * KEYS) {
		int row = i0 + thread / KEYS, i = p->first + row, key = k0 + thread % KEYS;
		float add = key >= n || row >= p->rows ? -INFINITY : !p->a.mask && !p->a.pair_mask ? 0
		    : 1e9f * LOG2E * (bp_dev_member_mask(p->a.pair_mask, p->a.mask, n, blockIdx.y / p->heads, p->a.ending ? key : i, p->a.ending ? i : key) - 1);
		to->mask[stage][thread / KEYS][thread % KEYS] = add;
		return add != 0 && row < p->rows;
	}
	return false;
}

/* a warp's 32 queries, as two times 16 */
struct queries {
	uint32_t q[2][2][4];
	float o[2][5][4];   /* sums of weighted values; the last: of the weights */
	float less[2][4];   /* what is taken off the scores, negative: of rows g, g, g + 8, g + 8 */
};

/* an operand as it lies in shared memory, in four registers in a row: of numbers that it knows the compiler would put it together for each product */
static __device__ inline void
quad(uint32_t r[4], const uint4 *at)
{
	asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
	    : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"((uint32_t)__cvta_generic_to_shared(at)) : "memory");
}

/* s = the scores of 16 queries and the eight keys j, plus c; b: the keys as B; unit: the identity as A, by which the bias is added */
static __device__ inline void
scores(float s[4], const uint32_t q[2][4], const uint32_t b[4], const uint32_t unit[4], uint32_t bias0, uint32_t bias1, const float c[4])
{
	bp_mma_to(s, unit, bias0, bias1, c);
	bp_mma(s, q[0], b[0], b[1]);
	bp_mma(s, q[1], b[2], b[3]);
}

/* The weights of 64 keys, as A of four steps, when what is taken off the scores need not follow them: weights may be as large as 2^64. False: it must. */
static __device__ inline bool
weigh(uint32_t w[2][4][4], const struct queries *a, const bp_bf16 (*k)[KV_LD], const uint4 (*bias)[32], const uint4 *unit)
{
	const int lane = threadIdx.x % 32;
	uint32_t most = 0, b[4], I[4];

	quad(I, &unit[lane]);

#pragma unroll
	for (int j = 0; j < 8; j++) {
		bp_ldmatrix(b, &k[j * 8 + lane % 8][lane / 8 * 8]);
#pragma unroll
		for (int m = 0; m < 2; m++) {
			const uint2 two = ((const uint2 *)&bias[m * (KEYS / 16) + j / 2][lane])[j % 2];
			float s[4];
			scores(s, a->q[m], b, I, two.x, two.y, a->less[m]);
#pragma unroll
			for (int r = 0; r < 2; r++) {
				uint32_t *to = &w[m][j / 2][j % 2 * 2 + r];
				*to = bp_pack2(bp_exp2(s[2 * r]), bp_exp2(s[2 * r + 1]));
				most = bp_max2(most, *to);
			}
		}
	}
	return !__any_sync(~0u, bp_low(most) > 0x1p64f || bp_high(most) > 0x1p64f);
}

/* the same whatever the scores are: what is taken off becomes the largest one, the sums follow */
static __device__ inline void
weigh_anew(uint32_t w[4][4], struct queries *a, int m, const bp_bf16 (*k)[KV_LD], const uint4 (*bias)[32], const uint4 *unit, const float *mask)
{
	const int lane = threadIdx.x % 32, t = lane % 4;
	const float zero[4] = {};
	float s[8][4];
	uint32_t I[4];

	quad(I, &unit[lane]);
#pragma unroll
	for (int j = 0; j < 8; j++) {
		const uint2 two = ((const uint2 *)&bias[m * (KEYS / 16) + j / 2][lane])[j % 2];
		uint32_t b[4];
		bp_ldmatrix(b, &k[j * 8 + lane % 8][lane / 8 * 8]);
		scores(s[j], a->q[m], b, I, two.x, two.y, zero);
#pragma unroll
		for (int e = 0; e < 4; e++)
			s[j][e] += mask[j * 8 + 2 * t + e % 2];
	}
#pragma unroll
	for (int r = 0; r < 2; r++) {
		float before = -a->less[m][2 * r], most = before, shrink;
#pragma unroll
		for (int j = 0; j < 8; j++)
			most = fmaxf(most, fmaxf(s[j][2 * r], s[j][2 * r + 1]));
		most = fmaxf(most, __shfl_xor_sync(~0u, most, 1));
		most = fmaxf(most, __shfl_xor_sync(~0u, most, 2));
		shrink = bp_exp2(before - most);
		a->less[m][2 * r] = a->less[m][2 * r + 1] = -most;
#pragma unroll
		for (int e = 0; e < 5; e++)
			a->o[m][e][2 * r] *= shrink, a->o[m][e][2 * r + 1] *= shrink;
#pragma unroll
		for (int j = 0; j < 8; j++)
			w[j / 2][j % 2 * 2 + r] = bp_pack2(bp_exp2(s[j][2 * r] - most), bp_exp2(s[j][2 * r + 1] - most));
	}
	/* an operand of four registers, whatever is equal in it: the compiler would put it together anew for each product */
	asm volatile("" : "+f"(a->less[m][0]), "+f"(a->less[m][1]), "+f"(a->less[m][2]), "+f"(a->less[m][3]));
}

/* o takes the place of q */
static __global__ void __launch_bounds__(THREADS, BLOCKS)
flash(struct pieces p)
{
	extern __shared__ __align__(16) unsigned char shared[];
	struct keys *keys = (struct keys *)shared;
	const int n = p.a.n, hp = p.heads * 32, h = blockIdx.y % p.heads, member = blockIdx.y / p.heads, i0 = blockIdx.z * ROWS, j0 = blockIdx.x * QUERIES;
	const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
	const int row = warp / (QUERIES / 32), group = warp % (QUERIES / 32), mine = j0 + group * 32;
	const int64_t all = pairs_of(&p) * hp;
	const struct source from = sources(&p, member, i0, h, j0);
	bp_bf16 *q = p.qkvg + ((int64_t)member * p.rows + i0 + row) * n * hp + h * 32;
	const bool idle = mine >= n || i0 + row >= p.rows; /* of a block's end, but its threads copy keys */
	const uint32_t one = g / 2 != t ? 0 : g % 2 ? 0x3f800000 : 0x3f80;
	struct queries a = { {}, {}, { { INFINITY, INFINITY, INFINITY, INFINITY }, { INFINITY, INFINITY, INFINITY, INFINITY } } };

#pragma unroll
	for (int m = 0; m < 2; m++)
#pragma unroll
		for (int e = 0; e < 8; e++) {
			int j = mine + m * 16 + e % 2 * 8 + g;
			a.q[m][e / 4][e % 4] = !idle && j < n ? *(uint32_t *)(q + (int64_t)j * hp + e / 4 * 16 + e % 4 / 2 * 8 + 2 * t) : 0;
		}
	keys->unit[lane] = make_uint4(one, 0, 0, one); /* every warp the same */
	bool here = load_keys(keys, &p, &from, i0, 0), next = false, masked;
	for (int k0 = 0, stage = 0; k0 < n; k0 += KEYS, stage ^= 1) {
		if (k0 + KEYS < n) {
			next = load_keys(keys, &p, &from, i0, k0 + KEYS);
			bp_copy_wait<1>();
		} else {
			bp_copy_wait<0>();
		}
		masked = __syncthreads_or(here);
		here = next;
		if (!idle) {
			uint32_t w[2][4][4], b[4];
			if (masked || k0 == 0 || !weigh(w, &a, keys->kv[stage][row][0], keys->bias[stage][group], keys->unit))
#pragma unroll
				for (int m = 0; m < 2; m++)
					weigh_anew(w[m], &a, m, keys->kv[stage][row][0], keys->bias[stage][group], keys->unit, keys->mask[stage][row]);
#pragma unroll
			for (int e = 0; e < 8; e++) {
				bp_ldmatrix_trans(b, &keys->kv[stage][row][1][e / 2 * 16 + lane % 16][e % 2 * 16 + lane / 16 * 8]);
#pragma unroll
				for (int m = 0; m < 2; m++) {
					bp_mma(a.o[m][e % 2 * 2], w[m][e / 2], b[0], b[1]);
					bp_mma(a.o[m][e % 2 * 2 + 1], w[m][e / 2], b[2], b[3]);
					if (e % 2)
						bp_mma(a.o[m][4], w[m][e / 2], 0x3f803f80, 0x3f803f80);
				}
			}
		}
		__syncthreads(); /* this stage is read */
	}
#pragma unroll
	for (int m = 0; m < 2; m++)
#pragma unroll
		for (int r = 0; r < 2; r++) {
			int j = mine + m * 16 + r * 8 + g;
			float share = __fdividef(1, a.o[m][4][2 * r]);
#pragma unroll
			for (int e = 0; e < 4 && !idle && j < n; e++) {
				uint32_t *at = (uint32_t *)(q + (int64_t)j * hp + e * 8 + 2 * t), gate = *(uint32_t *)((bp_bf16 *)at + 3 * all);
				*at = bp_pack2(a.o[m][e][2 * r] * share * bp_fast_sigmoid(bp_low(gate)),
				    a.o[m][e][2 * r + 1] * share * bp_fast_sigmoid(bp_high(gate)));
			}
		}
}

static __global__ void __launch_bounds__(WARPS * 32, 1)
finish(struct pieces p)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int ld = MOST_HEADS * 32 + 8, hp = p.heads * 32, c = p.a.c, groups = (c + 31) / 32;
	const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
	const int64_t all = pairs_of(&p), step = (int64_t)gridDim.x * WARPS * 16;
	bp_bf16 *W = (bp_bf16 *)shared;

	bp_stage<MOST_HEADS * 32>(W, groups * 32, { p.o, c, p.heads * p.d, 32, p.d, true, true });
	__syncthreads();
	for (int64_t at = (blockIdx.x * (int64_t)WARPS + threadIdx.x / 32) * 16; at < all; at += step) {
		uint32_t f[2][MOST_HEADS * 4];
		float *to[2]; /* rows g and g + 8, or NULL */
#pragma unroll
		for (int i = 0; i < 2; i++) {
			int64_t r = at + i * 8 + g;
			const bp_bf16 *from = p.qkvg + in_block(&p, r) * hp + 8 * t;
			to[i] = r < all ? p.a.out + in_x(&p, r) * c + 8 * t : NULL;
#pragma unroll
			for (int h = 0; h < MOST_HEADS; h++) {
				uint4 v = { 0, 0, 0, 0 };
				if (r < all && h < p.heads)
					v = *(const uint4 *)(from + h * 32);
				*(uint4 *)&f[i][h * 4] = v;
			}
		}
		for (int o = 0; o < groups; o++) {
			float acc[1][4][4] = {};
			bp_rows_by_32(acc, f, W + o * 32 * ld, ld);
#pragma unroll
			for (int i = 0; i < 2; i++) {
				float v[8];
#pragma unroll
				for (int e = 0; e < 8; e++)
					v[e] = acc[0][e / 2][i * 2 + e % 2];
				if (to[i])
					bp_store8(to[i] + o * 32, v, c - o * 32 - 8 * t, p.wide, p.a.add);
			}
		}
	}
}

/* project over the rows from first on */
static int
project_block(struct bp_ctx *cx, struct pieces *p, int first, int rows, int parts, bool biased)
{
	int hp = p->heads * 32, groups = p->a.c <= 64 ? 2 : 4;
	size_t shared = (size_t)(4 * hp + 8) * (groups * 32 + 8) * sizeof *p->qkvg + (size_t)groups * 64 * sizeof(float);
	int64_t tiles;

	p->first = first;
	p->rows = rows;
	tiles = (pairs_of(p) + FEW * 32 - 1) / (FEW * 32);
	p->parts = parts;
	p->biased = biased;
	return bp_launch_walk(cx, "tri_attn", groups == 2 ? project<2> : project<4>, tiles, FEW * 32, shared, *p);
}

/* all of the op for the rows that project was for */
static int
attend_block(struct bp_ctx *cx, const struct pieces *p)
{
	size_t shared = (size_t)(p->a.c + 31) / 32 * 32 * (MOST_HEADS * 32 + 8) * sizeof *p->qkvg;
	int64_t tiles = (pairs_of(p) + WARPS * 16 - 1) / (WARPS * 16);

	BP_TRY(bp_big_shared(cx, "tri_attn", flash, sizeof(struct keys)));
	flash<<<dim3((p->a.n + QUERIES - 1) / QUERIES, p->heads * p->members, (p->rows + ROWS - 1) / ROWS), THREADS, sizeof(struct keys), bp_stream(cx)>>>(*p);
	return bp_launch_walk(cx, "tri_attn", finish, tiles, WARPS * 32, shared, *p);
}

int
bp_tri_attn_cuda_opt(struct bp_ctx *cx, const struct bp_tri_attn *a)
{
	const struct bp_tri_attn_weights *w = a->w;
	struct bp_mark m = bp_dev_mark(cx);
	int n = a->n, heads = w->bias.n, d = w->q.n / heads, block = bp_rows_at_once(cx, n), members = bp_members(a->members);
	struct pieces p = { *a, w->norm.p, w->norm_b.p, { w->q.p, w->k.p, w->v.p, w->g.p }, w->bias.p, w->o.p, d, heads, false,
		(n + 31) / 32 * 2, (n + 63) / 64 * 4, 0, 0, members, 0, false, NULL, NULL };
	size_t bias = (size_t)members * heads * p.jb * p.kb * 256;

	if (cx->precision != BP_BF16_MM)
		return bp_as_original(cx, bp_tri_attn_cuda, a);
	if (a->c > 128 || d > 32 || heads > MOST_HEADS || n > 46340)
		return BP_FAIL(cx->err, BP_EUNSUP, "take --op tri_attn=original", "tri_attn in bf16 is for up to 128 channels and 4 heads of 32, not %d and %d of %d",
		    a->c, heads, d);
	if (members > 1 && (block < n || (int64_t)members * n * n >> 31 || (int64_t)heads * members > 65535))
		return bp_tri_attn_each(cx, a, bp_tri_attn_cuda_opt);
	BP_CUDA_NEW(p.qkvg, (int64_t)4 * members * block * n * heads * 32, cx);
	BP_CUDA_NEW(p.bias, bias, cx);
	if (!cx->dry) {
		p.wide = bp_wide(a->x, a->c) && bp_wide(a->out, a->c);
		if (n % 64) /* the ends of its tiles */
			BP_TRY(bp_dev_zero(cx, p.bias, bias * sizeof *p.bias));
		if (block < n)
			BP_TRY(project_block(cx, &p, 0, n, 0, true));
		for (int i = 0; i < n; i += block) {
			BP_TRY(project_block(cx, &p, i, n - i < block ? n - i : block, 4 * heads, block == n));
			BP_TRY(attend_block(cx, &p));
		}
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "tri_attn");
}
