/* lib/ops/wave.c */
#include "ops/wave.h"

static const double pi = 3.14159265358979323846;

/* half of the nodes in z: their number is even, so none is at 0 */
static int
rings(int degree)
{
	return (degree + 4) / 4;
}

int
bp_directions_count(int degree)
{
	return rings(degree) * (degree + 1);
}

/* the i-th positive root of the Legendre polynomial of degree n, and its weight on [-1, 1]: Newton from Chebyshev's
 * points */
static void
legendre_root(int n, int i, double *z, double *w)
{
	double x = cos(pi * (i + 0.75) / (n + 0.5)), p = 1, last, slope = 1;

	for (int step = 0; step < 100; step++) {
		p = x, last = 1;
		for (int k = 2; k <= n; k++) {
			double next = ((2 * k - 1) * x * p - (k - 1) * last) / k;
			last = p, p = next;
		}
		slope = n * (last - x * p) / (1 - x * x);
		x -= p / slope;
		if (fabs(p / slope) < 1e-15)
			break;
	}
	*z = x;
	*w = 2 / ((1 - x * x) * slope * slope);
}

void
bp_directions(struct bp_direction *u, int degree)
{
	const int half = rings(degree), steps = degree + 1;

	for (int i = 0; i < half; i++) {
		double z, w, r;
		legendre_root(2 * half, i, &z, &w);
		r = sqrt(1 - z * z);
		for (int m = 0; m < steps; m++, u++) {
			double phi = 2 * pi * (m + 0.5 * (i & 1)) / steps;
			*u = (struct bp_direction) { { r * cos(phi), r * sin(phi), z }, w / steps };
		}
	}
}
