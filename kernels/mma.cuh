/* kernels/mma.cuh: bf16 matrix products of a warp (mma.sync m16n8k16, fp32 sums), and rows and weights as their operands.
 *
 * In a fragment lane 4 g + t holds row g (and g + 8 of A), and of the 16 columns 2t, 2t+1, 2t+8, 2t+9. Which number stands in which column is
 * free as long as both operands agree: k_slot puts the eight numbers 8t .. 8t+7 of each 32 with lane t, so that rows are read 32 bytes a lane; and
 * n_source orders the rows of a weight so that lane t ends up with the results 8t .. 8t+7. A row's four lanes are a quad: a layer norm needs
 * only two shuffles, and a normalised row never leaves the registers. */
#ifndef BP_MMA_CUH
#define BP_MMA_CUH

#include <cuda_bf16.h>

#include "cuda.cuh"

typedef __nv_bfloat16 bp_bf16;

/* the column (slot) of a fragment where number k of a row stands */
static __device__ inline int
bp_k_slot(int k)
{
	return k / 32 * 32 + 16 * (k / 4 % 2) + 8 * (k / 2 % 2) + 2 * (k / 8 % 4) + k % 2;
}

/* the output that the weight's row i, in the order of the products, makes */
static __device__ inline int
bp_n_source(int i)
{
	return i / 32 * 32 + 8 * (i % 8 / 2) + 2 * (i / 8 % 4) + i % 2;
}

/* Heads of d <= 32 numbers are kept 32 wide: where number i of the wide form stands in the narrow one, or -1 */
static __device__ inline int
bp_unpad(int i, int d)
{
	return i % 32 < d ? i / 32 * d + i % 32 : -1;
}

static __device__ inline uint32_t
bp_pack2(float lo, float hi)
{
	uint32_t r;

	asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
	return r;
}

static __device__ inline float
bp_low(uint32_t two)
{
	return __uint_as_float(two << 16);
}

static __device__ inline float
bp_high(uint32_t two)
{
	return __uint_as_float(two & 0xffff0000u);
}

/* d += a b */
static __device__ inline void
bp_mma(float d[4], const uint32_t a[4], uint32_t b0, uint32_t b1)
{
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
	    : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

static __device__ inline float
bp_tf32(float x)
{
	uint32_t r;

	asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
	return __uint_as_float(r);
}

/* d += a b in tf32, m16n8k8: lane 4 g + t holds rows g and g + 8 of A as a[0], a[1] in column t and a[2], a[3] in column t + 4, and column g of B as
 * b0 in row t and b1 in row t + 4; d is as in bp_mma */
static __device__ inline void
bp_mma_tf32(float d[4], const float a[4], float b0, float b1)
{
	asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
	    : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
	    : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])), "r"(__float_as_uint(a[3])),
	    "r"(__float_as_uint(b0)), "r"(__float_as_uint(b1)));
}

/* x = its upper part, which tf32 holds exactly; returns the rest, rounded */
static __device__ inline float
bp_split(float *x)
{
	float rest = *x;

	*x = __uint_as_float(__float_as_uint(*x) & 0xffffe000u);
	return bp_tf32(rest - *x);
}

/* the same product to within about 2^-21 of its terms: each operand as the sum of two tf32 numbers, the product of the two rests left out */
static __device__ inline void
bp_mma_3tf32(float d[4], const float a[4], float b0, float b1)
{
	float hi[4], lo[4], c0, c1;

#pragma unroll
	for (int i = 0; i < 4; i++)
		hi[i] = a[i], lo[i] = bp_split(&hi[i]);
	c0 = bp_split(&b0);
	c1 = bp_split(&b1);
	bp_mma_tf32(d, lo, b0, b1);
	bp_mma_tf32(d, hi, c0, c1);
	bp_mma_tf32(d, hi, b0, b1);
}

/* d = a b + c */
static __device__ inline void
bp_mma_to(float d[4], const uint32_t a[4], uint32_t b0, uint32_t b1, const float c[4])
{
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"
	    : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
	    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]));
}

/* the larger one of each of two bf16 numbers */
static __device__ inline uint32_t
bp_max2(uint32_t x, uint32_t y)
{
	uint32_t r;

	asm("max.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(x), "r"(y));
	return r;
}

/* four 8x8 matrices; lane i gives the address of row i % 8 of matrix i / 8 */
static __device__ inline void
bp_ldmatrix(uint32_t r[4], const bp_bf16 *row)
{
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
	    : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"((uint32_t)__cvta_generic_to_shared(row)) : "memory");
}

static __device__ inline void
bp_ldmatrix_trans(uint32_t r[4], const bp_bf16 *row)
{
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
	    : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"((uint32_t)__cvta_generic_to_shared(row)) : "memory");
}

/* B of two tiles of 8 outputs from W [16 rows][16 columns] at w: r[0], r[1] of the first, r[2], r[3] of the second */
static __device__ inline void
bp_load_b(uint32_t r[4], const bp_bf16 *w, int ld)
{
	int lane = threadIdx.x % 32;

	bp_ldmatrix(r, w + (lane % 8 + lane / 16 * 8) * ld + lane / 8 % 2 * 8);
}

/* A from [16 rows][16 columns] at w */
static __device__ inline void
bp_load_a(uint32_t r[4], const bp_bf16 *w, int ld)
{
	int lane = threadIdx.x % 32;

	bp_ldmatrix(r, w + lane % 16 * ld + lane / 16 * 8);
}

/* 16 bytes from global to shared memory, zeros if not there */
static __device__ inline void
bp_copy16(void *to, const void *from, bool there)
{
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"((uint32_t)__cvta_generic_to_shared(to)), "l"(from), "r"(there ? 16 : 0)
	    : "memory");
}

static __device__ inline void
bp_copy_commit(void)
{
	asm volatile("cp.async.commit_group;" ::: "memory");
}

/* wait until at most N groups are under way */
template <int N>
static __device__ inline void
bp_copy_wait(void)
{
	asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

/* 2^x within 2 ulp; 0 below -126 */
static __device__ inline float
bp_exp2(float x)
{
	float r;

	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
	return r;
}

static __device__ inline float
bp_fast_sigmoid(float x)
{
	return __fdividef(1, 1 + __expf(-x));
}

/* How a weight W [n,k] comes into shared memory: rows in the order of n_source or as they are, columns in that of k_slot or as they are,
 * its heads of dn rows or dk columns widened to 32 (32: nothing to widen) */
struct bp_staging {
	const float *W;
	int n, k, dn, dk;
	bool n_order, k_order;
};

/* numbers k and k + 1 of the weight's row r; pairs: they are neighbours that may be read at once. Without branches around its loads, so that several
 * are under way */
static __device__ inline float2
bp_staged(const struct bp_staging &w, int r, int k, bool pairs)
{
	int from = bp_unpad(w.n_order ? bp_n_source(r) : r, w.dn), k0 = bp_unpad(k, w.dk), k1 = bp_unpad(k + 1, w.dk);
	bool there = from >= 0 && from < w.n, lo = there && k0 >= 0 && k0 < w.k, hi = there && k1 >= 0 && k1 < w.k;
	const float *row = w.W + (there ? from : 0) * w.k;
	float2 v;

	if (pairs)
		v = *(const float2 *)(row + (lo ? k0 : 0));
	else
		v = make_float2(row[lo ? k0 : 0], row[hi ? k1 : 0]);
	return make_float2(lo ? v.x : 0, hi ? v.y : 0);
}

/* s [rows][COLS + 8] by the block's threads, zeros beyond W */
template <int COLS>
static __device__ inline void
bp_stage(bp_bf16 *s, int rows, struct bp_staging w)
{
	enum { AT_ONCE = 8 };
	const bool pairs = w.dk == 32 && w.k % 2 == 0 && (uintptr_t)w.W % 8 == 0;

	for (int i0 = threadIdx.x; i0 < rows * (COLS / 2); i0 += AT_ONCE * blockDim.x) {
		float2 v[AT_ONCE];
#pragma unroll
		for (int e = 0; e < AT_ONCE; e++) {
			int i = i0 + e * blockDim.x;
			v[e] = bp_staged(w, i / (COLS / 2), i % (COLS / 2) * 2, pairs);
		}
#pragma unroll
		for (int e = 0; e < AT_ONCE; e++) {
			int i = i0 + e * blockDim.x, r = i / (COLS / 2), k = i % (COLS / 2) * 2;
			if (i < rows * (COLS / 2))
				*(uint32_t *)(s + r * (COLS + 8) + (w.k_order ? bp_k_slot(k) : k)) = bp_pack2(v[e].x, v[e].y);
		}
	}
}

/* s[size] = v[c], zeros beyond */
static __device__ inline void
bp_stage_vector(float *s, int size, const float *v, int c)
{
	for (int i = threadIdx.x; i < size; i += blockDim.x)
		s[i] = i < c ? v[i] : 0;
}

/* This quad's row x (c numbers; NULL: zeros) after its layer norm, as fragments in the order of k_slot: f[2s] and f[2s+1] are the halves of step s
 * (A: a0, a2 or a1, a3; B: b0, b1). nw, nb [32 G] in shared memory, zeros beyond c. wide: rows are 16-byte aligned, c a multiple of 8. */
template <int G>
static __device__ inline void
bp_norm_frag(uint32_t f[G * 4], const float *x, int c, bool wide, const float *nw, const float *nb)
{
	int t = threadIdx.x % 4;
	float v[G][8], mean = 0, var = 0, scale;

#pragma unroll
	for (int q = 0; q < G; q++) {
		int k = q * 32 + 8 * t;
		if (wide && x && k < c) {
			*(float4 *)&v[q][0] = *(const float4 *)(x + k);
			*(float4 *)&v[q][4] = *(const float4 *)(x + k + 4);
		} else {
#pragma unroll
			for (int e = 0; e < 8; e++)
				v[q][e] = x && k + e < c ? x[k + e] : 0;
		}
	}
#pragma unroll
	for (int q = 0; q < G; q++)
#pragma unroll
		for (int e = 0; e < 8; e++)
			mean += v[q][e];
	mean += __shfl_xor_sync(~0u, mean, 1);
	mean += __shfl_xor_sync(~0u, mean, 2);
	mean /= c;
#pragma unroll
	for (int q = 0; q < G; q++)
#pragma unroll
		for (int e = 0; e < 8; e++)
			var += q * 32 + 8 * t + e < c ? (v[q][e] - mean) * (v[q][e] - mean) : 0;
	var += __shfl_xor_sync(~0u, var, 1);
	var += __shfl_xor_sync(~0u, var, 2);
	scale = rsqrtf(var / c + 1e-5f);
#pragma unroll
	for (int q = 0; q < G; q++)
#pragma unroll
		for (int e = 0; e < 4; e++) {
			int k = q * 32 + 8 * t + 2 * e;
			f[q * 4 + e] = bp_pack2((v[q][2 * e] - mean) * scale * nw[k] + nb[k],
			    (v[q][2 * e + 1] - mean) * scale * nw[k + 1] + nb[k + 1]);
		}
}

/* A of step s from the fragments of rows g and g + 8 */
static __device__ inline void
bp_a_of(uint32_t a[4], const uint32_t *low, const uint32_t *high, int s)
{
	a[0] = low[2 * s];
	a[1] = high[2 * s];
	a[2] = low[2 * s + 1];
	a[3] = high[2 * s + 1];
}

/* acc[m] += the 16 rows whose fragments f[2m] and f[2m+1] are, times 32 outputs of the weight at w */
template <int M, int F, int K>
static __device__ inline void
bp_rows_by_32(float (&acc)[M][4][4], const uint32_t (&f)[F][K], const bp_bf16 *w, int ld)
{
	static_assert(F == 2 * M, "two fragments for 16 rows");
	uint32_t a[M][4], b[2][4];

#pragma unroll
	for (int s = 0; s < K / 2; s++) {
		bp_load_b(b[0], w + s * 16, ld);
		bp_load_b(b[1], w + 16 * ld + s * 16, ld);
#pragma unroll
		for (int m = 0; m < M; m++) {
			bp_a_of(a[m], f[2 * m], f[2 * m + 1], s);
#pragma unroll
			for (int j = 0; j < 4; j++)
				bp_mma(acc[m][j], a[m], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
		}
	}
}

/* out[0..7] (+)= v, the first `left` of them */
static __device__ inline void
bp_store8(float *out, const float v[8], int left, bool wide, bool add)
{
	if (wide && left >= 8) {
		float4 *o = (float4 *)out, a = { v[0], v[1], v[2], v[3] }, b = { v[4], v[5], v[6], v[7] };
		if (add) {
			float4 c = o[0], d = o[1];
			a.x += c.x, a.y += c.y, a.z += c.z, a.w += c.w;
			b.x += d.x, b.y += d.y, b.z += d.z, b.w += d.w;
		}
		o[0] = a;
		o[1] = b;
		return;
	}
#pragma unroll
	for (int e = 0; e < 8; e++)
		if (e < left)
			out[e] = add ? out[e] + v[e] : v[e];
}

/* rows of c floats at p may be read 16 bytes at a time, eight numbers at once */
static inline bool
bp_wide(const float *p, int c)
{
	return (uintptr_t)p % 16 == 0 && c % 8 == 0;
}

/* Allow a kernel `bytes` of shared memory a block. BP_EUNSUP: the card has less (164 KB with compute capability 8.0, 227 with 9.0, 99
 * with 8.6 and 8.9, where the originals remain). */
template <class K>
static inline int
bp_big_shared(struct bp_ctx *cx, const char *op, K *kernel, size_t bytes)
{
	cudaError_t e = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);

	if (e == cudaSuccess)
		return BP_OK;
	cudaGetLastError(); /* it is told here */
	return BP_FAIL(cx->err, BP_EUNSUP, "take --op NAME=original", "cuda:%d: %s in bf16 wants %zu KiB of shared memory a block: %s",
	    cx->device_index, op, bytes >> 10, cudaGetErrorString(e));
}

/* kernel(args), whose blocks have `threads` threads and stage all weights in `shared` bytes before they walk over the tiles: one block a
 * multiprocessor, or one a tile where these are fewer */
template <class... P, class... A>
static inline int
bp_launch_walk(struct bp_ctx *cx, const char *op, void (*kernel)(P...), int64_t tiles, int threads, size_t shared, A... args)
{
	int all = bp_processors(cx);

	BP_TRY(bp_big_shared(cx, op, kernel, shared));
	kernel<<<(unsigned)(tiles < all ? tiles : all), threads, shared, bp_stream(cx)>>>(args...);
	return bp_launched(cx, op);
}

#endif
