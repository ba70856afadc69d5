#include "ops/tri_mul.h"

#include "ops/plain.h"

int
bp_tri_mul_cpu(struct bp_ctx *cx, const struct bp_tri_mul *t)
{
	const struct bp_tri_mul_weights *w = t->w;
	struct bp_mark m = bp_dev_mark(cx);
	int n = t->n, c = t->c;
	float *y, *ab, *sum; /* [n,n,c], [n,n,2c] a before b, [c] */

	BP_DEV_NEW(y, (size_t)n * n * c, cx);
	BP_DEV_NEW(ab, (size_t)n * n * 2 * c, cx);
	BP_DEV_NEW(sum, c, cx);
	for (int i = 0; i < n && !cx->dry; i++)
		for (int j = 0; j < n; j++) {
			size_t r = (size_t)i * n + j;
			float mask = bp_pair_mask(t->pair_mask, t->mask, n, i, j);
			bp_norm_row(y + r * c, t->x + r * c, c, &w->norm_in, &w->norm_in_b);
			for (int o = 0; o < 2 * c; o++)
				ab[r * 2 * c + o] = (float)(bp_row_dot(&w->p_in, o, y + r * c)
				    * bp_sigmoid(bp_row_dot(&w->g_in, o, y + r * c)) * mask);
		}
	for (int i = 0; i < n && !cx->dry; i++)
		for (int j = 0; j < n; j++) {
			float *out = t->out + ((size_t)i * n + j) * c, *yr = y + ((size_t)i * n + j) * c;
			for (int d = 0; d < c; d++) {
				double s = 0;
				for (int k = 0; k < n; k++) {
					size_t ra = t->incoming ? (size_t)k * n + i : (size_t)i * n + k;
					size_t rb = t->incoming ? (size_t)k * n + j : (size_t)j * n + k;
					s += (double)ab[ra * 2 * c + d] * ab[rb * 2 * c + c + d];
				}
				sum[d] = (float)s;
			}
			bp_norm_row(sum, sum, c, &w->norm_out, &w->norm_out_b);
			for (int o = 0; o < c; o++)
				out[o] = (float)(bp_row_dot(&w->p_out, o, sum) * bp_sigmoid(bp_row_dot(&w->g_out, o, yr)))
				    + (t->add ? out[o] : 0);
		}
	bp_dev_release(cx, m);
	return BP_OK;
}
