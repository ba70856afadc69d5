#include "ops/sinc_table.h"

int
bp_sinc_table_cpu(struct bp_ctx *cx, const struct bp_sinc_table *a)
{
	for (int m = 0; m < a->bins && !cx->dry; m++)
		for (int k = 0; k < a->nq; k++) {
			a->sums[(size_t)m * a->nq + k] = bp_sinc_share(a->q[k], m, a->h);
			a->slopes[(size_t)k * a->bins + m] = bp_sinc_force_share(a->q[k], m, a->h);
		}
	return BP_OK;
}
