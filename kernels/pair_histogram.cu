/* kernels/pair_histogram.cu: contents: original, optimized. Shares of pairs are integers, so that their sum has no order. */
#include "follow.cuh"
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

/* ---- optimized: a block takes a tile (pairs.cuh) and keeps its counts in shared memory: for each bin the sums of four weights
 * (1, a_j, a_i, a_i a_j) as integers of 2^-17, from fp32 distances: those of 2^14 pairs fit into 32 bits even in one bin. They are added to sums of
 * 64 bits. Where the bins do not fit into shared memory, windows of them are counted one after another. ---- */

enum { SLOT = 4, MOST_BINS = 2900, THREADS = BP_MEET };

/* what a thread's pairs are counted in: places in shared memory, bytes */
struct counts {
	unsigned at, size; /* the first slot's; of a slot */
	int first, window; /* bins                        */
	float inv_h, last;
	float longest; /* square of the longest distance */
};

/* 2^17 x as an integer, 0 <= x < 2^5: the bits of a float so small that its last one is 1 */
static __device__ inline unsigned
small_fixed(float x)
{
	return __float_as_uint(x * 0x1p-132f);
}

static __device__ inline void
add(unsigned at, unsigned v)
{
	asm volatile("red.shared.add.u32 [%0], %1;" ::"r"(at), "r"(v)); /* no one reads the place before a barrier */
}

/* the weight's share in a bin, in every slot that has any */
template <bool I, bool J>
static __device__ inline void
add_all(unsigned at, unsigned size, float share, float ai, float aj)
{
	add(at, small_fixed(share));
	if (J)
		add(at + size, small_fixed(aj * share));
	if (I)
		add(at + 2 * size, small_fixed(ai * share));
	if (I && J)
		add(at + 3 * size, small_fixed(ai * aj * share));
}

/* pairs of atom o with N of the atoms at i, each step behind the one before; I, J: atoms i, j may have shares; ALL: all bins are in the window.
 * Of several the first steps do not wait for the last ones of each other. */
template <int N, bool I, bool J, bool ALL>
static __device__ inline void
count_some(struct counts *h, const float4 *i, int step, float4 o)
{
	unsigned k[N];
	float f[N], share[N];

#pragma unroll
	for (int e = 0; e < N; e++) {
		const float4 c = i[e * step];
		const float dx = c.x - o.x, dy = c.y - o.y, dz = c.z - o.z, r2 = fmaf(dz, dz, fmaf(dx, dx, dy * dy)), far = fmaxf(r2, 1e-30f);
		const float u = fminf(bp_root(far, bp_rsqrt(far)) * h->inv_h, h->last), up = __fadd_rd(u, 0x1p23f); /* its last bits are the bin */
		h->longest = fmaxf(h->longest, r2);
		k[e] = __float_as_uint(up) - 0x4b000000u - h->first, f[e] = u - (up - 0x1p23f), share[e] = c.w;
	}
#pragma unroll
	for (int e = 0; e < N; e++) {
		const unsigned at = h->at + 4 * k[e], window = h->window;
		if (ALL || k[e] < window)
			add_all<I, J>(at, h->size, 1 - f[e], share[e], o.w);
		if (ALL || k[e] + 1 < window)
			add_all<I, J>(at + 4, h->size, f[e], share[e], o.w);
	}
}

/* pairs of atom o with the atoms at i, i + step ... below end */
template <bool I, bool J, bool ALL>
static __device__ inline void
count(struct counts *h, const float4 *i, const float4 *end, int step, float4 o)
{
	for (; i + step < end; i += 2 * step)
		count_some<2, I, J, ALL>(h, i, step, o);
	if (i < end)
		count_some<1, I, J, ALL>(h, i, step, o);
}

/* Warps share the groups of 32 atoms j, and as many times as these are less than the warps they share the i. with: how many i have a share; they
 * are first. */
template <bool ALL>
static __device__ inline void
count_tile(struct counts *h, const float4 *tile, const float4 *y, struct bp_tile in, int with)
{
	const int warps = THREADS / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
	const int groups = bp_tile_groups(in, 32);

	for (int g = 0; g < groups; g += warps) {
		const int across = min(warps, groups - g), step = warps / across, from = warp / across;
		const int j = in.j0 + (in.group + (g + warp % across) * in.step) * 32 + lane;
		const int upto = j < in.j1 && from < step ? bp_meets(in, j) : 0;
		const float4 o = y[min(j, in.j1 - 1)];
		if (__any_sync(~0u, o.w > 0)) {
			count<true, true, ALL>(h, tile + from, tile + min(upto, with), step, o);
			count<false, true, ALL>(h, tile + with + from, tile + upto, step, o);
		} else {
			count<true, false, ALL>(h, tile + from, tile + min(upto, with), step, o);
			count<false, false, ALL>(h, tile + with + from, tile + upto, step, o);
		}
	}
}

/* blockIdx: x tile, y sample and window */
template <bool ALL>
static __global__ void
__launch_bounds__(THREADS)
count_tiles(u64 *H, unsigned *far, struct bp_ready by, struct bp_pairs p, int bins, int window, int windows, float inv_h)
{
	bp_after();
	extern __shared__ unsigned hist[]; /* [SLOT][window] */
	__shared__ float4 tile[BP_TILE];
	const int b = blockIdx.y / windows, first = blockIdx.y % windows * window;
	const struct bp_tile in = by.tile[blockIdx.x];
	const float4 *y = by.y + (int64_t)b * p.n;
	const unsigned at = (unsigned)__cvta_generic_to_shared(hist), size = (unsigned)(window * sizeof *hist);
	struct counts h = { at, size, first, window, inv_h, (float)(bins - 2), 0 };
	const bool i_has = y[in.i[0]].w > 0, j_has = y[in.j0 + 32 * in.group].w > 0, has[SLOT] = { true, j_has, i_has, i_has && j_has };

	for (int c = 0; c < SLOT; c++)
		for (int k = threadIdx.x; k < window && has[c]; k += THREADS)
			hist[c * window + k] = 0;
	const float4 own = bp_tile_atom(y, in, threadIdx.x);
	if (threadIdx.x < BP_TILE)
		tile[threadIdx.x] = own;
	const int with = __syncthreads_count(own.w > 0);
	count_tile<ALL>(&h, tile, y, in, with);
	__syncthreads();

	u64 *const to = H + (int64_t)b * bp_pair_rows(&p) * bins + first;
	const int row[SLOT] = { bp_pair_row(&p, min(in.s, in.t), max(in.s, in.t)), bp_layer_row(&p, in.s), bp_layer_row(&p, in.t),
		bp_layer_row(&p, p.ntypes) };
	for (int c = 0; c < SLOT; c++)
		for (int k = threadIdx.x; k < window && first + k < bins && has[c]; k += THREADS)
			if (hist[c * window + k])
				atomicAdd(to + (int64_t)row[c] * bins + k, (u64)hist[c * window + k] << 15);
	const unsigned longest = __reduce_max_sync(~0u, __float_as_uint(h.longest));
	if (threadIdx.x % 32 == 0)
		atomicMax(far + b, __float_as_uint(sqrtf(__uint_as_float(longest)) * inv_h));
}

/* blockIdx.y: samples, each with its part of H [b,n] */
static __global__ void
prepare(struct bp_ready to, struct bp_pairs p, u64 *H, int64_t n, unsigned *far)
{
	bp_after();
	BP_EACH(i, n)
		H[blockIdx.y * n + i] = 0;
	if (blockIdx.x == 0 && threadIdx.x == 0)
		far[blockIdx.y] = 0;
	bp_make_ready(to, &p);
}

/* H in place, and far */
static __global__ void
finish(double *H, int64_t n, double *far, const unsigned *longest, int b, double h)
{
	bp_after();
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
	const int64_t n = (int64_t)bp_pair_rows(&a->p) * a->bins;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_ready by;
	struct bp_pairs p;
	unsigned *far;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	BP_TRY(bp_ready_new(&by, cx, &a->p));
	BP_CUDA_NEW(far, p.b, cx);
	if (!cx->dry) {
		const dim3 grid((unsigned)by.tiles, (unsigned)(p.b * windows));
		const size_t shared = (p.a ? SLOT : 1) * window * sizeof(unsigned);
		bp_follow(prepare, dim3(bp_blocks(n), (unsigned)p.b), BP_THREADS, 0, cx, by, p, (u64 *)a->H, n, far);
		bp_follow(windows == 1 ? count_tiles<true> : count_tiles<false>, grid, THREADS, shared, cx, (u64 *)a->H, far, by, p, a->bins, window, windows,
		    (float)(1 / a->h));
		bp_follow(finish, BP_GRID(p.b * n + p.b), 0, cx, a->H, p.b * n, a->far, far, p.b, a->h);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_histogram");
}
