#include "ops/guide_end.h"

#include <math.h>

int
bp_guide_end_cpu(struct bp_ctx *cx, const struct bp_guide_end *a)
{
	const size_t size = 3 * (size_t)a->n;

	for (size_t i = 0; i < (size_t)a->b && !cx->dry; i++) {
		const float *kept = a->kept + i * size;
		const double *x = a->x + i * size;
		float *to = a->to + i * size;
		double longest = 0, scale = 1;
		for (size_t k = 0; k < size; k += 3) {
			double d[3] = { x[k] - kept[k], x[k + 1] - kept[k + 1], x[k + 2] - kept[k + 2] };
			longest = fmax(longest, d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
		}
		longest = sqrt(longest);
		if (a->most > 0 && longest > a->most)
			scale = a->most / longest;
		for (size_t k = 0; k < size; k++) {
			double d = scale * (x[k] - kept[k]);
			to[k] = d != 0 ? (float)(kept[k] + d) : kept[k];
		}
		a->values[BP_END_VALUES * i + BP_END_LONGEST] = scale * longest;
		a->values[BP_END_VALUES * i + BP_END_SCALED] = scale;
	}
	return BP_OK;
}
