/* lib/ops/pair_prod_linear.c */
#include "ops/pair_prod_linear.h"

#include "ops/cpu.h"

int
bp_pair_prod_linear_cpu(struct bp_ctx *cx, const struct bp_pair_prod_linear *a)
{
	if (cx->dry)
		return BP_OK;
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < a->n; j++) {
			const float *ai = a->a + (size_t)i * a->c, *bj = a->b + (size_t)j * a->c;
			float *out = a->out + ((size_t)i * a->n + j) * a->c;
			for (int o = 0; o < a->c; o++) {
				const float *w = a->W->p + (size_t)o * a->c;
				double sum = out[o];
				for (int k = 0; k < a->c; k++)
					sum += (double)w[k] * ai[k] * bj[k];
				out[o] = (float)sum;
			}
		}
	return BP_OK;
}

/* Rows of products, a tile at a time, through the packed W. */
int
bp_pair_prod_linear_cpu_opt(struct bp_ctx *cx, const struct bp_pair_prod_linear *a)
{
	const int c = a->c, T = bp_tile(a->n);
	struct bp_mark mark = bp_dev_mark(cx);
	float *W, *scratch;

	BP_TRY(bp_pack_weight(cx, &W, a->W));
	BP_DEV_NEW(scratch, (size_t)T * c * cx->threads, cx);
	BP_PARALLEL
	for (int i = 0; i < (cx->dry ? 0 : a->n); i++) {
		float *x = scratch + (size_t)T * c * omp_get_thread_num();
		const float *ai = a->a + (size_t)i * c;
		for (int j = 0; j < a->n; j += T) {
			int m = bp_min(a->n - j, T);
			for (int r = 0; r < m; r++)
				for (int k = 0; k < c; k++)
					x[(size_t)r * c + k] = ai[k] * a->b[(size_t)(j + r) * c + k];
			bp_gemm(m, c, c, x, c, 1, W, a->out + ((size_t)i * a->n + j) * c, c, true);
		}
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
