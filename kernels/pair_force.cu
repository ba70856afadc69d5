/* kernels/pair_force.cu: contents: original, optimized */
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

/* ---- optimized: the four tables that a pair of types needs lie side by side as floats, so that a pair of atoms is two float4. A warp takes
 * atoms and meets all others, a tile of them at a time. Sums of a tile in fp32. ---- */

enum { WARPS = 8, TILE = 256 };

/* T [b,types,types,bins]: of i's type, of j's type; y [b,n] places and the layer's share; row [n] where the tables of each
 * atom as j begin among those of i's type */
struct ready {
	float4 *T, *y;
	int *row;
};

static __global__ void
prepare(struct ready to, const double *F, struct bp_pairs p, int bins)
{
	const int64_t tables = (int64_t)p.b * p.ntypes * p.ntypes * bins;

	BP_EACH(at, tables + (int64_t)p.b * p.n) {
		if (at >= tables) {
			const int64_t i = at - tables;
			const double *x = p.x + 3 * i;
			to.y[i] = make_float4((float)x[0], (float)x[1], (float)x[2], p.a ? (float)p.a[i] : 0);
			if (i < p.n)
				to.row[i] = bins * bp_type_of(&p, (int)i);
			continue;
		}
		int k = (int)(at % bins), t = (int)(at / bins % p.ntypes), s = (int)(at / bins / p.ntypes % p.ntypes);
		const double *f = F + at / bins / p.ntypes / p.ntypes * bp_pair_rows(&p) * bins + k;
		float4 v = { 0, 0, 0, 0 };
		v.x = (float)f[(int64_t)(s < t ? bp_pair_row(&p, s, t) : bp_pair_row(&p, t, s)) * bins];
		if (p.a) {
			v.y = (float)f[(int64_t)bp_layer_row(&p, s) * bins];
			v.z = (float)f[(int64_t)bp_layer_row(&p, t) * bins];
			v.w = (float)f[(int64_t)bp_layer_row(&p, p.ntypes) * bins];
		}
		to.T[at] = v;
	}
}

/* sum += the force of the atom at o on that at c, T: the tables of their types */
static __device__ inline void
pull_one(float sum[3], float4 c, float4 o, const float4 *T, float inv_h, float last)
{
	const float dx = c.x - o.x, dy = c.y - o.y, dz = c.z - o.z, r2 = dx * dx + dy * dy + dz * dz;
	const float inv = r2 > 0 ? rsqrtf(r2) : 0, about = r2 * inv;
	const float r = fmaf(fmaf(-about, about, r2), 0.5f * inv, about), u = fminf(r * inv_h, last + 1); /* a root to its last bit */
	const int k = (int)fminf(u, last);
	const float f = u - (float)k;
	const float4 lo = T[k], hi = T[k + 1];
	const float low = lo.x + o.w * lo.y + c.w * (lo.z + o.w * lo.w), high = hi.x + o.w * hi.y + c.w * (hi.z + o.w * hi.w);
	const float force = inv * (low + f * (high - low));

	sum[0] += force * dx, sum[1] += force * dy, sum[2] += force * dz;
}

/* EACH atoms a warp; blockIdx: x atoms, y sample */
template <int EACH>
static __global__ void
__launch_bounds__(32 * WARPS)
pull_tables(double *out, struct ready by, struct bp_pairs p, int bins, float inv_h)
{
	__shared__ float4 y[TILE];
	__shared__ int row[TILE];
	const int lane = threadIdx.x % 32, first = (blockIdx.x * WARPS + threadIdx.x / 32) * EACH;
	const float last = (float)(bins - 2);
	const float4 *T[EACH];
	float4 mine[EACH];
	double total[EACH][3] = {};

	by.y += (int64_t)blockIdx.y * p.n;
	by.T += (int64_t)blockIdx.y * p.ntypes * p.ntypes * bins;
	for (int e = 0; e < EACH; e++) {
		const int i = min(first + e, p.n - 1);
		mine[e] = by.y[i];
		T[e] = by.T + (int64_t)by.row[i] * p.ntypes;
	}
	for (int j0 = 0; j0 < p.n; j0 += TILE) {
		const int count = min(TILE, p.n - j0);
		float sum[EACH][3] = {};
		__syncthreads();
		for (int j = threadIdx.x; j < count; j += 32 * WARPS)
			y[j] = by.y[j0 + j], row[j] = by.row[j0 + j];
		__syncthreads();
#pragma unroll 4
		for (int j = lane; j < count; j += 32)
			for (int e = 0; e < EACH; e++)
				pull_one(sum[e], mine[e], y[j], T[e] + row[j], inv_h, last);
		for (int e = 0; e < EACH; e++)
			for (int d = 0; d < 3; d++)
				total[e][d] += sum[e][d];
	}
	for (int e = 0; e < EACH; e++)
		for (int d = 0; d < 3; d++) {
			for (int m = 16; m; m /= 2)
				total[e][d] += __shfl_xor_sync(~0u, total[e][d], m);
			if (lane == d && first + e < p.n)
				out[3 * ((int64_t)blockIdx.y * p.n + first + e) + d] = total[e][d];
		}
}

int
bp_pair_force_cuda_opt(struct bp_ctx *cx, const struct bp_pair_force *a)
{
	const int64_t tables = (int64_t)a->p.b * a->p.ntypes * a->p.ntypes * a->bins, atoms = (int64_t)a->p.b * a->p.n;
	const float inv_h = (float)(1 / a->h);
	struct bp_mark mark = bp_dev_mark(cx);
	struct ready by;
	struct bp_pairs p;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	BP_CUDA_NEW(by.T, tables, cx);
	BP_CUDA_NEW(by.y, atoms, cx);
	BP_CUDA_NEW(by.row, p.n, cx);
	if (!cx->dry && atoms) {
		prepare<<<BP_GRID(tables + atoms), 0, bp_stream(cx)>>>(by, a->F, p, a->bins);
		if (atoms < 8192)
			pull_tables<1><<<dim3((unsigned)(p.n + WARPS - 1) / WARPS, (unsigned)p.b), 32 * WARPS, 0, bp_stream(cx)>>>(a->out, by, p,
			    a->bins, inv_h);
		else
			pull_tables<2><<<dim3((unsigned)(p.n + 2 * WARPS - 1) / (2 * WARPS), (unsigned)p.b), 32 * WARPS, 0, bp_stream(cx)>>>(a->out,
			    by, p, a->bins, inv_h);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_force");
}
