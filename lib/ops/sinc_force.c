/* lib/ops/sinc_force.c */
#include "ops/sinc_force.h"

#include <math.h>
#include <string.h>

#include "ops/cpu.h"
#include "ops/sinc_table.h"

int
bp_sinc_force_cpu(struct bp_ctx *cx, const struct bp_sinc_force *a)
{
	if (cx->dry)
		return BP_OK;
	memset(a->F, 0, (size_t)a->rows * a->bins * sizeof *a->F);
	for (int m = 1; m < a->bins; m++)
		for (int k = 0; k < a->nq; k++) {
			double slope = bp_sinc_force_share(a->q[k], m, a->h);
			for (int r = 0; r < a->rows; r++)
				a->F[(size_t)r * a->bins + m] += a->G[(size_t)r * a->nq + k] * slope;
		}
	return BP_OK;
}

/* ---- optimized: a job is BINS bins. Its slopes lie q by q, so that F is a product of rows by rows. ---- */

enum { BINS = 64, W = 8 };
typedef double v8d __attribute__((vector_size(64), aligned(8)));

/* slopes of the bins first .. first + BINS - 1 at q [nq], nq a multiple of W */
BP_CLONES static void
slopes(double *out, const double *q, int nq, int first, double h, double *s, double *c, double *ds, double *dc)
{
	for (int k = 0; k < nq; k++) {
		s[k] = sin(q[k] * first * h), c[k] = cos(q[k] * first * h);
		ds[k] = sin(q[k] * h), dc[k] = cos(q[k] * h);
	}
	for (int m = 0; m < BINS; m++, out += nq) {
		double r = (first + m) * h, inv = r > 0 ? 1 / r : 0, bend = h * h / 12;
#pragma omp simd
		for (int k = 0; k < nq; k++) {
			double sine = s[k], x = q[k] * r, x2 = x * x;
			double sinc = x > 0 ? sine / x : 1, exact = (c[k] - sinc) * inv, slope, second;
			slope = x < 0.05 ? -x2 / 3 * (1 - x2 / 10) * inv : exact; /* the difference would cancel */
			second = -q[k] * q[k] * sinc - 2 * inv * slope;
			out[k] = slope - bend * (-q[k] * q[k] * slope - 2 * inv * second + 2 * inv * inv * slope);
			s[k] = sine * dc[k] + c[k] * ds[k];
			c[k] = c[k] * dc[k] - sine * ds[k];
		}
	}
}

static inline double
sum(const v8d *p)
{
	v8d v = *p;

	return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

/* F [rows, n bins] at distance ld = G slope; four rows by two bins at once, single ones at the edges */
BP_CLONES static void
multiply(double *F, size_t ld, const double *G, int rows, const double *slope, int n, int nq)
{
	const int words = nq / W;

	for (int r = 0; r < rows; r += r + 4 <= rows ? 4 : 1)
		for (int m = 0; m < n; m += 2) {
			const int nr = r + 4 <= rows ? 4 : 1;
			const v8d *g = (const v8d *)(G + (size_t)r * nq), *v = (const v8d *)(slope + (size_t)m * nq);
			if (nr == 4) {
				v8d acc[4][2] = { 0 };
				for (int k = 0; k < words; k++)
#pragma GCC unroll 4
					for (int i = 0; i < 4; i++) {
						acc[i][0] += g[i * words + k] * v[k];
						acc[i][1] += g[i * words + k] * v[words + k];
					}
				for (int i = 0; i < 4; i++)
					for (int j = 0; j < 2 && m + j < n; j++)
						F[(size_t)(r + i) * ld + (size_t)(m + j)] = sum(&acc[i][j]);
			} else {
				v8d acc[2] = { 0 };
				for (int k = 0; k < words; k++)
					acc[0] += g[k] * v[k], acc[1] += g[k] * v[words + k];
				for (int j = 0; j < 2 && m + j < n; j++)
					F[(size_t)r * ld + (size_t)(m + j)] = sum(&acc[j]);
			}
		}
}

int
bp_sinc_force_cpu_opt(struct bp_ctx *cx, const struct bp_sinc_force *a)
{
	const int nq = (a->nq + W - 1) / W * W;
	const size_t scratch = (size_t)(BINS + 4) * nq;
	struct bp_mark mark = bp_dev_mark(cx);
	double *G, *q, *mem;

	BP_DEV_NEW(G, (size_t)a->rows * nq, cx);
	BP_DEV_NEW(q, nq, cx);
	BP_DEV_NEW(mem, scratch * (size_t)cx->threads, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	memset(G, 0, (size_t)a->rows * nq * sizeof *G); /* q past the last point is 0 and has weight 0 */
	memset(q, 0, (size_t)nq * sizeof *q);
	memcpy(q, a->q, (size_t)a->nq * sizeof *q);
	for (int r = 0; r < a->rows; r++)
		memcpy(G + (size_t)r * nq, a->G + (size_t)r * a->nq, (size_t)a->nq * sizeof *G);
	BP_PARALLEL
	for (int m = 0; m < a->bins; m += BINS) {
		double *v = mem + scratch * (size_t)omp_get_thread_num(), *s = v + (size_t)BINS * nq;
		slopes(v, q, nq, m, a->h, s, s + nq, s + 2 * nq, s + 3 * nq);
		multiply(a->F + m, (size_t)a->bins, G, a->rows, v, bp_min(a->bins - m, BINS), nq);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
