#include "follow.cuh"
#include "sums.cuh"

extern "C" {
#include "ops/saxs_fit.h"
}

/* a block a sample; its threads stride over q, and all of them know every sum and decide alike */
enum { THREADS = 512 };

struct problem {
	struct bp_saxs_fit f;
	const double *P;
	double *calc, *g;
	double own[3]; /* parts at the thread's first point */
	double c2, scale, offset, chi2;
	bool inverted;
};

/* I = part[0] + c2 part[1] + c2^2 part[2] at point k */
static __device__ inline void
make_parts(double part[3], const struct problem *p, int k, double c1)
{
	const int n = p->f.nq;
	const double *v = p->P + k, g = bp_fit_g(p->f.o.level, p->f.q[k], c1, p->f.swell);
	const bool layer = p->f.o.level == BP_SAXS_HYDRATION;

	part[0] = v[BP_P_VV * n] - g * (v[BP_P_VS * n] - g * v[BP_P_SS * n]);
	part[1] = layer ? v[BP_P_VW * n] - g * v[BP_P_SW * n] : 0;
	part[2] = layer ? v[BP_P_WW * n] : 0;
}

static __device__ inline void
parts(double part[3], const struct problem *p, int k, double c1)
{
	if (k >= THREADS)
		make_parts(part, p, k, c1);
	else
		for (int i = 0; i < 3; i++)
			part[i] = p->own[i];
}

/* The maximum of the gain over c2's box, by a warp: the best of a grid, then the cell beside it cut into 33 again and again, by the sign of the
 * gain's derivative. saxs_fit.c halves it. */
static __device__ double
best_c2(const double m[BP_MOMENTS], double lo, double hi)
{
	const int lane = threadIdx.x % 32;
	double rise, best, a, b, x;
	int at = lane;

	best = lane <= BP_FIT_GRID ? bp_fit_gain(&rise, m, lo + (hi - lo) * lane / BP_FIT_GRID) : -1;
	for (int d = 16; d; d /= 2) {
		const double other = __shfl_xor_sync(~0u, best, d);
		const int where = __shfl_xor_sync(~0u, at, d);
		if (other > best || (other == best && where < at))
			best = other, at = where;
	}
	at = __shfl_sync(~0u, at, 0), best = __shfl_sync(~0u, best, 0); /* with NaN lanes may differ */
	if (!bp_fit_cell(&x, &a, &b, m, at, lo, hi))
		return x;
	for (int i = 0; i < 11; i++) {
		const double step = (b - a) / 33;
		bp_fit_gain(&rise, m, a + step * (lane + 1));
		const unsigned falls = ~__ballot_sync(~0u, rise > 0);
		const int first = falls ? __ffs(falls) - 1 : 32;
		b = first < 32 ? a + step * (first + 1) : b;
		a = first > 0 ? a + step * first : a;
	}
	a = 0.5 * (a + b);
	return best > 0 && bp_fit_gain(&rise, m, a) >= best * (1 - 1e-12) ? a : x;
}

/* moments of the parts and y at c1 about their means, where there is an offset; mean: of the parts, and of y */
static __device__ void
find_moments(double m[BP_MOMENTS], double mean[4], const struct problem *p, double c1)
{
	double sums[8] = { 0, 0, 0, 0, 0, 0, 0, 0 }, part[3], last = 0;

	for (int k = threadIdx.x; k < p->f.nq && p->f.o.offset; k += THREADS) {
		const double w = p->f.w[k];
		parts(part, p, k, c1);
		for (int i = 0; i < 3; i++)
			sums[i] += w * part[i];
		sums[3] += w * p->f.y[k], sums[4] += w;
	}
	if (p->f.o.offset)
		bp_block_eight(sums);
	for (int i = 0; i < 4; i++)
		mean[i] = p->f.o.offset ? sums[i] / sums[4] : 0;
	for (int i = 0; i < 8; i++)
		sums[i] = 0;
	for (int k = threadIdx.x; k < p->f.nq; k += THREADS) {
		parts(part, p, k, c1);
		const double a = part[0] - mean[0], b = part[1] - mean[1], c = part[2] - mean[2], y = p->f.y[k] - mean[3], w = p->f.w[k];
		sums[BP_M_AA] += w * a * a, sums[BP_M_AB] += w * a * b, sums[BP_M_AC] += w * a * c, sums[BP_M_BB] += w * b * b;
		sums[BP_M_BC] += w * b * c, sums[BP_M_CC] += w * c * c;
		sums[BP_M_AY] += w * a * y, sums[BP_M_BY] += w * b * y, last += w * c * y;
	}
	bp_block_eight(sums);
	for (int i = 0; i < 8; i++)
		m[i] = sums[i];
	m[BP_M_CY] = bp_block_sum_of(last);
}

/* chi2 at c1, with c2 at its best */
static __device__ double
at_c1(void *self, double c1)
{
	struct problem *p = (struct problem *)self;
	const struct bp_saxs_fit *f = &p->f;
	double m[BP_MOMENTS], mean[4], chi2 = 0, c2, ii;

	if (threadIdx.x < f->nq)
		make_parts(p->own, p, threadIdx.x, c1);
	find_moments(m, mean, p, c1);
	p->c2 = c2 = f->o.level != BP_SAXS_HYDRATION ? 0 : f->o.fit_c2 ? best_c2(m, f->o.c2_min, f->o.c2_max) : f->o.c2;
	const double iy = bp_fit_products(&ii, m, c2);
	p->inverted = iy < 0;
	p->scale = iy > 0 && ii > 0 ? iy / ii : 0;
	p->offset = f->o.offset ? mean[3] - p->scale * (mean[0] + c2 * (mean[1] + c2 * mean[2])) : 0;
	for (int k = threadIdx.x; k < f->nq; k += THREADS) {
		double part[3];
		parts(part, p, k, c1);
		const double I = part[0] + c2 * (part[1] + c2 * part[2]), left = f->y[k] - p->scale * I - p->offset;
		p->calc[k] = I;
		chi2 += f->w[k] * left * left;
	}
	return p->chi2 = bp_block_sum_of(chi2);
}

static __global__ void
__launch_bounds__(THREADS)
fit(struct bp_saxs_fit f, double norm, int freedom)
{
	bp_after();
	const int64_t at = (int64_t)blockIdx.x * f.nq;
	struct problem p;
	double c1 = f.o.level == BP_SAXS_VACUUM ? 1 : f.o.c1;

	p.f = f;
	p.P = f.P + BP_PROFILES * at;
	p.calc = f.calc + at, p.g = f.g + at;
	if (f.o.fit_c1 && f.o.level != BP_SAXS_VACUUM)
		c1 = bp_fit_minimum(at_c1, &p, bp_c1_min, bp_c1_max);
	at_c1(&p, c1);
	for (int k = threadIdx.x; k < f.nq; k += THREADS) {
		p.g[k] = bp_fit_g(f.o.level, f.q[k], c1, f.swell);
		f.E[at + k] = -2 * p.scale * f.w[k] * (f.y[k] - p.scale * p.calc[k] - p.offset) / norm;
	}
	if (threadIdx.x)
		return;
	double *v = f.values + (int64_t)blockIdx.x * f.ld;
	v[BP_FIT_CHI2] = p.chi2, v[BP_FIT_REDUCED] = p.chi2 / freedom, v[BP_FIT_SCALE] = p.scale, v[BP_FIT_OFFSET] = p.offset;
	v[BP_FIT_C1] = c1, v[BP_FIT_C2] = p.c2, v[BP_FIT_INVERTED] = p.inverted;
	f.energy[blockIdx.x] = f.energy_chi2 ? p.chi2 : p.chi2 / freedom;
	f.c2[blockIdx.x] = p.c2;
}

int
bp_saxs_fit_cuda(struct bp_ctx *cx, const struct bp_saxs_fit *a)
{
	const int freedom = bp_fit_freedom(&a->o, a->nq);

	if (cx->dry || a->b == 0)
		return BP_OK;
	bp_follow(fit, a->b, THREADS, 0, cx, *a, a->energy_chi2 ? 1 : freedom, freedom);
	return bp_launched(cx, "saxs_fit");
}
