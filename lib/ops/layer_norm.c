#include "ops/layer_norm.h"

#include "ops/plain.h"

int
bp_layer_norm_cpu(struct bp_ctx *cx, const struct bp_layer_norm *a)
{
	for (int64_t r = 0; r < a->rows && !cx->dry; r++)
		bp_norm_row(a->out + r * a->c, a->x + r * a->c, a->c, a->w, a->b);
	return BP_OK;
}
