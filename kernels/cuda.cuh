/* kernels/cuda.cuh: what the CUDA rows share: the stream, launches and their errors, sums, matrix products. */
#ifndef BP_CUDA_CUH
#define BP_CUDA_CUH

#include <cuda_runtime.h>

extern "C" {
#include "ops/ctx.h"
}

cudaStream_t bp_stream(const struct bp_ctx *cx);
int bp_processors(const struct bp_ctx *cx); /* multiprocessors of the card */
int bp_shared(const struct bp_ctx *cx);     /* bytes of shared memory that a block may have */

/* After a launch: BP_OK, or BP_ELOST with the op's name and CUDA's words. */
int bp_launched(struct bp_ctx *cx, const char *op);

/* p = n floats (or ints) of scratch, or return BP_EMEM */
#define BP_CUDA_NEW(p, n, cx)                                                              \
	do {                                                                               \
		*(void **)&(p) = bp_dev_alloc(cx, (size_t)(n) * sizeof *(p));              \
		if (!(p))                                                                  \
			return BP_EMEM;                                                    \
	} while (0)

/* a launch over n independent numbers: KERNEL<<<BP_GRID(n), 0, bp_stream(cx)>>>(...), with BP_EACH inside it */
enum { BP_THREADS = 256 };
static inline unsigned
bp_blocks(int64_t n)
{
	int64_t b = (n + BP_THREADS - 1) / BP_THREADS;

	return (unsigned)(b < 1 ? 1 : b > 1 << 20 ? 1 << 20 : b);
}
#define BP_GRID(n) bp_blocks(n), BP_THREADS
#define BP_EACH(i, n)                                                                                  \
	for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x, n_ = (n); i < n_; i += (int64_t)gridDim.x * blockDim.x)

/* i % n and i / n, quickly where i is small, as it mostly is */
static __device__ inline unsigned
bp_rest(int64_t i, unsigned n)
{
	return i >> 32 ? (unsigned)(i % n) : (unsigned)i % n;
}

static __device__ inline int64_t
bp_quotient(int64_t i, unsigned n)
{
	return i >> 32 ? i / n : (unsigned)i / n;
}

/* Ops that copy rows (pairs, mostly) for cuBLAS take so many at once: more fill a card no better, and the copies would grow with the pairs.
 * cx->chunk has no say in it: cuBLAS's order of sums may follow from the shape, and results must not follow from cx->chunk. */
static const int64_t BP_ROWS_FOR_BLAS = 1 << 17;

/* numbers in groups of W, 4 or 1: rows of c floats at these addresses can be had four at a time */
template <int W>
struct alignas(4 * W) bp_group {
	float v[W];
};
static inline bool
bp_fours(int64_t c, const void *p, const void *q, const void *r)
{
	return c % 4 == 0 && ((uintptr_t)p | (uintptr_t)q | (uintptr_t)r) % 16 == 0;
}

/* C[m,n] = alpha A B + beta C, all row-major: A is [m,k] with lda, or [k,m] when ta; B is [k,n] with ldb, or [n,k] when tb. The
 * same for `batch` matrices that lie sa, sb, sc numbers apart. fp32 throughout. like, batch_like: the m rows of A, or the matrices, are those of several
 * targets, so many each, and a target's results have the bits that they have alone; 0: as m, as batch. Without like there is no such promise. */
struct bp_blas {
	int m, n, k, lda, ldb, ldc, batch, like, batch_like;
	bool ta, tb;
	float alpha, beta;
	const float *A, *B;
	float *C;
	int64_t sa, sb, sc;
};
int bp_blas(struct bp_ctx *cx, struct bp_blas g);

/* From now on products of fp32 matrices round their operands to tf32, or don't (as at the start). */
int bp_blas_tf32(struct bp_ctx *cx, bool on);

/* The same product of bf16 matrices with fp32 sums; C is bf16, or fp32 when c_fp32. A, B, C of g are not looked at. */
int bp_blas_bf16(struct bp_ctx *cx, struct bp_blas g, const void *A, const void *B, void *C, bool c_fp32);

/* An optimized row without code of its own for fp32 and tf32: the original code, for tf32 with cuBLAS in that mode */
template <class A>
static inline int
bp_as_original(struct bp_ctx *cx, int (*original)(struct bp_ctx *, const A *), const A *a)
{
	int st;

	if (cx->precision != BP_TF32)
		return original(cx, a);
	BP_TRY(bp_blas_tf32(cx, true));
	st = original(cx, a);
	BP_TRY(bp_blas_tf32(cx, false));
	return st;
}

/* The optimized rows of the diffusion: fp32 products as they are, everything coarser in tf32 */
template <class A>
static inline int
bp_in_tf32(struct bp_ctx *cx, int (*run)(struct bp_ctx *, const A *), const A *a)
{
	int st;

	if (cx->precision == BP_FP32)
		return run(cx, a);
	BP_TRY(bp_blas_tf32(cx, true));
	st = run(cx, a);
	BP_TRY(bp_blas_tf32(cx, false));
	return st;
}

/* bp_blas's like for the rows of a linear layer */
static inline int
bp_rows_alike(const struct bp_ctx *cx, int64_t rows)
{
	return (int)(cx->members > 1 && rows % cx->members == 0 ? rows / cx->members : rows);
}

/* out[rows,n0+n1+...] = x (W0; W1; ...)^T, all with the same k: one product for matrices that lie one behind the other in memory, as those of a
 * bound layer do */
int bp_blas_stack(struct bp_ctx *cx, float *out, const float *x, int64_t rows, const struct bp_weight *const *W, int count);

/* out[rows,n] = x[rows,k] W^T (+ out if add): a linear layer without its bias */
int bp_blas_linear(struct bp_ctx *cx, float *out, const float *x, int64_t rows, const struct bp_weight *W, bool add);
/* out[rows,c] = layer norm of x; w, b may be NULL */
int bp_norm_rows(struct bp_ctx *cx, float *out, const float *x, int64_t rows, int c, const struct bp_weight *w, const struct bp_weight *b);
/* x[rows,n] = softmax of each row, in place */
int bp_softmax_rows(struct bp_ctx *cx, float *x, int64_t rows, int n);

static inline const float *
bp_wp(const struct bp_weight *w)
{
	return w ? w->p : NULL;
}

static __device__ inline float
bp_dev_sigmoid(float x)
{
	return 1 / (1 + expf(-x));
}

static __device__ inline float
bp_dev_silu(float x)
{
	return x / (1 + expf(-x));
}

/* sum over the threads of a block (a multiple of 32, at most 1024), in a fixed order, known to all threads */
static __device__ inline double
bp_block_sum(double x)
{
	__shared__ double part[33];

	for (int d = 16; d; d /= 2)
		x += __shfl_xor_sync(~0u, x, d);
	if (threadIdx.x % 32 == 0)
		part[threadIdx.x / 32] = x;
	__syncthreads();
	if (threadIdx.x == 0) {
		double s = 0;
		for (unsigned i = 0; i < blockDim.x / 32; i++)
			s += part[i];
		part[32] = s;
	}
	__syncthreads();
	x = part[32];
	__syncthreads();
	return x;
}

static __device__ inline float
bp_block_max(float x)
{
	__shared__ float part[33];

	for (int d = 16; d; d /= 2)
		x = fmaxf(x, __shfl_xor_sync(~0u, x, d));
	if (threadIdx.x % 32 == 0)
		part[threadIdx.x / 32] = x;
	__syncthreads();
	if (threadIdx.x == 0) {
		float s = part[0];
		for (unsigned i = 1; i < blockDim.x / 32; i++)
			s = fmaxf(s, part[i]);
		part[32] = s;
	}
	__syncthreads();
	x = part[32];
	__syncthreads();
	return x;
}

#endif
