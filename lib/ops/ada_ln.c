#include "ops/ada_ln.h"

#include "ops/cpu.h"
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

int
bp_ada_ln_cpu_opt(struct bp_ctx *cx, const struct bp_ada_ln *a)
{
	size_t c = (size_t)a->c;
	int T = bp_tile(a->rows), tiles = (a->rows + T - 1) / T;

	if (cx->dry)
		return BP_OK;
	BP_PARALLEL
	for (int64_t t = 0; t < (int64_t)a->b * tiles; t++) {
		int r = (int)(t % tiles) * T, m = bp_min(a->rows - r, T);
		size_t at = ((size_t)(t / tiles) * a->rows + r) * c, shared = (size_t)r * c;
		bp_vec_norm(a->out + at, c, a->a + at, c, m, a->c, NULL, NULL);
		bp_vec_mul(a->out + at, a->scale + shared, m * c);
		bp_vec_add(a->out + at, a->shift + shared, m * c);
	}
	return BP_OK;
}
