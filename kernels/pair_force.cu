/* kernels/pair_force.cu: contents: original, optimized */
#include "follow.cuh"
#include "pairs.cuh"

extern "C" {
#include "ops/pair_force.h"
}

static __device__ inline double
look_up(const double *F, int row, double t, int bins)
{
	int k = t < bins - 2 ? (int)t : bins - 2;
	const double *f = F + (int64_t)row * bins + k;

	return f[0] + (fmin(t, bins - 1.0) - k) * (f[1] - f[0]);
}

/* a block an atom, which visits all others: nothing is shared between blocks */
static __global__ void
pull(struct bp_pair_force a, struct bp_pairs p)
{
	const int b = blockIdx.x / p.n, i = blockIdx.x % p.n, s = bp_type_of(&p, i);
	const double *x = p.x + 3 * (int64_t)b * p.n, *e = p.a ? p.a + (int64_t)b * p.n : NULL;
	const double *F = a.F + (int64_t)b * bp_pair_rows(&p) * a.bins;
	double sum[3] = { 0, 0, 0 };

	for (int j = threadIdx.x; j < p.n; j += blockDim.x) {
		double r = bp_pair_distance(x, i, j), u = r / a.h, force;
		int t = bp_type_of(&p, j);
		if (!(r > 0)) /* the atom itself, and those that sit on it */
			continue;
		force = look_up(F, s < t ? bp_pair_row(&p, s, t) : bp_pair_row(&p, t, s), u, a.bins);
		if (e)
			force += e[j] * look_up(F, bp_layer_row(&p, s), u, a.bins) + e[i] * look_up(F, bp_layer_row(&p, t), u, a.bins)
			    + e[i] * e[j] * look_up(F, bp_layer_row(&p, p.ntypes), u, a.bins);
		for (int d = 0; d < 3; d++)
			sum[d] += force * (x[3 * i + d] - x[3 * j + d]) / r;
	}
	bp_put_gradient(a.out + 3 * (int64_t)blockIdx.x, sum);
}

int
bp_pair_force_cuda(struct bp_ctx *cx, const struct bp_pair_force *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	if (!cx->dry)
		pull<<<p.b * p.n, 128, 0, bp_stream(cx)>>>(*a, p);
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_force");
}

/* ---- optimized: a block takes a tile (pairs.cuh), whose tables it keeps in shared memory as floats, over a power of two near the largest |F|. A warp meets 32 of its
 * atoms i with 64 j, two a lane; the atoms i go round the lanes together with what pulls at them, so that both forces of a pair come from one visit.
 * Sums of so many pairs in fp32; these are added up as integers, which have no order. Tables too long for shared memory are taken a window of bins
 * at a time. ---- */

enum { SLOT = 4, EACH = 2, GROUP = 32 * EACH, PARTS = 64, MOST_BINS = 3500, MOST_THREADS = 512 };

typedef unsigned long long u64;

struct ready {
	struct bp_ready by;
	u64 *sum;   /* [b,3,n] of y's atoms          */
	u64 *most;  /* [b,PARTS] the bits of max |F| */
	float unit; /* of sum                        */
};

/* blockIdx: x PARTS, y samples; BP_THREADS threads */
static __global__ void
prepare(struct ready to, const double *F, struct bp_pairs p, int bins)
{
	bp_after();
	__shared__ u64 part[BP_THREADS / 32];
	const int64_t b = blockIdx.y, numbers = (int64_t)bp_pair_rows(&p) * bins;
	u64 most = 0;

#pragma unroll 4
	BP_EACH(i, numbers)
		most = max(most, (u64)__double_as_longlong(fabs(F[b * numbers + i])));
	for (int d = 16; d; d /= 2)
		most = max(most, __shfl_xor_sync(~0u, most, d));
	if (threadIdx.x % 32 == 0)
		part[threadIdx.x / 32] = most;
	BP_EACH(i, 3 * p.n)
		to.sum[b * 3 * p.n + i] = 0;
	bp_make_ready(to.by, &p);
	__syncthreads();
	for (int w = 0; w < BP_THREADS / 32 && threadIdx.x == 0; w++)
		most = max(most, part[w]);
	if (threadIdx.x == 0)
		to.most[b * PARTS + blockIdx.x] = most;
}

/* The power of two below the largest |F| of a sample, by a warp; 0 of next to nothing, infinite of what is not finite: the bits of numbers >= 0 are
 * ordered as they are, with those that are none on top. A power of two, so that it hardly ever depends on how far the tables reach. */
static __device__ inline double
power_of(const u64 *most)
{
	const int lane = threadIdx.x % 32;
	u64 all = max(most[lane], most[lane + 32]);

	for (int d = 16; d; d /= 2)
		all = max(all, __shfl_xor_sync(~0u, all, d));
	return __longlong_as_double((long long)(all & 0x7ff0000000000000));
}

struct tables {
	const float2 *T; /* [SLOT,window] what a bin has, and what the next has more of it */
	int window, first;
	float inv_h, last;
};

/* what an atom c does to o and back; I, J: c, o may have shares; ALL: all bins are in the window; meets: else they do not */
template <bool I, bool J, bool ALL>
static __device__ inline void
pull_one(float on_c[3], float on_o[3], float4 c, float4 o, bool meets, struct tables by)
{
	const float dx = c.x - o.x, dy = c.y - o.y, dz = c.z - o.z, r2 = fmaf(dz, dz, fmaf(dx, dx, dy * dy)), inv = bp_rsqrt(r2);
	const float u = fminf(bp_root(r2, inv) * by.inv_h, by.last), up = __fadd_rd(u, 0x1p23f), f = u - (up - 0x1p23f); /* its last bits are the bin */
	const unsigned k = __float_as_uint(up) - 0x4b000000u - by.first, window = by.window;
	const float2 *T = by.T + (ALL ? k : min(k, window - 1));
	float force = fmaf(f, T->y, T->x);

	if (J)
		force = fmaf(o.w, fmaf(f, T[window].y, T[window].x), force);
	if (I) {
		float more = fmaf(f, T[2 * window].y, T[2 * window].x);
		if (J)
			more = fmaf(o.w, fmaf(f, T[3 * window].y, T[3 * window].x), more);
		force = fmaf(c.w, more, force);
	}
	force *= meets && r2 > 1e-30f && (ALL || k < window) ? inv : 0;
	on_c[0] = fmaf(force, dx, on_c[0]), on_c[1] = fmaf(force, dy, on_c[1]), on_c[2] = fmaf(force, dz, on_c[2]);
	on_o[0] = fmaf(-force, dx, on_o[0]), on_o[1] = fmaf(-force, dy, on_o[1]), on_o[2] = fmaf(-force, dz, on_o[2]);
}

/* Pairs of o with `steps` atoms i of a chunk of 32, which lies in shared memory twice, one behind the other: first with i, then with those behind it.
 * on_i: in the end of the one behind them all; meets: the k-th bit from the left tells whether o meets i + k. */
template <bool I, bool J, bool ALL>
static __device__ inline void
pull_chunk(float on_i[3], float on_o[EACH][3], const float4 *i, int steps, const float4 o[EACH], unsigned meets[EACH], struct tables by)
{
	const int lane = threadIdx.x % 32;

	for (int at = 0; at < steps; at += 2)
#pragma unroll
		for (int k = 0; k < 2; k++) {
			const float4 c = i[at + k];
			for (int e = 0; e < EACH; e++)
				pull_one<I, J, ALL>(on_i, on_o[e], c, o[e], (int)meets[e] < 0, by), meets[e] <<= 1;
			for (int d = 0; d < 3; d++)
				on_i[d] = __shfl_sync(~0u, on_i[d], lane + 1);
		}
}

struct sums {
	u64 *sum; /* [3,n] */
	int n;
	float scale;
};

static __device__ inline void
add(struct sums to, int i, const float v[3])
{
	for (int d = 0; d < 3; d++)
		atomicAdd(to.sum + (int64_t)d * to.n + i, (u64)__float2ll_rn(v[d] * to.scale));
}

/* Chunk c of the tile with its group g, by a warp: those pairs in which an atom j meets the `steps` i from `ahead` on, counted from one lane to the
 * next from another i. */
template <bool ALL>
static __device__ inline void
pull_group(struct sums to, const float4 *chunk, const float4 *y, struct bp_tile in, int c, int g, int ahead, int steps, struct tables by)
{
	const int lane = threadIdx.x % 32, last = (lane + ahead + steps) % 32, j0 = in.j0 + (in.group + g * in.step) * GROUP + lane;
	const int i0 = c ? in.i[1] : in.i[0], ni = c ? in.n[1] : in.n[0];
	float on_i[3] = {}, on_o[EACH][3] = {};
	unsigned meets[EACH], any = 0;
	float4 o[EACH];
	float share = 0;

	for (int e = 0; e < EACH; e++) {
		const int j = j0 + 32 * e, upto = j >= in.j1 ? 0 : in.s == in.t ? max(min(j - i0, ni), 0) : ni;
		const unsigned first = upto < 32 ? (1u << upto) - 1 : ~0u;
		o[e] = y[min(j, in.j1 - 1)];
		meets[e] = __brev(__funnelshift_r(first, first, lane + ahead));
		any |= first, share = fmaxf(share, o[e].w);
	}
	if (!__any_sync(~0u, any))
		return;
	const bool i_has = chunk->w > 0, j_has = __any_sync(~0u, share > 0);
	if (i_has && j_has)
		pull_chunk<true, true, ALL>(on_i, on_o, chunk + lane + ahead, steps, o, meets, by);
	else if (i_has)
		pull_chunk<true, false, ALL>(on_i, on_o, chunk + lane + ahead, steps, o, meets, by);
	else if (j_has)
		pull_chunk<false, true, ALL>(on_i, on_o, chunk + lane + ahead, steps, o, meets, by);
	else
		pull_chunk<false, false, ALL>(on_i, on_o, chunk + lane + ahead, steps, o, meets, by);
	if (last < ni)
		add(to, i0 + last, on_i);
	for (int e = 0; e < EACH; e++)
		if (j0 + 32 * e < in.j1)
			add(to, j0 + 32 * e, on_o[e]);
}

/* blockIdx: x tile, y sample; 256 threads, or MOST_THREADS where few tables have room at once */
template <bool ALL>
static __global__ void
__launch_bounds__(MOST_THREADS, 2)
pull_tiles(struct ready at, const double *F, struct bp_pairs p, int bins, int window, float inv_h)
{
	bp_after();
	extern __shared__ float2 table[]; /* [SLOT,window] */
	__shared__ float4 chunk[2][2 * BP_CHUNK];
	const int64_t b = blockIdx.y;
	const struct bp_tile in = at.by.tile[blockIdx.x];
	const float4 *y = at.by.y + b * p.n;
	const double power = power_of(at.most + b * PARTS), scale = power > 0 ? 1 / power : 0;
	const bool i_has = y[in.i[0]].w > 0, j_has = y[in.j0 + in.group * GROUP].w > 0, has[SLOT] = { true, j_has, i_has, i_has && j_has };
	const int64_t row[SLOT] = { (int64_t)bp_pair_row(&p, min(in.s, in.t), max(in.s, in.t)) * bins, (int64_t)bp_layer_row(&p, in.s) * bins,
		(int64_t)bp_layer_row(&p, in.t) * bins, (int64_t)bp_layer_row(&p, p.ntypes) * bins };
	const struct sums to = { at.sum + b * 3 * p.n, p.n, 1 / at.unit };
	/* each chunk and group in two parts, or four: enough for all warps, and sums depend on neither how many these are nor the bins */
	const int threads = blockDim.x, log_chunks = in.n[1] > 0, whole = bp_tile_groups(in, GROUP) << log_chunks, log_parts = whole > 4 ? 1 : 2;

	F += b * bp_pair_rows(&p) * bins;
	if (threadIdx.x < BP_TILE) {
		const int c = threadIdx.x / BP_CHUNK, k = threadIdx.x % BP_CHUNK;
		chunk[c][k] = chunk[c][BP_CHUNK + k] = bp_tile_atom(y, in, threadIdx.x);
	}
	for (int first = 0; first < bins; first += window) {
		const struct tables by = { table, window, first, inv_h, (float)(bins - 1) };
		__syncthreads();
#pragma unroll 2
		for (int k = threadIdx.x; k < window; k += threads) { /* of windows that end behind the last bin that one again and again */
			const int at = min(first + k, bins - 1), behind = min(at + 1, bins - 1);
			double here[SLOT], next[SLOT];
#pragma unroll
			for (int c = 0; c < SLOT; c++)
				here[c] = has[c] ? F[row[c] + at] : 0, next[c] = has[c] ? F[row[c] + behind] : 0;
#pragma unroll
			for (int c = 0; c < SLOT; c++)
				if (has[c])
					table[c * window + k] = make_float2((float)(here[c] * scale), (float)((next[c] - here[c]) * scale));
		}
		__syncthreads();
		for (int m = threadIdx.x / 32; m < whole << log_parts; m += threads / 32) {
			const int steps = 32 >> log_parts, part = m & ((1 << log_parts) - 1), c = m >> log_parts & log_chunks;
			pull_group<ALL>(to, chunk[c], y, in, c, m >> (log_parts + log_chunks), part * steps, steps, by);
		}
	}
}

/* out [b,n,3]; blockIdx.y: samples */
static __global__ void
finish(double *out, struct ready at, int n)
{
	bp_after();
	const int64_t b = blockIdx.y;
	const double power = power_of(at.most + b * PARTS), unit = isfinite(power) ? power * at.unit : NAN;

	BP_EACH(i, n)
		for (int d = 0; d < 3; d++)
			out[3 * (b * n + at.by.atom[b * n + i]) + d] = unit * (double)(long long)at.sum[(3 * b + d) * n + i];
}

int
bp_pair_force_cuda_opt(struct bp_ctx *cx, const struct bp_pair_force *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;
	struct ready to;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	BP_TRY(bp_ready_new(&to.by, cx, &a->p));
	BP_CUDA_NEW(to.sum, 3 * (int64_t)p.b * p.n, cx);
	BP_CUDA_NEW(to.most, p.b * PARTS, cx);
	if (!cx->dry) {
		const int slots = p.a ? SLOT : 1, room = (bp_shared(cx) - 4096) / (slots * (int)sizeof(float2)), most = room < MOST_BINS ? room : MOST_BINS;
		const int windows = (a->bins + most - 1) / most, window = (a->bins + windows - 1) / windows;
		const int shared = slots * window * (int)sizeof(float2), threads = 4 * (shared + 4096) <= bp_shared(cx) ? MOST_THREADS / 2 : MOST_THREADS;
		const unsigned b = (unsigned)p.b;
		int bits = 0;
		while (p.n >> bits)
			bits++;
		to.unit = ldexpf(1, bits - 59); /* n pairs of four tables, each number below 2, stay below 2^62 */
		bp_follow(prepare, dim3(PARTS, b), BP_THREADS, 0, cx, to, a->F, p, a->bins);
		auto *pull = windows == 1 ? pull_tiles<true> : pull_tiles<false>;
		cudaFuncSetAttribute(pull, cudaFuncAttributeMaxDynamicSharedMemorySize, shared); /* bp_launched tells */
		bp_follow(pull, dim3((unsigned)to.by.tiles, b), threads, shared, cx, to, a->F, p, a->bins, window, (float)(1 / a->h));
		bp_follow(finish, dim3(bp_blocks(p.n), b), BP_THREADS, 0, cx, a->out, to, p.n);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_force");
}
