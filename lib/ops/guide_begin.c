#include "ops/guide_begin.h"

int
bp_guide_begin_cpu(struct bp_ctx *cx, const struct bp_guide_begin *a)
{
	for (int64_t i = 0; i < a->count && !cx->dry; i++) {
		a->kept[i] = a->from[i];
		a->x[i] = a->from[i];
	}
	return BP_OK;
}
