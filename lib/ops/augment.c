/* lib/ops/augment.c */
#include "ops/augment.h"

static void
centre(double mean[3], const float *x, int atoms)
{
	mean[0] = mean[1] = mean[2] = 0;
	for (int i = 0; i < atoms; i++)
		for (int d = 0; d < 3; d++)
			mean[d] += x[3 * (size_t)i + d];
	for (int d = 0; d < 3; d++)
		mean[d] /= atoms;
}

/* atom i of sample b */
static void
move(const struct bp_augment *a, int b, int i, const double mean[3])
{
	size_t at = 3 * ((size_t)b * a->atoms + i);
	double x[3] = { a->x[at], a->x[at + 1], a->x[at + 2] }, y[3] = { x[0], x[1], x[2] };
	double noise = a->w ? a->scale * (a->w[i] + a->rest * (1.0 - a->w[i])) : a->scale;

	if (a->R) {
		const float *R = a->R + 9 * (size_t)b, *tr = a->tr + 3 * (size_t)b;
		for (int s = 0; s < 3; s++) {
			y[s] = tr[s];
			for (int d = 0; d < 3; d++)
				y[s] += (x[d] - mean[d]) * R[3 * d + s];
		}
	}
	for (int s = 0; s < 3; s++)
		a->out[at + s] = (float)(y[s] + (a->eps ? noise * a->eps[at + s] : 0));
}

int
bp_augment_cpu(struct bp_ctx *cx, const struct bp_augment *a)
{
	if (cx->dry)
		return BP_OK;
	for (int b = 0; b < a->b; b++) {
		double mean[3];
		centre(mean, a->x + 3 * (size_t)b * a->atoms, a->centred ? a->centred : a->atoms);
		for (int i = 0; i < a->atoms; i++)
			move(a, b, i, mean);
	}
	return BP_OK;
}

/* The means first (a sample a thread), then the atoms: every number as in the original. */
int
bp_augment_cpu_opt(struct bp_ctx *cx, const struct bp_augment *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	double *mean;
	BP_DEV_NEW(mean, 3 * a->b, cx);
	if (!cx->dry) {
#pragma omp parallel for num_threads(cx->threads) schedule(static) if ((int64_t)a->b * a->atoms > 10000)
		for (int b = 0; b < a->b; b++)
			centre(mean + 3 * b, a->x + 3 * (size_t)b * a->atoms, a->centred ? a->centred : a->atoms);
#pragma omp parallel for collapse(2) num_threads(cx->threads) schedule(static) if ((int64_t)a->b * a->atoms > 10000)
		for (int b = 0; b < a->b; b++)
			for (int i = 0; i < a->atoms; i++)
				move(a, b, i, mean + 3 * b);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
