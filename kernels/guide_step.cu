/* kernels/guide_step.cu: contents: smoothing, a kernel a factor; the step. K is made anew for each product: exponentials are cheaper here than memory. */
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

/* a thread a point */
static __global__ void
means(struct smooth s, struct bp_guide_step a)
{
	BP_EACH(at, (int64_t)a.b * a.points) {
		const int b = (int)(at / a.points), q = (int)(at % a.points), first = a.first[q], n = a.first[q + 1] - first;
		const double *x = a.x + 3 * (int64_t)b * a.n, *origin = x + 3 * (int64_t)a.member[0];
		double c[3] = { 0, 0, 0 }, f[3] = { 0, 0, 0 };
		for (int m = 0; m < n; m++) {
			const int i = a.member[first + m];
			double g[3];
			gradient(g, &a, b, i);
			for (int d = 0; d < 3; d++)
				c[d] += x[3 * (int64_t)i + d] - origin[d], f[d] += g[d];
		}
		s.centre[at] = make_float4((float)(c[0] / n), (float)(c[1] / n), (float)(c[2] / n), 0);
		for (int d = 0; d < 3; d++)
			s.mean[3 * at + d] = f[d] / n;
	}
}

/* sum over the points of K_ij times from [points,3] (NULL: 1 in place of the first, 0 of the others), by a warp, known to all its lanes */
static __device__ inline void
row(double sum[3], const float4 *centre, const double *from, const double *inv, int points, int i, float scale)
{
	const float4 c = centre[i];

	sum[0] = sum[1] = sum[2] = 0;
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

/* a block a sample */
enum { THREADS = 1024 };
static __global__ void
__launch_bounds__(THREADS)
step(struct smooth s, struct bp_guide_step a)
{
	const int b = blockIdx.x;
	const bool smooth = a.smoothing > 0;
	double *x = a.x + 3 * (int64_t)b * a.n, *values = a.values + BP_STEP_VALUES * b;
	double mean[3] = { 0, 0, 0 }, dot = 0, size = *a.weight;
	bool moved = false;

	if (stays(&a, b)) {
		if (threadIdx.x < BP_STEP_VALUES)
			values[threadIdx.x] = 0;
		return;
	}
	s.out += 3 * (int64_t)b * a.points;
	for (int q = threadIdx.x; smooth && q < a.points; q += THREADS)
		for (int d = 0; d < 3; d++)
			mean[d] += s.out[3 * q + d] * (a.first[q + 1] - a.first[q]);
	if (smooth)
		bp_block_sums(mean);
	for (int d = 0; d < 3 && smooth; d++)
		mean[d] /= a.first[a.points];
	for (int i = threadIdx.x; i < a.n; i += THREADS) {
		const int q = smooth ? a.point[i] : 0;
		double g[3];
		gradient(g, &a, b, i);
		for (int d = 0; d < 3; d++)
			dot += g[d] * (!smooth ? g[d] : q >= 0 ? s.out[3 * q + d] - mean[d] : 0);
	}
	dot = bp_block_sum_of(dot);
	if (!isfinite(dot))
		size = dot;
	else if (!a.raw)
		size = dot > 0 ? size * (a.energy[b] - a.goal) / dot : 0;
	for (int i = threadIdx.x; i < a.n && isfinite(size); i += THREADS) {
		const int q = smooth ? a.point[i] : 0;
		double g[3];
		gradient(g, &a, b, i);
		for (int d = 0; d < 3; d++) {
			const double by = size * (!smooth ? g[d] : q >= 0 ? s.out[3 * q + d] - mean[d] : 0);
			moved = moved || by != 0;
			x[3 * i + d] -= by;
		}
	}
	moved = __syncthreads_or(moved);
	if (threadIdx.x == 0)
		values[BP_STEP_DOT] = dot, values[BP_STEP_SIZE] = size, values[BP_STEP_MOVED] = moved;
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
	if (!cx->dry && a->b) {
		const unsigned warps = bp_blocks(32 * n);
		if (n) {
			means<<<(unsigned)((n + 63) / 64), 64, 0, bp_stream(cx)>>>(s, *a);
			rows<INVERSE><<<warps, BP_THREADS, 0, bp_stream(cx)>>>(s, *a);
			rows<INWARD><<<warps, BP_THREADS, 0, bp_stream(cx)>>>(s, *a);
			rows<OUTWARD><<<warps, BP_THREADS, 0, bp_stream(cx)>>>(s, *a);
		}
		step<<<a->b, THREADS, 0, bp_stream(cx)>>>(s, *a);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "guide_step");
}
