/* lib/guide/pr.c */
#include "guide/pr.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "ops/vec.h"

BP_CLONES double
bp_dmax(const double *x, int n)
{
	double most = 0;

	for (int i = 0; i < n; i++) {
		const double a = x[3 * i], b = x[3 * i + 1], c = x[3 * i + 2];
#pragma omp simd reduction(max : most)
		for (int j = i + 1; j < n; j++) {
			double dx = x[3 * j] - a, dy = x[3 * j + 1] - b, dz = x[3 * j + 2] - c,
			       r2 = dx * dx + dy * dy + dz * dz;
			most = r2 > most ? r2 : most;
		}
	}
	return sqrt(most);
}

void
bp_pr(double *p, int bins, double h, const double *x, const double *w, int n)
{
	double sum = 0;

	memset(p, 0, (size_t)bins * sizeof *p);
	for (int i = 0; i < n; i++)
		for (int j = i + 1; j < n; j++) {
			double dx = x[3 * j] - x[3 * i], dy = x[3 * j + 1] - x[3 * i + 1],
			       dz = x[3 * j + 2] - x[3 * i + 2];
			double at = sqrt(dx * dx + dy * dy + dz * dz) / h, g = w ? w[i] * w[j] : 1;
			if (!(at < bins - 1))
				continue;
			p[(int)at] += g * (1 - (at - floor(at)));
			p[(int)at + 1] += g * (at - floor(at));
		}
	for (int k = 0; k < bins; k++)
		sum += p[k] * h;
	for (int k = 0; k < bins && sum > 0; k++)
		p[k] /= sum;
}
