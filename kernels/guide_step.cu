/* kernels/guide_step.cu: contents: smoothing, a kernel a factor; the step. K is made anew for each product: exponentials are cheaper here than memory. */
#include "follow.cuh"
#include "sums.cuh"

extern "C" {
#include "ops/guide_step.h"
}

/* what smoothing makes of a sample's points: [b,points] each, coordinates in fp32 about the first point's centre */
struct smooth {
	float4 *centre;         /* x y z 0                                            */
	double *mean, *a, *out; /* [b,points,3] gradient of the points; K^T of it; p */
	double *inv;            /* 1 / the sum of K's row                             */
	float scale;            /* -1 / (2 smoothing^2)                               */
};

static __device__ inline bool
stays(const struct bp_guide_step *a, int b)
{
	return *a->weight == 0 || (!a->raw && !(a->energy[b] > a->goal));
}

/* the gradient of atom i of sample b */
static __device__ inline void
gradient(double g[3], const struct bp_guide_step *a, int b, int i)
{
	const int place = a->place ? a->place[i] : i;
	const double *from = a->g + 3 * ((int64_t)b * a->places + (place >= 0 ? place : 0));

	for (int d = 0; d < 3; d++)
		g[d] = place >= 0 ? from[d] : 0;
}

/* eight lanes a point, which take its atoms in turn: an atom's numbers are three loads behind each other */
enum { LANES = 8 };
static __global__ void
means(struct smooth s, struct bp_guide_step a)
{
	bp_after();
	const int64_t all = (int64_t)a.b * a.points, own = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / LANES, at = min(own, all - 1);
	const int b = (int)(at / a.points), q = (int)(at % a.points), first = a.first[q], n = a.first[q + 1] - first, lane = threadIdx.x % LANES;
	const double *x = a.x + 3 * (int64_t)b * a.n, *origin = x + 3 * (int64_t)a.member[0];
	double sum[6] = { 0, 0, 0, 0, 0, 0 }; /* of coordinates, of gradients */

	for (int m = lane; m < n; m += LANES) {
		const int i = a.member[first + m];
		double g[3];
		gradient(g, &a, b, i);
		for (int d = 0; d < 3; d++)
			sum[d] += x[3 * (int64_t)i + d] - origin[d], sum[3 + d] += g[d];
	}
	for (int d = 0; d < 6; d++)
		for (int m = LANES / 2; m; m /= 2)
			sum[d] += __shfl_xor_sync(~0u, sum[d], m);
	if (lane || own >= all)
		return;
	s.centre[at] = make_float4((float)(sum[0] / n), (float)(sum[1] / n), (float)(sum[2] / n), 0);
	for (int d = 0; d < 3; d++)
		s.mean[3 * at + d] = sum[3 + d] / n;
}

/* sum over the points of K_ij times from [points,3] (NULL: 1 in place of the first, 0 of the others), by a warp, known to all its lanes */
static __device__ inline void
row(double sum[3], const float4 *centre, const double *from, const double *inv, int points, int i, float scale)
{
	const float4 c = centre[i];

	sum[0] = sum[1] = sum[2] = 0;
#pragma unroll 4
	for (int j = threadIdx.x % 32; j < points; j += 32) {
		const float4 o = centre[j];
		const float dx = c.x - o.x, dy = c.y - o.y, dz = c.z - o.z;
		const double k = expf(scale * (dx * dx + dy * dy + dz * dz));
		if (from) {
			const double w = inv ? k * inv[j] : k;
			sum[0] += w * from[3 * j], sum[1] += w * from[3 * j + 1], sum[2] += w * from[3 * j + 2];
		} else {
			sum[0] += k;
		}
	}
	for (int d = 0; d < (from ? 3 : 1); d++)
		for (int m = 16; m; m /= 2)
			sum[d] += __shfl_xor_sync(~0u, sum[d], m);
}

/* warps of the rows of all samples: inv, then a = K (mean inv), then out = inv K a */
enum { INVERSE, INWARD, OUTWARD };
template <int PART>
static __global__ void
rows(struct smooth s, struct bp_guide_step a)
{
	bp_after();
	const int64_t at = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / 32;
	const int64_t begin = at / a.points * a.points;
	double sum[3];

	if (at >= (int64_t)a.b * a.points || stays(&a, (int)(at / a.points)))
		return;
	row(sum, s.centre + begin, PART == INVERSE ? NULL : (PART == INWARD ? s.mean : s.a) + 3 * begin, PART == INWARD ? s.inv + begin : NULL,
	    a.points, (int)(at - begin), s.scale);
	if (threadIdx.x % 32)
		return;
	if (PART == INVERSE)
		s.inv[at] = 1 / sum[0];
	for (int d = 0; d < 3 && PART != INVERSE; d++)
		(PART == INWARD ? s.a : s.out)[3 * at + d] = PART == INWARD ? sum[d] : sum[d] * s.inv[at];
}

/* ---- the step ---- */

static __device__ inline void
tell(double *values, double dot, double size, bool moved)
{
	values[BP_STEP_DOT] = dot, values[BP_STEP_SIZE] = size, values[BP_STEP_MOVED] = moved;
}

/* blockIdx: x atoms, y sample. p is the same for all atoms of a point, so that every block makes the sums over the points, and a thread moves
 * an atom. */
enum { MOVERS = 256 };
static __global__ void
__launch_bounds__(MOVERS)
step_points(struct smooth s, struct bp_guide_step a)
{
	bp_after();
	const int b = blockIdx.y, i = blockIdx.x * MOVERS + threadIdx.x, q = i < a.n ? a.point[i] : -1;
	const double *out = s.out + 3 * (int64_t)b * a.points, *g = s.mean + 3 * (int64_t)b * a.points;
	double *values = a.values + BP_STEP_VALUES * b, mean[3] = { 0, 0, 0 }, dot = 0, size;
	bool moved = false;

	if (stays(&a, b)) {
		if (blockIdx.x == 0 && threadIdx.x == 0)
			tell(values, 0, 0, false);
		return;
	}
	for (int k = threadIdx.x; k < a.points; k += MOVERS)
		for (int d = 0; d < 3; d++)
			mean[d] += out[3 * k + d] * (a.first[k + 1] - a.first[k]);
	bp_block_sums(mean);
	for (int d = 0; d < 3; d++)
		mean[d] /= a.first[a.points];
	for (int k = threadIdx.x; k < a.points; k += MOVERS)
		for (int d = 0; d < 3; d++)
			dot += g[3 * k + d] * (out[3 * k + d] - mean[d]) * (a.first[k + 1] - a.first[k]);
	dot = bp_block_sum_of(dot);
	size = bp_step_size(*a.weight, a.raw, a.energy[b], a.goal, dot);
	for (int d = 0; d < 3 && q >= 0 && isfinite(size); d++)
		a.x[3 * ((int64_t)b * a.n + i) + d] -= size * (out[3 * q + d] - mean[d]);
	if (blockIdx.x > 0) /* the first one tells, for all points */
		return;
	for (int k = threadIdx.x; k < a.points && isfinite(size); k += MOVERS)
		for (int d = 0; d < 3; d++)
			moved = moved || size * (out[3 * k + d] - mean[d]) != 0;
	moved = __syncthreads_or(moved);
	if (threadIdx.x == 0)
		tell(values, dot, size, moved);
}

/* p = g: a block a sample */
enum { THREADS = 1024 };
static __global__ void
__launch_bounds__(THREADS)
step(struct bp_guide_step a)
{
	bp_after();
	const int b = blockIdx.x;
	double *x = a.x + 3 * (int64_t)b * a.n, dot = 0, size, g[3];
	bool moved = false;

	if (stays(&a, b)) {
		if (threadIdx.x == 0)
			tell(a.values + BP_STEP_VALUES * b, 0, 0, false);
		return;
	}
	for (int i = threadIdx.x; i < a.n; i += THREADS) {
		gradient(g, &a, b, i);
		dot += g[0] * g[0] + g[1] * g[1] + g[2] * g[2];
	}
	dot = bp_block_sum_of(dot);
	size = bp_step_size(*a.weight, a.raw, a.energy[b], a.goal, dot);
	for (int i = threadIdx.x; i < a.n && isfinite(size); i += THREADS) {
		gradient(g, &a, b, i);
		for (int d = 0; d < 3; d++) {
			const double by = size * g[d];
			moved = moved || by != 0;
			x[3 * i + d] -= by;
		}
	}
	moved = __syncthreads_or(moved);
	if (threadIdx.x == 0)
		tell(a.values + BP_STEP_VALUES * b, dot, size, moved);
}

int
bp_guide_step_cuda(struct bp_ctx *cx, const struct bp_guide_step *a)
{
	const int64_t n = a->smoothing > 0 ? (int64_t)a->b * a->points : 0;
	struct bp_mark mark = bp_dev_mark(cx);
	struct smooth s;

	BP_CUDA_NEW(s.centre, n, cx);
	BP_CUDA_NEW(s.mean, 3 * n, cx);
	BP_CUDA_NEW(s.a, 3 * n, cx);
	BP_CUDA_NEW(s.out, 3 * n, cx);
	BP_CUDA_NEW(s.inv, n, cx);
	s.scale = a->smoothing > 0 ? (float)(-0.5 / (a->smoothing * a->smoothing)) : 0;
	if (!cx->dry && n) {
		const unsigned warps = bp_blocks(32 * n);
		bp_follow(means, (unsigned)((LANES * n + 63) / 64), 64, 0, cx, s, *a);
		bp_follow(rows<INVERSE>, warps, BP_THREADS, 0, cx, s, *a);
		bp_follow(rows<INWARD>, warps, BP_THREADS, 0, cx, s, *a);
		bp_follow(rows<OUTWARD>, warps, BP_THREADS, 0, cx, s, *a);
		bp_follow(step_points, dim3((unsigned)(a->n + MOVERS - 1) / MOVERS, (unsigned)a->b), MOVERS, 0, cx, s, *a);
	} else if (!cx->dry && a->b) {
		bp_follow(step, a->b, THREADS, 0, cx, *a);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "guide_step");
}
