/* kernels/pairs.cuh: what the CUDA rows over pairs of atoms (ops/pairs.h) share. Sums are in an order that does not change from run to
 * run; where threads add to one place, they add integers. */
#ifndef BP_PAIRS_CUH
#define BP_PAIRS_CUH

#include "cuda.cuh"

extern "C" {
#include "ops/pairs.h"
}

/* p with its start as device memory */
static inline int
bp_pairs_up(struct bp_ctx *cx, struct bp_pairs *up, const struct bp_pairs *p)
{
	const void *start = p->start_up;

	*up = *p;
	if (!start)
		BP_TRY(bp_dev_upload(cx, &start, p->start, ((size_t)p->ntypes + 1) * sizeof *p->start));
	up->start = (const int32_t *)start;
	return BP_OK;
}

/* The pairs that meet row r (ops/pairs.h) are those of atoms i0 .. i1 - 1 with j0 .. j1 - 1, where halved: each twice. */
struct bp_row_pairs {
	int i0, i1, j0, j1;
	bool halved, ai, aj; /* weights a_i, a_j */
};

static __device__ inline struct bp_row_pairs
bp_row_of(const struct bp_pairs *p, int r)
{
	int s, t;

	if (r >= bp_type_pairs(p)) {
		t = r - bp_type_pairs(p);
		if (t == p->ntypes)
			return { 0, p->n, 0, p->n, true, true, true };
		return { p->start[t], p->start[t + 1], 0, p->n, false, false, true };
	}
	bp_pair_types(p, r, &s, &t);
	return { p->start[s], p->start[s + 1], p->start[t], p->start[t + 1], s == t, false, false };
}

/* out [3] = the sums of sum [3] over the block */
static __device__ inline void
bp_put_gradient(double *out, const double sum[3])
{
	for (int d = 0; d < 3; d++) {
		double total = bp_block_sum(sum[d]);
		if (threadIdx.x == 0)
			out[d] = total;
	}
}

/* ---- tiles. A block of the optimized rows takes up to BP_TILE atoms i of the rarer of two types with BP_MEET atoms j of the other one, or, of a
 * type shorter than a tile, with as many more as leaves them BP_TILE BP_MEET = 2^14 pairs at most. Of each type the atoms with a share come first,
 * so that nearly all warps have atoms of one kind, and those without do without sums and tables for shares. A tile takes its atoms from all over the
 * types: all have about the same work. ---- */

enum { BP_CHUNK = 32, BP_TILE = 2 * BP_CHUNK, BP_MEET = 256 };

struct bp_tile {
	int s, t;        /* types of i and j; where they are one, i < j                                           */
	int i[2], n[2];  /* first atoms and counts of two chunks; where the first is not full the second is empty */
	int j0, j1;      /* atoms of type t, in groups of as many as the op likes; of these the tile has          */
	int group, step; /* `group` and every step-th one behind it                                               */
};

struct bp_ready {
	float4 *y; /* [b,n] places and shares       */
	int *atom; /* [b,n] which of the n they are */
	struct bp_tile *tile;
	int tiles;
};

static BP_HOST_DEVICE inline int
bp_count_of(const int32_t *start, int t)
{
	return start[t + 1] - start[t];
}

/* tiles that the i of n atoms are in, and those of m >= n atoms */
static BP_HOST_DEVICE inline int
bp_tiles_i(int n)
{
	return (n + BP_TILE - 1) / BP_TILE;
}

static BP_HOST_DEVICE inline int
bp_tiles_j(int n, int m)
{
	const int reach = n > 0 && n < BP_TILE ? BP_TILE / n * BP_MEET : BP_MEET;

	return (m + reach - 1) / reach;
}

static BP_HOST_DEVICE inline int
bp_tiles_of(const int32_t *start, int s, int t)
{
	const int n = bp_count_of(start, s), m = bp_count_of(start, t), least = n < m ? n : m;

	return bp_tiles_i(least) * bp_tiles_j(least, n < m ? m : n);
}

static inline int
bp_tiles(const struct bp_pairs *p) /* start in host memory */
{
	int all = 0;

	for (int s = 0; s < p->ntypes; s++)
		for (int t = s; t < p->ntypes; t++)
			all += bp_tiles_of(p->start, s, t);
	return all;
}

/* pairs of atoms a tile of the r-th pair of types, and how many tiles it has */
static __device__ inline float
bp_tile_pairs(int *tiles, const struct bp_pairs *p, int r)
{
	int s, t;

	bp_pair_types(p, r, &s, &t);
	*tiles = bp_tiles_of(p->start, s, t);
	return *tiles ? (float)bp_count_of(p->start, s) * (float)bp_count_of(p->start, t) / (float)(s == t ? 2 * *tiles : *tiles) : 0;
}

/* The tiles of the r-th pair of types, by a warp: they begin behind those with more pairs each, so that those that come last are short. Of the chunks
 * of i each has one from either end: in a type with itself those in front have more pairs. */
static __device__ inline void
bp_list_tiles(struct bp_tile *tile, const struct bp_pairs *p, int r)
{
	const int lane = threadIdx.x % 32;
	int before = 0, tiles, s, t;
	const float own = bp_tile_pairs(&tiles, p, r);

	for (int q = lane; q < bp_type_pairs(p); q += 32) {
		const float other = bp_tile_pairs(&tiles, p, q);
		before += other > own || (other == own && q < r) ? tiles : 0;
	}
	tile += __reduce_add_sync(~0u, before);
	bp_pair_types(p, r, &s, &t);
	if (bp_count_of(p->start, s) > bp_count_of(p->start, t)) {
		const int rarer = t;
		t = s, s = rarer;
	}
	const int n = bp_count_of(p->start, s), down = bp_tiles_i(n), across = bp_tiles_j(n, bp_count_of(p->start, t));
	for (int k = lane; k < down * across; k += 32) {
		const int front = k / across * BP_CHUNK, behind = (2 * down - 1 - k / across) * BP_CHUNK;
		tile[k] = { s, t, { p->start[s] + front, p->start[s] + behind }, { min(n - front, (int)BP_CHUNK), max(min(n - behind, (int)BP_CHUNK), 0) },
			p->start[t], p->start[t + 1], k % across, across };
	}
}

/* of the tile's atoms i, put one behind the other, those that atom j meets: the first ones */
static __device__ inline int
bp_meets(struct bp_tile in, int j)
{
	if (in.s != in.t)
		return in.n[0] + in.n[1];
	return max(min(j - in.i[0], in.n[0]), 0) + max(min(j - in.i[1], in.n[1]), 0);
}

/* the k-th of those atoms, nothing behind the last */
static __device__ inline float4
bp_tile_atom(const float4 *y, struct bp_tile in, int k)
{
	const int m = k % BP_CHUNK, first = k < BP_CHUNK ? in.i[0] : in.i[1], n = k < BP_CHUNK ? in.n[0] : in.n[1];
	float4 none = { 0, 0, 0, 0 };

	return k < BP_TILE && m < n ? y[first + m] : none;
}

/* How many groups of so many atoms j the tile has: of a size that divides BP_MEET no more than the reach of bp_tiles_j has room for, as that many
 * tiles have room for all groups. */
static __device__ inline int
bp_tile_groups(struct bp_tile in, int size)
{
	return ((in.j1 - in.j0 + size - 1) / size - in.group + in.step - 1) / in.step;
}

/* the atoms of type t of sample b, by a block of BP_THREADS: those with a share from the front, the others from behind; a part of them each warp */
static __device__ inline void
bp_order_type(struct bp_ready to, const struct bp_pairs *p, int b, int t)
{
	enum { WARPS = BP_THREADS / 32 };
	__shared__ int count[WARPS];
	const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, start = p->start[t], end = p->start[t + 1];
	const int part = (end - start + 32 * WARPS - 1) / (32 * WARPS) * 32, first = min(start + warp * part, end), last = min(first + part, end);
	const double *x = p->x + 3 * (int64_t)b * p->n, *a = p->a ? p->a + (int64_t)b * p->n : NULL;
	int front = 0;

	for (int i = first + lane; i < last && a; i += 32)
		front += (float)a[i] > 0;
	front = __reduce_add_sync(~0u, front);
	if (lane == 0)
		count[warp] = front;
	__syncthreads();
	front = start;
	for (int w = 0; w < warp; w++)
		front += count[w];
	int behind = end - (first - start - (front - start));
	to.y += (int64_t)b * p->n, to.atom += (int64_t)b * p->n;
#pragma unroll 4
	for (int i0 = first; i0 < last; i0 += 32) {
		const int i = min(i0 + lane, last - 1);
		const float4 y = { (float)x[3 * i], (float)x[3 * i + 1], (float)x[3 * i + 2], a ? (float)a[i] : 0 };
		const bool in = i0 + lane < last;
		const unsigned with = __ballot_sync(~0u, in && y.w > 0), all = __ballot_sync(~0u, in);
		const int before = __popc(with & ((1u << lane) - 1)), at = y.w > 0 ? front + before : behind - 1 - (lane - before);
		if (in)
			to.y[at] = y, to.atom[at] = i;
		front += __popc(with), behind -= __popc(all & ~with);
	}
	__syncthreads();
}

/* blockIdx: x any number, y samples; BP_THREADS threads */
static __device__ inline void
bp_make_ready(struct bp_ready to, const struct bp_pairs *p)
{
	const int warps = BP_THREADS / 32;

	for (int t = blockIdx.x; t < p->ntypes; t += gridDim.x)
		bp_order_type(to, p, blockIdx.y, t);
	for (int r = (gridDim.x - 1 - blockIdx.x) * warps + threadIdx.x / 32; r < bp_type_pairs(p) && blockIdx.y == 0; r += gridDim.x * warps)
		bp_list_tiles(to.tile, p, r);
}

/* room for what p, with its start in host memory, is made into; there are no more tiles than the sum of (n / BP_TILE + 1) (m / BP_MEET + 1)
 * over pairs of types */
static inline int
bp_ready_new(struct bp_ready *r, struct bp_ctx *cx, const struct bp_pairs *p)
{
	const int64_t n = p->n, atoms = p->b * n, most = n * n / (BP_TILE * BP_MEET) + (p->ntypes + 1) * (n / BP_TILE + 1) + bp_type_pairs(p);

	BP_CUDA_NEW(r->y, atoms, cx);
	BP_CUDA_NEW(r->atom, atoms, cx);
	BP_CUDA_NEW(r->tile, most, cx);
	r->tiles = cx->dry ? 0 : bp_tiles(p);
	return BP_OK;
}

/* 1 / sqrt(x) within 2^-22 for x >= 2^-126: rsqrtf has more to do for smaller ones */
static __device__ inline float
bp_rsqrt(float x)
{
	float y;

	asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
}

/* sqrt(x) to its last bit from inv, about 1 / sqrt(x): what sqrtf does for x >= 2^-101 */
static __device__ inline float
bp_root(float x, float inv)
{
	const float about = x * inv;

	return fmaf(fmaf(-about, about, x), 0.5f * inv, about);
}

#endif
