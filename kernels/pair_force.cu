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

/* ---- optimized: the four tables that a pair of types needs lie side by side as floats, scaled by the largest of all; an atom reads two
 * float4 for each of the others, whose types it meets in turn ---- */

static __global__ void
largest(unsigned long long *out, const double *F, int64_t n)
{
	unsigned long long most = 0;

	BP_EACH(i, n)
		most = max(most, (unsigned long long)__double_as_longlong(fabs(F[i])));
	for (int d = 16; d; d /= 2)
		most = max(most, __shfl_xor_sync(~0u, most, d));
	if (threadIdx.x % 32 == 0 && most)
		atomicMax(out, most);
}

/* T [b,types,types,bins]: of i's type, of j's type */
static __global__ void
interleave(float4 *T, const double *F, struct bp_pairs p, int bins, const double *scale)
{
	const double inv = *scale > 0 ? 1 / *scale : 0;

	BP_EACH(at, (int64_t)p.b * p.ntypes * p.ntypes * bins) {
		int k = (int)(at % bins), t = (int)(at / bins % p.ntypes), s = (int)(at / bins / p.ntypes % p.ntypes);
		const double *f = F + at / bins / p.ntypes / p.ntypes * bp_pair_rows(&p) * bins + k;
		float4 v = { 0, 0, 0, 0 };
		v.x = (float)(inv * f[(int64_t)(s < t ? bp_pair_row(&p, s, t) : bp_pair_row(&p, t, s)) * bins]);
		if (p.a) {
			v.y = (float)(inv * f[(int64_t)bp_layer_row(&p, s) * bins]);
			v.z = (float)(inv * f[(int64_t)bp_layer_row(&p, t) * bins]);
			v.w = (float)(inv * f[(int64_t)bp_layer_row(&p, p.ntypes) * bins]);
		}
		T[at] = v;
	}
}

static __global__ void
pull_tables(double *out, const float4 *T, struct bp_pairs p, int bins, float inv_h, const double *scale)
{
	const int b = blockIdx.x / p.n, i = blockIdx.x % p.n;
	const double *x = p.x + 3 * (int64_t)b * p.n, *e = p.a ? p.a + (int64_t)b * p.n : NULL;
	const double xi = x[3 * i], yi = x[3 * i + 1], zi = x[3 * i + 2];
	const float ai = e ? (float)e[i] : 0, last = (float)(bins - 2);
	double sum[3] = { 0, 0, 0 };

	T += ((int64_t)b * p.ntypes + bp_type_of(&p, i)) * p.ntypes * bins;
	for (int t = 0; t < p.ntypes; t++, T += bins)
		for (int j = p.start[t] + threadIdx.x; j < p.start[t + 1]; j += blockDim.x) {
			float dx = (float)(xi - x[3 * j]), dy = (float)(yi - x[3 * j + 1]), dz = (float)(zi - x[3 * j + 2]);
			float r = sqrtf(dx * dx + dy * dy + dz * dz), u = fminf(r * inv_h, last + 1), f;
			int k = (int)fminf(u, last);
			float4 lo = T[k], hi = T[k + 1];
			float aj = e ? (float)e[j] : 0, force;
			f = u - (float)k;
			force = lo.x + f * (hi.x - lo.x) + aj * (lo.y + f * (hi.y - lo.y)) + ai * (lo.z + f * (hi.z - lo.z))
			    + ai * aj * (lo.w + f * (hi.w - lo.w));
			force = r > 0 ? force / r : 0;
			sum[0] += force * dx, sum[1] += force * dy, sum[2] += force * dz;
		}
	for (int d = 0; d < 3; d++) {
		double total = bp_block_sum(sum[d]);
		if (threadIdx.x == 0)
			out[3 * (int64_t)blockIdx.x + d] = *scale * total;
	}
}

int
bp_pair_force_cuda_opt(struct bp_ctx *cx, const struct bp_pair_force *a)
{
	const int64_t n = (int64_t)a->p.b * bp_pair_rows(&a->p) * a->bins;
	const int64_t tables = (int64_t)a->p.b * a->p.ntypes * a->p.ntypes * a->bins;
	struct bp_mark mark = bp_dev_mark(cx);
	struct bp_pairs p;
	double *scale;
	float4 *T;

	BP_TRY(bp_pairs_up(cx, &p, &a->p));
	BP_CUDA_NEW(scale, 1, cx);
	BP_CUDA_NEW(T, tables, cx);
	if (!cx->dry) {
		BP_TRY(bp_dev_zero(cx, scale, sizeof *scale)); /* the bits of 0 */
		largest<<<bp_processors(cx), 256, 0, bp_stream(cx)>>>((unsigned long long *)scale, a->F, n);
		interleave<<<BP_GRID(tables), 0, bp_stream(cx)>>>(T, a->F, p, a->bins, scale);
		pull_tables<<<p.b * p.n, 128, 0, bp_stream(cx)>>>(a->out, T, p, a->bins, (float)(1 / a->h), scale);
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_force");
}
