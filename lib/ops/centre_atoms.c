#include "ops/centre_atoms.h"

#include <math.h>

double
bp_centre(double *y, const double *x, const int32_t *atom, int n)
{
	const double *first = x + 3 * (size_t)atom[0];
	double mean[3] = { 0 }, most = 0;

	for (int i = 0; i < n; i++)
		for (int d = 0; d < 3; d++) {
			y[3 * i + d] = x[3 * (size_t)atom[i] + d] - first[d];
			mean[d] += y[3 * i + d] / n;
		}
	for (int i = 0; i < n; i++) {
		double r2 = 0;
		for (int d = 0; d < 3; d++) {
			y[3 * i + d] -= mean[d];
			r2 += y[3 * i + d] * y[3 * i + d];
		}
		if (!isfinite(r2))
			return NAN;
		most = fmax(most, r2);
	}
	return sqrt(most);
}

int
bp_centre_atoms_cpu(struct bp_ctx *cx, const struct bp_centre_atoms *a)
{
	for (size_t i = 0; i < (size_t)a->b && !cx->dry; i++)
		a->radius[i * (size_t)a->ld] = bp_centre(a->y + 3 * i * (size_t)a->n, a->x + 3 * i * (size_t)a->natoms, a->atom, a->n);
	return BP_OK;
}
