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

/* ---- optimized: POINTS atoms at a time, those that cut the sphere are listed as planes, which the points try in fp32: with d = x_j - x_i a
 * point R_i u is inside sphere j when u.d > (R_i^2 + d^2 - R_j^2) / (2 R_i). The list's order changes nothing. ---- */

static __global__ void
try_near(struct bp_exposed_fraction a)
{
	__shared__ float4 plane[POINTS];
	__shared__ int planes;
	const int i = blockIdx.x % a.n;
	const double *x = a.x + 3 * (int64_t)(blockIdx.x / a.n) * a.n, Ri = a.R[i];
	float u[3];
	double v[3];
	bool hit = false;
	int left;

	sphere_point(v, threadIdx.x);
	for (int d = 0; d < 3; d++)
		u[d] = (float)v[d];
	for (int j0 = 0; j0 < a.n; j0 += POINTS) {
		const int j = j0 + threadIdx.x;
		if (threadIdx.x == 0)
			planes = 0;
		__syncthreads();
		if (j < a.n && j != i) {
			float R = (float)Ri, Rj = (float)a.R[j], d[3], d2 = 0;
			for (int c = 0; c < 3; c++) {
				d[c] = (float)(x[3 * j + c] - x[3 * i + c]);
				d2 += d[c] * d[c];
			}
			if (d2 < (R + Rj) * (R + Rj))
				plane[atomicAdd(&planes, 1)] = make_float4(d[0], d[1], d[2], (d2 + (R - Rj) * (R + Rj)) / (2 * R));
		}
		__syncthreads();
		for (int m = 0; m < planes && !hit; m++)
			hit = u[0] * plane[m].x + u[1] * plane[m].y + u[2] * plane[m].z > plane[m].w;
		if (__syncthreads_and(hit))
			break;
	}
	left = __syncthreads_count(!hit);
	if (threadIdx.x == 0)
		a.a[blockIdx.x] = (double)left / POINTS;
}

int
bp_exposed_fraction_cuda_opt(struct bp_ctx *cx, const struct bp_exposed_fraction *a)
{
	if (cx->dry || a->b == 0)
		return BP_OK;
	try_near<<<a->b * a->n, POINTS, 0, bp_stream(cx)>>>(*a);
	return bp_launched(cx, "exposed_fraction");
}
