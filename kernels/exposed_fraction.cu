#include "cuda.cuh"

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

/* ---- optimized: a warp an atom, a lane eight points on its sphere. Of each tile of atoms those that cut the sphere are listed as planes, which the
 * points try in fp32: with d = x_j - x_i a point R_i u is inside sphere j when u.d > (R_i^2 + d^2 - R_j^2) / (2 R_i). The list's order
 * changes nothing. Distances are sorted out in fp32, from places counted from the first atom, with a margin for what that is off by. ---- */

enum { WARPS = 8, TILE = 256, LISTED = 64, OWN = POINTS / 32 };

struct sphere {
	int i, listed; /* the atom; planes listed */
	float R, reach, u[OWN][3];
	unsigned hits; /* bit k: point k of this lane is inside another sphere */
};

static __device__ inline void
try_planes(struct sphere *s, const float4 *plane)
{
	__syncwarp();
	for (int m = 0; m < s->listed; m++) {
		const float4 p = plane[m];
#pragma unroll
		for (int k = 0; k < OWN; k++)
			s->hits |= (unsigned)(s->u[k][0] * p.x + s->u[k][1] * p.y + s->u[k][2] * p.z > p.w) << k;
	}
	s->listed = 0;
	__syncwarp();
}

/* those of count atoms at[] (from atom first on) that cut the sphere, tried now or left in the list */
static __device__ inline void
meet(struct sphere *s, const float4 *at, float4 c, int first, int count, const double *x, const double *R, float4 *plane)
{
	for (int m = threadIdx.x % 32; m - (int)(threadIdx.x % 32) < count; m += 32) {
		const float4 o = m < count ? at[m] : c;
		const int j = first + m;
		float d[3] = { o.x - c.x, o.y - c.y, o.z - c.z }, d2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2], far = s->reach + o.w;
		bool cuts = m < count && j != s->i && d2 < far * far;
		if (cuts) {
			d2 = 0;
			for (int k = 0; k < 3; k++) {
				d[k] = (float)(x[3 * (int64_t)j + k] - x[3 * (int64_t)s->i + k]);
				d2 += d[k] * d[k];
			}
			const float Rj = (float)R[j];
			cuts = d2 < (s->R + Rj) * (s->R + Rj);
			d2 = (d2 + (s->R - Rj) * (s->R + Rj)) / (2 * s->R);
		}
		const unsigned all = __ballot_sync(~0u, cuts);
		if (cuts)
			plane[s->listed + __popc(all & ((1u << threadIdx.x % 32) - 1))] = make_float4(d[0], d[1], d[2], d2);
		s->listed += __popc(all);
		if (s->listed > LISTED - 32)
			try_planes(s, plane);
	}
}

/* blockIdx: x atoms, y sample */
static __global__ void
__launch_bounds__(32 * WARPS)
try_near(struct bp_exposed_fraction a)
{
	__shared__ float u[3][POINTS];
	__shared__ float4 at[TILE], planes[WARPS][LISTED];
	const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, i = blockIdx.x * WARPS + warp;
	const double *x = a.x + 3 * (int64_t)blockIdx.y * a.n;
	struct sphere s = { min(i, a.n - 1), 0, 0, 0, {}, 0 };
	const float4 c = make_float4((float)(x[3 * (int64_t)s.i] - x[0]), (float)(x[3 * (int64_t)s.i + 1] - x[1]),
	    (float)(x[3 * (int64_t)s.i + 2] - x[2]), 0);
	double v[3];
	int left;

	sphere_point(v, threadIdx.x);
	for (int d = 0; d < 3; d++)
		u[d][threadIdx.x] = (float)v[d];
	s.R = (float)a.R[s.i];
	s.reach = s.R + 1e-3f + 1e-6f * (fabsf(c.x) + fabsf(c.y) + fabsf(c.z));
	__syncthreads();
	for (int k = 0; k < OWN; k++)
		for (int d = 0; d < 3; d++)
			s.u[k][d] = u[d][32 * k + lane];
	for (int j0 = 0; j0 < a.n; j0 += TILE) {
		const int j = j0 + threadIdx.x;
		__syncthreads();
		if (j < a.n)
			at[threadIdx.x] = make_float4((float)(x[3 * (int64_t)j] - x[0]), (float)(x[3 * (int64_t)j + 1] - x[1]),
			    (float)(x[3 * (int64_t)j + 2] - x[2]), (float)a.R[j]);
		__syncthreads();
		if (!__all_sync(~0u, s.hits == (1u << OWN) - 1))
			meet(&s, at, c, j0, min(TILE, a.n - j0), x, a.R, planes[warp]);
	}
	try_planes(&s, planes[warp]);
	left = OWN - __popc(s.hits);
	for (int d = 16; d; d /= 2)
		left += __shfl_xor_sync(~0u, left, d);
	if (lane == 0 && i < a.n)
		a.a[(int64_t)blockIdx.y * a.n + i] = (double)left / POINTS;
}

int
bp_exposed_fraction_cuda_opt(struct bp_ctx *cx, const struct bp_exposed_fraction *a)
{
	if (cx->dry || a->b == 0)
		return BP_OK;
	try_near<<<dim3((unsigned)(a->n + WARPS - 1) / WARPS, (unsigned)a->b), 32 * WARPS, 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "exposed_fraction");
}
