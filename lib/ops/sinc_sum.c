/* lib/ops/sinc_sum.c */
#include "ops/sinc_sum.h"

#include <math.h>
#include <string.h>

#include "ops/cpu.h"
#include "ops/sinc_table.h"

int
bp_sinc_sum_cpu(struct bp_ctx *cx, const struct bp_sinc_sum *a)
{
	if (cx->dry)
		return BP_OK;
	memset(a->S, 0, (size_t)a->rows * a->nq * sizeof *a->S);
	for (int m = 0; m < a->bins; m++)
		for (int k = 0; k < a->nq; k++) {
			double sinc = bp_sinc_share(a->q[k], m, a->h);
			for (int r = 0; r < a->rows; r++)
				a->S[(size_t)r * a->nq + k] += a->H[(size_t)r * a->ld + m] * sinc;
		}
	return BP_OK;
}

/* ---- optimized: a job is QB points of q. For BINS bins at a time their sincs are made, then H is multiplied by them,
 * six rows at once. ---- */

enum { QB = 16, HALF = 8, BINS = 64, ROWS = 6 };

/* s of q [QB] at r = first h .. (first + BINS - 1) h */
BP_CLONES static void
sincs(double out[BINS][QB], const double q[QB], int first, double h)
{
	double s[QB], c[QB], ds[QB], dc[QB], inv[QB], qh2[QB];

	for (int k = 0; k < QB; k++) {
		s[k] = sin(q[k] * first * h), c[k] = cos(q[k] * first * h);
		ds[k] = sin(q[k] * h), dc[k] = cos(q[k] * h);
		inv[k] = q[k] > 0 ? 1 / (q[k] * h) : 0, qh2[k] = q[k] * h * q[k] * h;
	}
	for (int m = 0; m < BINS; m++) {
		double per = first + m > 0 ? 1.0 / (first + m) : 0, bend = per * per / 6, at0 = first + m == 0;
#pragma omp simd
		for (int k = 0; k < QB; k++) {
			double sine = s[k], sinc = inv[k] * per > 0 ? sine * inv[k] * per : 1;
			out[m][k] = sinc * (1 + qh2[k] / 12) + bend * (c[k] - sinc)
			    - at0 * qh2[k] / 18; /* q^2 h^2 / 36 at r = 0 */
			s[k] = sine * dc[k] + c[k] * ds[k];
			c[k] = c[k] * dc[k] - sine * ds[k];
		}
	}
}

/* S += H sinc of nr rows (1 or ROWS) and HALF points; H may be read only for n bins. Written as loops of fixed length: each
 * instruction set finds its own vectors for them, and keeps them in registers. */
static inline __attribute__((always_inline)) void
multiply_rows(double (*S)[QB], const double *H, size_t ld, const int nr, int n, const double (*sinc)[QB], int from)
{
	double acc[ROWS][HALF];

	for (int i = 0; i < nr; i++)
		memcpy(acc[i], S[i] + from, sizeof acc[i]);
	for (int m = 0; m < n; m++)
#pragma GCC unroll 6
		for (int i = 0; i < nr; i++) {
			const double x = H[(size_t)i * ld + (size_t)m];
#pragma omp simd
			for (int k = 0; k < HALF; k++)
				acc[i][k] += x * sinc[m][from + k];
		}
	for (int i = 0; i < nr; i++)
		memcpy(S[i] + from, acc[i], sizeof acc[i]);
}

BP_CLONES static void
multiply(double S[][QB], const double *H, size_t ld, int rows, int n, double sinc[BINS][QB])
{
	int r = 0;

	for (; r + ROWS <= rows; r += ROWS)
		for (int from = 0; from < QB; from += HALF)
			multiply_rows(S + r, H + (size_t)r * ld, ld, ROWS, n, (const double(*)[QB])sinc, from);
	for (; r < rows; r++)
		for (int from = 0; from < QB; from += HALF)
			multiply_rows(S + r, H + (size_t)r * ld, ld, 1, n, (const double(*)[QB])sinc, from);
}

int
bp_sinc_sum_cpu_opt(struct bp_ctx *cx, const struct bp_sinc_sum *a)
{
	const size_t sums = (size_t)a->rows * QB + BINS * QB;
	struct bp_mark mark = bp_dev_mark(cx);
	double *scratch;

	BP_DEV_NEW(scratch, sums * (size_t)cx->threads, cx);
	if (cx->dry) {
		bp_dev_release(cx, mark);
		return BP_OK;
	}
	BP_PARALLEL
	for (int k0 = 0; k0 < a->nq; k0 += QB) {
		double(*S)[QB] = (double(*)[QB])(scratch + sums * (size_t)omp_get_thread_num()),
		(*sinc)[QB] = S + a->rows;
		double q[QB] = { 0 };
		int nq = bp_min(a->nq - k0, QB);
		memcpy(q, a->q + k0, (size_t)nq * sizeof *q);
		memset(S, 0, (size_t)a->rows * sizeof *S);
		for (int m = 0; m < a->bins; m += BINS) {
			sincs(sinc, q, m, a->h);
			multiply(S, a->H + m, (size_t)a->ld, a->rows, bp_min(a->bins - m, BINS), sinc);
		}
		for (int r = 0; r < a->rows; r++)
			memcpy(a->S + (size_t)r * a->nq + k0, S[r], (size_t)nq * sizeof *q);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
