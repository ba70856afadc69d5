/* lib/guide/pr.c */
#include "guide/pr.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "ops/vec.h"

/* the place furthest from c; *r2 its squared distance */
BP_CLONES static int
furthest(double *r2, const double *x, int n, const double c[3])
{
	double most = -1;
	int at = 0;

	for (int i = 0; i < n; i++) {
		double dx = x[3 * i] - c[0], dy = x[3 * i + 1] - c[1], dz = x[3 * i + 2] - c[2],
		       d2 = dx * dx + dy * dy + dz * dz;
		if (d2 > most)
			most = d2, at = i;
	}
	*r2 = most;
	return at;
}

/* No two places are further apart than their distances from the centre together: few are far enough to be tried. */
double
bp_dmax(const double *x, int n)
{
	double c[3] = { 0 }, most, reach, r2;

	for (int i = 0; i < n; i++)
		for (int d = 0; d < 3; d++)
			c[d] += (x[3 * i + d] - x[d]) / n;
	for (int d = 0; d < 3; d++)
		c[d] += x[d];
	int first = furthest(&r2, x, n, c);
	reach = sqrt(r2);
	furthest(&most, x, n, x + 3 * first);
	for (int i = 0; i < n; i++) {
		double dx = x[3 * i] - c[0], dy = x[3 * i + 1] - c[1], dz = x[3 * i + 2] - c[2];
		if (sqrt(dx * dx + dy * dy + dz * dz) + reach < sqrt(most) * (1 - 1e-12))
			continue;
		furthest(&r2, x, n, x + 3 * i);
		most = r2 > most ? r2 : most;
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
