#include "ops/pair_bias.h"

#include "ops/cpu.h"
#include "ops/plain.h"

int
bp_pair_bias_cpu(struct bp_ctx *cx, const struct bp_pair_bias *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	float *y;

	BP_DEV_NEW(y, a->c, cx);
	for (int l = 0; l < a->layers && !cx->dry; l++)
		for (int64_t r = 0; r < a->rows; r++) {
			bp_norm_row(y, a->x + r * a->c, a->c, &a->w[l].nw, &a->w[l].nb);
			for (int h = 0; h < a->heads; h++)
				a->out[(int64_t)(l * a->heads + h) * bp_pair_bias_stride(a) + r] = (float)bp_row_dot(&a->w[l].W, h, y);
		}
	bp_dev_release(cx, m);
	return BP_OK;
}

/* W [layers*heads,c+1]: the norms' weights multiplied in, and as column c what their biases give */
static void
fold(float *W, const struct bp_pair_bias *a)
{
	int c = a->c;

	for (int o = 0; o < a->layers * a->heads; o++, W += c + 1) {
		const struct bp_pair_bias_weights *w = &a->w[o / a->heads];
		const float *row = w->W.p + (size_t)(o % a->heads) * c;
		W[c] = (float)bp_dot(row, w->nb.p, c);
		for (int k = 0; k < c; k++)
			W[k] = row[k] * w->nw.p[k];
	}
}

int
bp_pair_bias_cpu_opt(struct bp_ctx *cx, const struct bp_pair_bias *a)
{
	enum { T = 3 * BP_PANEL };
	struct bp_mark mark = bp_dev_mark(cx);
	int c = a->c, k = c + 1, outs = a->layers * a->heads;
	size_t size = (size_t)2 * T * k;
	float *W, *scratch;

	BP_DEV_NEW(W, (size_t)outs * k, cx);
	BP_SCRATCH_NEW(scratch, size, cx);
	if (!cx->dry)
		fold(W, a);
	BP_PARALLEL
	for (int64_t r = 0; r < (cx->dry ? 0 : a->rows); r += T) {
		float *y = bp_mine(scratch, size), *packed = y + (size_t)T * k;
		int m = bp_min(a->rows - r, T);
		bp_vec_norm(y, k, a->x + (size_t)r * c, c, m, c, NULL, NULL);
		for (int i = 0; i < m; i++)
			y[(size_t)i * k + c] = 1;
		bp_pack(packed, m, k, y, k, 1);
		bp_gemm(outs, m, k, W, k, 1, packed, a->out + r, (size_t)bp_pair_bias_stride(a), false);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
