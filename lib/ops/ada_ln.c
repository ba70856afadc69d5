#include "ops/ada_ln.h"

#include "ops/plain.h"

int
bp_ada_ln_cpu(struct bp_ctx *cx, const struct bp_ada_ln *a)
{
	size_t plane = (size_t)a->rows * a->c;

	for (int b = 0; b < a->b && !cx->dry; b++)
		for (size_t r = 0; r < plane; r += (size_t)a->c) {
			float *out = a->out + (size_t)b * plane + r;
			bp_norm_row(out, a->a + (size_t)b * plane + r, a->c, NULL, NULL);
			for (int c = 0; c < a->c; c++)
				out[c] = a->scale[r + c] * out[c] + a->shift[r + c];
		}
	return BP_OK;
}
