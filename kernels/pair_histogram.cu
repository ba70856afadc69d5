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

/* ---- optimized: a block takes TILE atoms of a type with all atoms of another, TILE at a time, and keeps its counts in shared memory: for each bin
 * the sums of four weights (1, a_j, a_i, a_i a_j) as integers of 2^-17, from fp32 distances. After 2^14 pairs at most, which 32 bits
 * hold even in one bin, they are added to sums of 64 bits. Where the bins do not fit into shared memory, windows of them are counted one after another. ---- */

enum { TILE = 64, SLOT = 4, MOST_BINS = 2900, FLUSH = (1 << 14) / (TILE * TILE) };

static __device__ inline void
flush(u64 *H, const struct bp_pairs *p, unsigned *hist, int s, int t, int first, int window, int bins)
{
	u64 *row[SLOT] = { H + (int64_t)bp_pair_row(p, s, t) * bins, NULL, NULL, NULL };

	__syncthreads();
	if (p->a) {
		row[1] = H + (int64_t)bp_layer_row(p, s) * bins;
		row[2] = H + (int64_t)bp_layer_row(p, t) * bins;
		row[3] = H + (int64_t)bp_layer_row(p, p->ntypes) * bins;
	}
	for (int c = 0; c < SLOT && row[c]; c++)
		for (int k = threadIdx.x; k < window && first + k < bins; k += blockDim.x) {
			unsigned v = hist[c * window + k];
			if (v)
				atomicAdd(row[c] + first + k, (u64)v << 15);
			hist[c * window + k] = 0;
		}
	__syncthreads();
}

/* blockIdx: x atoms of type s, y pair of types, z sample and window */
static __global__ void
count_tiles(u64 *H, unsigned *far, struct bp_pairs p, int bins, int window, int windows, float inv_h)
{
	extern __shared__ unsigned hist[];
	__shared__ float xi[4][TILE], xj[4][TILE];
	const int b = blockIdx.z / windows, first = blockIdx.z % windows * window, lanes = threadIdx.x % TILE;
	const double *x = p.x + 3 * (int64_t)b * p.n, *e = p.a ? p.a + (int64_t)b * p.n : NULL;
	float longest = 0;
	int s, t, i0, i1, done = 0;

	bp_pair_types(&p, blockIdx.y, &s, &t);
	i0 = p.start[s] + blockIdx.x * TILE, i1 = min(i0 + TILE, p.start[s + 1]);
	if (i0 >= i1)
		return;
	H += (int64_t)b * bp_pair_rows(&p) * bins;
	for (int k = threadIdx.x; k < SLOT * window; k += blockDim.x)
		hist[k] = 0;
	if (threadIdx.x < i1 - i0) {
		int i = i0 + threadIdx.x;
		for (int d = 0; d < 3; d++)
			xi[d][threadIdx.x] = (float)x[3 * i + d];
		xi[3][threadIdx.x] = e ? (float)e[i] : 0;
	}
	for (int j0 = s == t ? i0 : p.start[t]; j0 < p.start[t + 1]; j0 += TILE) {
		const int nj = min(TILE, p.start[t + 1] - j0);
		__syncthreads();
		if (threadIdx.x < nj) {
			int j = j0 + threadIdx.x;
			for (int d = 0; d < 3; d++)
				xj[d][threadIdx.x] = (float)x[3 * j + d];
			xj[3][threadIdx.x] = e ? (float)e[j] : 0;
		}
		__syncthreads();
		for (int m = threadIdx.x / TILE; m < i1 - i0; m += blockDim.x / TILE) {
			if (lanes >= nj || (s == t && j0 + lanes <= i0 + m))
				continue;
			float dx = xi[0][m] - xj[0][lanes], dy = xi[1][m] - xj[1][lanes], dz = xi[2][m] - xj[2][lanes];
			float u = sqrtf(dx * dx + dy * dy + dz * dz) * inv_h, last = (float)(bins - 2), f;
			longest = fmaxf(longest, u);
			u = fminf(u, last);
			int k = (int)u - first;
			f = u - (float)(k + first);
			float w[SLOT] = { 1, xj[3][lanes], xi[3][m], xi[3][m] * xj[3][lanes] };
			for (int c = 0; c < (e ? SLOT : 1); c++) {
				if (k >= 0 && k < window)
					atomicAdd(hist + c * window + k, __float2uint_rn(w[c] * (1 - f) * 0x1p17f));
				if (k + 1 >= 0 && k + 1 < window)
					atomicAdd(hist + c * window + k + 1, __float2uint_rn(w[c] * f * 0x1p17f));
			}
		}
		if (++done == FLUSH) {
			flush(H, &p, hist, s, t, first, window, bins);
			done = 0;
		}
	}
	flush(H, &p, hist, s, t, first, window, bins);
	for (int d = 16; d; d /= 2)
		longest = fmaxf(longest, __shfl_xor_sync(~0u, longest, d));
	if (threadIdx.x % 32 == 0)
		atomicMax(far + b, __float_as_uint(longest));
}

static __global__ void
far_to_doubles(double *out, const unsigned *far, int b, double h)
{
	BP_EACH(i, b)
		out[i] = h * __uint_as_float(far[i]);
}

int
bp_pair_histogram_cuda_opt(struct bp_ctx *cx, const struct bp_pair_histogram *a)
{
	const int windows = (a->bins + MOST_BINS - 1) / MOST_BINS, window = (a->bins + windows - 1) / windows;
	const int64_t n = (int64_t)a->p.b * bp_pair_rows(&a->p) * a->bins;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;
	unsigned *far;
	int most = 0;
	u64 *H;

	for (int t = 0; t < a->p.ntypes && !cx->dry; t++)
		most = a->p.start[t + 1] - a->p.start[t] > most ? a->p.start[t + 1] - a->p.start[t] : most;
	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	BP_CUDA_NEW(H, n, cx);
	BP_CUDA_NEW(far, p.b, cx);
	if (!cx->dry) {
		dim3 grid((unsigned)((most + TILE - 1) / TILE), (unsigned)bp_type_pairs(&p), (unsigned)(p.b * windows));
		BP_TRY(bp_dev_zero(cx, H, (size_t)n * sizeof *H));
		BP_TRY(bp_dev_zero(cx, far, (size_t)p.b * sizeof *far));
		count_tiles<<<grid, 256, SLOT * window * sizeof(unsigned), bp_stream(cx)>>>(H, far, p, a->bins, window, windows, (float)(1 / a->h));
		to_doubles<<<BP_GRID(n), 0, bp_stream(cx)>>>(a->H, H, n);
		far_to_doubles<<<BP_GRID(p.b), 0, bp_stream(cx)>>>(a->far, far, p.b, a->h);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_histogram");
}
