/* lib/ops/template_geometry.h: columns of the template embedding and what two template tokens see of each other; shared by the
 * rows of template_embed on every device. */
#ifndef BP_TEMPLATE_GEOMETRY_H
#define BP_TEMPLATE_GEOMETRY_H

#include <math.h>

#include "ops/host_device.h"
#include "ops/template_embed.h"

/* where the parts of the input lie among W's columns */
enum {
	BP_TMPL_BINS = 38,
	BP_TMPL_TYPES = 33,
	BP_TMPL_CB = BP_TMPL_BINS,
	BP_TMPL_UNIT = BP_TMPL_CB + 1,
	BP_TMPL_FRAME = BP_TMPL_UNIT + 3,
	BP_TMPL_TYPE_I = BP_TMPL_FRAME + 1,
	BP_TMPL_TYPE_J = BP_TMPL_TYPE_I + BP_TMPL_TYPES
};

/* torch.linspace(3.25, 50.75, 37), float32: from either end, as torch counts */
static inline BP_HOST_DEVICE void
bp_template_boundaries(float b[BP_TMPL_BINS - 1])
{
	const float lo = 3.25f, hi = 50.75f, step = (hi - lo) / (BP_TMPL_BINS - 2);
	for (int k = 0; k < BP_TMPL_BINS - 1; k++)
		b[k] = k < (BP_TMPL_BINS - 1) / 2 ? lo + step * k : hi - step * (BP_TMPL_BINS - 2 - k);
}

/* What the two tokens see of each other: distance bin of the CBs, and the sign of R_j^T (CA_i - t_j). All in float32,
 * so that every variant draws the same line. DIFFERS: torch.cdist's matrix form is not imitated, a distance at a
 * boundary may fall on its other side. */
static inline BP_HOST_DEVICE int
bp_template_geometry(float sign[3], const struct bp_template_embed *a, const float *bound, int i, int j)
{
	const float *x = a->cb + 3 * (size_t)i, *y = a->cb + 3 * (size_t)j;
	const float *ca = a->ca + 3 * (size_t)i, *t = a->t + 3 * (size_t)j, *R = a->rot + 9 * (size_t)j;
	float d0 = x[0] - y[0], d1 = x[1] - y[1], d2 = x[2] - y[2], dist = sqrtf(d0 * d0 + d1 * d1 + d2 * d2);
	int bin = 0;

#pragma omp simd reduction(+ : bin)
	for (int k = 0; k < BP_TMPL_BINS - 1; k++)
		bin += dist > bound[k];
	d0 = ca[0] - t[0], d1 = ca[1] - t[1], d2 = ca[2] - t[2];
	for (int s = 0; s < 3; s++) {
		float v = R[s] * d0 + R[3 + s] * d1 + R[6 + s] * d2;
		sign[s] = (float)((v > 0) - (v < 0));
	}
	return bin;
}

#endif
