#include "ops/layer_norm.h"

#include "ops/cpu.h"
#include "ops/plain.h"

int
bp_layer_norm_cpu(struct bp_ctx *cx, const struct bp_layer_norm *a)
{
	for (int64_t r = 0; r < a->rows && !cx->dry; r++)
		bp_norm_row(a->out + r * a->c, a->x + r * a->c, a->c, a->w, a->b);
	return BP_OK;
}

int
bp_layer_norm_cpu_opt(struct bp_ctx *cx, const struct bp_layer_norm *a)
{
	size_t c = (size_t)a->c;

	if (cx->dry)
		return BP_OK;
	BP_PARALLEL
	for (int64_t r = 0; r < a->rows; r += BP_ROW_TILE)
		bp_vec_norm(a->out + (size_t)r * c, c, a->x + (size_t)r * c, c, bp_min(a->rows - r, BP_ROW_TILE), a->c,
		    bp_p(a->w), bp_p(a->b));
	return BP_OK;
}
