#include "follow.cuh"

extern "C" {
#include "ops/exposed_fraction.h"
}

enum { POINTS = BP_SPHERE_POINTS };

/* point k of the spiral, on the unit sphere */
static __device__ inline void
sphere_point(double u[3], int k)
{
	double z = 1 - (2.0 * k + 1) / POINTS, phi = k * 3.14159265358979323846 * (3 - sqrt(5.0)), r = sqrt(1 - z * z);

	u[0] = r * cos(phi), u[1] = r * sin(phi), u[2] = z;
}

/* a block an atom, a thread a point on its sphere, which tries all other atoms */
static __global__ void
try_all(struct bp_exposed_fraction a)
{
	const int i = blockIdx.x % a.n;
	const double *x = a.x + 3 * (int64_t)(blockIdx.x / a.n) * a.n, Ri = a.R[i];
	double u[3], p[3];
	bool hit = false;
	int left;

	sphere_point(u, threadIdx.x);
	for (int d = 0; d < 3; d++)
		p[d] = x[3 * i + d] + Ri * u[d];
	for (int j = 0; j < a.n; j++) {
		double r2 = 0;
		for (int d = 0; d < 3; d++)
			r2 += (p[d] - x[3 * j + d]) * (p[d] - x[3 * j + d]);
		hit = hit || (j != i && r2 < a.R[j] * a.R[j]);
	}
	left = __syncthreads_count(!hit);
	if (threadIdx.x == 0)
		a.a[blockIdx.x] = (double)left / POINTS;
}

int
bp_exposed_fraction_cuda(struct bp_ctx *cx, const struct bp_exposed_fraction *a)
{
	if (cx->dry || a->b == 0)
		return BP_OK;
	try_all<<<a->b * a->n, POINTS, 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "exposed_fraction");
}

/* ---- optimized: a warp an atom, a lane eight points on its sphere. The atoms near enough are listed, by fp32 places counted from the first atom, with a margin for what
 * these are off by. Of 32 listed ones at a time those that cut the sphere become planes, which the points try in fp32: with d = x_j - x_i a point
 * R_i u is inside sphere j when u.d > (R_i^2 + d^2 - R_j^2) / (2 R_i). The order of planes changes nothing. ---- */

enum { WARPS = 8, OWN = POINTS / 32, LOOK = 8 }; /* LOOK: planes after which all points may be inside some */

struct sphere {
	int i, listed; /* the atom; atoms in the list, below 32 when one is looked at */
	float R, reach, u[OWN][3];
	float in[OWN]; /* of this lane's points, above 0: inside another sphere */
};

static __device__ inline bool
covered(const struct sphere *s)
{
	float least = s->in[0];

#pragma unroll
	for (int k = 1; k < OWN; k++)
		least = fminf(least, s->in[k]);
	return __all_sync(~0u, least > 0);
}

/* the first `count` atoms of the list, at most 32, of which a lane makes one's plane */
static __device__ inline void
try_listed(struct sphere *s, const int *list, int count, const double *x, const double *R, float4 *plane)
{
	const int lane = threadIdx.x % 32, j = list[min(lane, count - 1)];
	const float Rj = (float)R[j];
	float d[3], d2 = 0;

	for (int k = 0; k < 3; k++) {
		d[k] = (float)(x[3 * (int64_t)j + k] - x[3 * (int64_t)s->i + k]);
		d2 += d[k] * d[k];
	}
	const bool cuts = lane < count && d2 < (s->R + Rj) * (s->R + Rj);
	const unsigned all = __ballot_sync(~0u, cuts);
	if (cuts)
		plane[__popc(all & ((1u << lane) - 1))] = make_float4(d[0], d[1], d[2], (d2 + (s->R - Rj) * (s->R + Rj)) / (2 * s->R));
	__syncwarp();
	for (int m = 0; m < __popc(all) && (m % LOOK || !covered(s)); m++) {
		const float4 p = plane[m];
#pragma unroll
		for (int k = 0; k < OWN; k++)
			s->in[k] = fmaxf(s->in[k], fmaf(s->u[k][0], p.x, fmaf(s->u[k][1], p.y, fmaf(s->u[k][2], p.z, -p.w))));
	}
	__syncwarp();
}

/* all n atoms at[] */
static __device__ inline void
meet(struct sphere *s, const float4 *__restrict__ at, float4 c, int n, const double *x, const double *R, int *list, float4 *plane)
{
	const int lane = threadIdx.x % 32;

#pragma unroll 4
	for (int j0 = 0; j0 < n; j0 += 32) {
		const int j = j0 + lane;
		const float4 o = at[min(j, n - 1)];
		const float dx = o.x - c.x, dy = o.y - c.y, dz = o.z - c.z, far = s->reach + o.w;
		const bool near = dx * dx + dy * dy + dz * dz < far * far && j != s->i && j < n;
		const unsigned all = __ballot_sync(~0u, near);
		if (!all)
			continue;
		if (near)
			list[s->listed + __popc(all & ((1u << lane) - 1))] = j;
		s->listed += __popc(all);
		if (s->listed < 32)
			continue;
		__syncwarp();
		try_listed(s, list, 32, x, R, plane);
		const int behind = list[32 + lane];
		s->listed -= 32;
		__syncwarp();
		if (lane < s->listed)
			list[lane] = behind;
		if (covered(s))
			break;
	}
	__syncwarp();
	if (s->listed)
		try_listed(s, list, s->listed, x, R, plane);
}

/* at [b,n]: counted from the first atom, and radii; blockIdx.y: samples */
static __global__ void
places(float4 *at, struct bp_exposed_fraction a)
{
	bp_after();
	const double *x = a.x + 3 * (int64_t)blockIdx.y * a.n;

	BP_EACH(j, a.n)
		at[blockIdx.y * (int64_t)a.n + j]
		    = make_float4((float)(x[3 * j] - x[0]), (float)(x[3 * j + 1] - x[1]), (float)(x[3 * j + 2] - x[2]), (float)a.R[j]);
}

/* blockIdx: x atoms, y sample */
static __global__ void
__launch_bounds__(32 * WARPS)
try_near(struct bp_exposed_fraction a, const float4 *at)
{
	__shared__ float u[3][POINTS];
	__shared__ float4 planes[WARPS][32];
	__shared__ int lists[WARPS][64];
	const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, i = blockIdx.x * WARPS + warp;
	struct sphere s = { min(i, a.n - 1), 0, 0, 0, {}, {} };
	double v[3];
	int left = 0;

	sphere_point(v, threadIdx.x);
	for (int d = 0; d < 3; d++)
		u[d][threadIdx.x] = (float)v[d];
	__syncthreads();
	for (int k = 0; k < OWN; k++)
		for (int d = 0; d < 3; d++)
			s.u[k][d] = u[d][32 * k + lane];
	bp_after();
	at += (int64_t)blockIdx.y * a.n;
	const float4 c = at[s.i];
	s.R = c.w;
	s.reach = s.R + 1e-3f + 1e-6f * (fabsf(c.x) + fabsf(c.y) + fabsf(c.z));
	meet(&s, at, c, a.n, a.x + 3 * (int64_t)blockIdx.y * a.n, a.R, lists[warp], planes[warp]);
	for (int k = 0; k < OWN; k++)
		left += !(s.in[k] > 0);
	for (int d = 16; d; d /= 2)
		left += __shfl_xor_sync(~0u, left, d);
	if (lane == 0 && i < a.n)
		a.a[(int64_t)blockIdx.y * a.n + i] = (double)left / POINTS;
}

int
bp_exposed_fraction_cuda_opt(struct bp_ctx *cx, const struct bp_exposed_fraction *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	float4 *at;

	BP_CUDA_NEW(at, (int64_t)a->b * a->n, cx);
	if (!cx->dry && a->b) {
		bp_follow(places, dim3(bp_blocks(a->n), (unsigned)a->b), BP_THREADS, 0, cx, at, *a);
		bp_follow(try_near, dim3((unsigned)(a->n + WARPS - 1) / WARPS, (unsigned)a->b), 32 * WARPS, 0, cx, *a, at);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "exposed_fraction");
}
