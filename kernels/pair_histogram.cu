/* kernels/pair_histogram.cu: contents: original, optimized. Shares of pairs are integers, so that their sum has no order. */
#include "pairs.cuh"

extern "C" {
#include "ops/pair_histogram.h"
}

typedef unsigned long long u64;

static __device__ inline u64
fixed(double x)
{
	return (u64)llrint(x * 0x1p32);
}

/* weight w at t = r / h; beyond the end it is clamped, far tells */
static __device__ inline void
share(u64 *row, double t, int bins, double w)
{
	int k = t < bins - 2 ? (int)t : bins - 2;
	double f = fmin(t - k, 1.0);

	atomicAdd(row + k, fixed(w * (1 - f)));
	atomicAdd(row + k + 1, fixed(w * f));
}

/* a block an atom i of a sample, with the atoms behind it; the bits of a distance >= 0 are ordered as the distances */
static __global__ void
count_pairs(u64 *H, u64 *far, struct bp_pairs p, int bins, double h)
{
	const int b = blockIdx.x / p.n, i = blockIdx.x % p.n, s = bp_type_of(&p, i);
	const double *x = p.x + 3 * (int64_t)b * p.n, *e = p.a ? p.a + (int64_t)b * p.n : NULL;
	u64 longest = 0;

	H += (int64_t)b * bp_pair_rows(&p) * bins;
	for (int j = i + 1 + threadIdx.x; j < p.n; j += blockDim.x) {
		int t = bp_type_of(&p, j);
		double r = bp_pair_distance(x, i, j);
		longest = max(longest, (u64)__double_as_longlong(r));
		share(H + (int64_t)bp_pair_row(&p, s, t) * bins, r / h, bins, 1);
		if (!e)
			continue;
		share(H + (int64_t)bp_layer_row(&p, s) * bins, r / h, bins, e[j]);
		share(H + (int64_t)bp_layer_row(&p, t) * bins, r / h, bins, e[i]);
		share(H + (int64_t)bp_layer_row(&p, p.ntypes) * bins, r / h, bins, e[i] * e[j]);
	}
	if (longest)
		atomicMax(far + b, longest);
}

static __global__ void
to_doubles(double *out, const u64 *in, int64_t n)
{
	BP_EACH(i, n)
		out[i] = (double)in[i] * 0x1p-32;
}

int
bp_pair_histogram_cuda(struct bp_ctx *cx, const struct bp_pair_histogram *a)
{
	const int64_t n = (int64_t)a->p.b * bp_pair_rows(&a->p) * a->bins;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;
	u64 *H;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	BP_CUDA_NEW(H, n, cx);
	if (!cx->dry) {
		BP_TRY(bp_dev_zero(cx, H, (size_t)n * sizeof *H));
		BP_TRY(bp_dev_zero(cx, a->far, (size_t)p.b * sizeof *a->far));
		count_pairs<<<p.b * p.n, 128, 0, bp_stream(cx)>>>(H, (u64 *)a->far, p, a->bins, a->h);
		to_doubles<<<BP_GRID(n), 0, bp_stream(cx)>>>(a->H, H, n);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_histogram");
}

/* ---- optimized: a block takes TILE atoms of a type with MEET of another, TILE at a time, and keeps its counts in shared memory: for each bin
 * the sums of four weights (1, a_j, a_i, a_i a_j) as integers of 2^-17, from fp32 distances: those of 2^14 pairs fit into 32 bits
 * even in one bin. They are added to sums of 64 bits. Where the bins do not fit into shared memory, windows of them are counted one after another. ---- */

enum { TILE = 64, MEET = (1 << 14) / TILE, SLOT = 4, MOST_BINS = 2900, THREADS = 256 };

static BP_HOST_DEVICE inline int
blocks_of(const int32_t *start, int s, int t)
{
	return (start[s + 1] - start[s] + TILE - 1) / TILE * ((start[t + 1] - start[t] + MEET - 1) / MEET);
}

/* the types of the pair that block n of all works on, and n less the blocks of the pairs before; by each warp for itself */
static __device__ inline int
find_block(int *s, int *t, const struct bp_pairs *p, int n)
{
	const int pairs = bp_type_pairs(p), lane = threadIdx.x % 32;

	for (int r0 = 0;; r0 += 32) {
		int own = 0, upto, all, r = r0 + lane;
		if (r < pairs) {
			bp_pair_types(p, r, s, t);
			own = blocks_of(p->start, *s, *t);
		}
		upto = own;
		for (int d = 1; d < 32; d *= 2) {
			const int lower = __shfl_up_sync(~0u, upto, d);
			upto += lane >= d ? lower : 0;
		}
		all = __shfl_sync(~0u, upto, 31);
		if (n < all || r0 + 32 >= pairs) {
			const int at = __ffs(__ballot_sync(~0u, n < upto)) - 1;
			*s = __shfl_sync(~0u, *s, at), *t = __shfl_sync(~0u, *t, at);
			return n - __shfl_sync(~0u, upto - own, at);
		}
		n -= all;
	}
}

static __device__ inline void
flush(u64 *H, const struct bp_pairs *p, const unsigned *hist, int s, int t, int first, int window, int bins)
{
	u64 *row[SLOT] = { H + (int64_t)bp_pair_row(p, s, t) * bins, NULL, NULL, NULL };

	if (p->a) {
		row[1] = H + (int64_t)bp_layer_row(p, s) * bins;
		row[2] = H + (int64_t)bp_layer_row(p, t) * bins;
		row[3] = H + (int64_t)bp_layer_row(p, p->ntypes) * bins;
	}
	for (int c = 0; c < SLOT && row[c]; c++)
		for (int k = threadIdx.x; k < window && first + k < bins; k += THREADS) {
			unsigned v = hist[c * window + k];
			if (v)
				atomicAdd(row[c] + first + k, (u64)v << 15);
		}
}

/* 2^17 x as an integer, 0 <= x < 2^5: the last bits of a float whose last bit is 1; conversions are slow */
static __device__ inline unsigned
small_fixed(float x)
{
	return __float_as_uint(fmaf(x, 0x1p17f, 0x1p23f)) - 0x4b000000u;
}

static __device__ inline void
add(unsigned *place, float x)
{
	const unsigned v = small_fixed(x);

	if (v) /* of many atoms nothing is exposed */
		atomicAdd(place, v);
}

/* atoms [first, end) as floats; v: where this thread's goes */
static __device__ inline void
fetch(float (*v)[TILE], const double *x, const double *e, int first, int end)
{
	const int i = first + threadIdx.x;

	if (threadIdx.x < TILE && i < end) {
		for (int d = 0; d < 3; d++)
			v[d][threadIdx.x] = (float)x[3 * i + d];
		v[3][threadIdx.x] = e ? (float)e[i] : 0;
	}
}

/* blockIdx: x atoms of a pair of types, y sample and window */
static __global__ void
__launch_bounds__(THREADS)
count_tiles(u64 *H, unsigned *far, struct bp_pairs p, int bins, int window, int windows, float inv_h)
{
	extern __shared__ unsigned hist[];
	__shared__ float xi[4][TILE], xj[4][TILE];
	const int b = blockIdx.y / windows, first = blockIdx.y % windows * window, lanes = threadIdx.x % TILE;
	const double *x = p.x + 3 * (int64_t)b * p.n, *e = p.a ? p.a + (int64_t)b * p.n : NULL;
	const float last = (float)(bins - 2);
	float longest = 0;
	int s = 0, t = 0, across, at = find_block(&s, &t, &p, blockIdx.x);

	across = (p.start[t + 1] - p.start[t] + MEET - 1) / MEET;
	const int i0 = p.start[s] + at / across * TILE, i1 = min(i0 + TILE, p.start[s + 1]);
	const int jfirst = p.start[t] + at % across * MEET, jend = min(jfirst + MEET, p.start[t + 1]);
	if (s == t && jend <= i0)
		return;
	H += (int64_t)b * bp_pair_rows(&p) * bins;
	for (int k = threadIdx.x; k < SLOT * window; k += THREADS)
		hist[k] = 0;
	fetch(xi, x, e, i0, i1);
	for (int j0 = jfirst; j0 < jend; j0 += TILE) {
		const int nj = min(TILE, jend - j0);
		__syncthreads();
		fetch(xj, x, e, j0, jend);
		__syncthreads();
		for (int m = threadIdx.x / TILE; m < i1 - i0; m += THREADS / TILE) {
			if (lanes >= nj || (s == t && j0 + lanes <= i0 + m))
				continue;
			float dx = xi[0][m] - xj[0][lanes], dy = xi[1][m] - xj[1][lanes], dz = xi[2][m] - xj[2][lanes];
			float u = sqrtf(dx * dx + dy * dy + dz * dz) * inv_h, ai = xi[3][m], aj = xj[3][lanes], f;
			longest = fmaxf(longest, u);
			u = fminf(u, last);
			const float whole = floorf(u);
			const int k = (int)(__float_as_uint(whole + 0x1p23f) - 0x4b000000u) - first;
			f = u - whole;
			if (k >= 0 && k < window) {
				atomicAdd(hist + k, small_fixed(1 - f));
				if (e) {
					add(hist + window + k, aj * (1 - f));
					add(hist + 2 * window + k, ai * (1 - f));
					add(hist + 3 * window + k, ai * aj * (1 - f));
				}
			}
			if (k + 1 >= 0 && k + 1 < window) {
				add(hist + k + 1, f);
				if (e) {
					add(hist + window + k + 1, aj * f);
					add(hist + 2 * window + k + 1, ai * f);
					add(hist + 3 * window + k + 1, ai * aj * f);
				}
			}
		}
	}
	__syncthreads();
	flush(H, &p, hist, s, t, first, window, bins);
	for (int d = 16; d; d /= 2)
		longest = fmaxf(longest, __shfl_xor_sync(~0u, longest, d));
	if (threadIdx.x % 32 == 0)
		atomicMax(far + b, __float_as_uint(longest));
}

static __global__ void
clear(u64 *H, int64_t n, unsigned *far, int b)
{
	BP_EACH(i, n + b) {
		if (i < n)
			H[i] = 0;
		else
			far[i - n] = 0;
	}
}

/* H in place, and far */
static __global__ void
finish(double *H, int64_t n, double *far, const unsigned *longest, int b, double h)
{
	BP_EACH(i, n + b) {
		if (i < n)
			H[i] = (double)((u64 *)H)[i] * 0x1p-32;
		else
			far[i - n] = h * __uint_as_float(longest[i - n]);
	}
}

int
bp_pair_histogram_cuda_opt(struct bp_ctx *cx, const struct bp_pair_histogram *a)
{
	const int windows = (a->bins + MOST_BINS - 1) / MOST_BINS, window = (a->bins + windows - 1) / windows;
	const int64_t n = (int64_t)a->p.b * bp_pair_rows(&a->p) * a->bins;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;
	unsigned *far;
	int64_t blocks = 0;

	for (int r = 0, s, t; r < bp_type_pairs(&a->p) && !cx->dry; r++) {
		bp_pair_types(&a->p, r, &s, &t);
		blocks += blocks_of(a->p.start, s, t);
	}
	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	BP_CUDA_NEW(far, p.b, cx);
	if (!cx->dry) {
		clear<<<BP_GRID(n + p.b), 0, bp_stream(cx)>>>((u64 *)a->H, n, far, p.b);
		count_tiles<<<dim3((unsigned)blocks, (unsigned)(p.b * windows)), THREADS, SLOT * window * sizeof(unsigned), bp_stream(cx)>>>((u64 *)a->H,
		    far, p, a->bins, window, windows, (float)(1 / a->h));
		finish<<<BP_GRID(n + p.b), 0, bp_stream(cx)>>>(a->H, n, a->far, far, p.b, a->h);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_histogram");
}
