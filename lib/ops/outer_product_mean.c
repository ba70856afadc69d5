#include "ops/outer_product_mean.h"

#include "ops/plain.h"

int
bp_outer_product_mean_cpu(struct bp_ctx *cx, const struct bp_outer_product_mean *t)
{
	struct bp_mark m = bp_dev_mark(cx);
	int n = t->n, c = t->c, hid = t->hidden;
	float *y, *a, *b, *prod; /* [c], [s,n,hidden] twice, [hidden,hidden] */

	BP_DEV_NEW(y, c, cx);
	BP_DEV_NEW(a, (size_t)t->s * n * hid, cx);
	BP_DEV_NEW(b, (size_t)t->s * n * hid, cx);
	BP_DEV_NEW(prod, hid * hid, cx);
	for (size_t r = 0; r < (size_t)t->s * n && !cx->dry; r++) {
		float mask = t->mask ? t->mask[r] : 1;
		bp_norm_row(y, t->m + r * c, c, t->nw, t->nb);
		for (int h = 0; h < hid; h++) {
			a[r * hid + h] = (float)bp_row_dot(t->a, h, y) * mask;
			b[r * hid + h] = (float)bp_row_dot(t->b, h, y) * mask;
		}
	}
	for (int i = 0; i < n && !cx->dry; i++)
		for (int j = 0; j < n; j++) {
			double count = 0;
			for (size_t s = 0; s < (size_t)t->s; s++)
				count += t->mask ? t->mask[s * n + i] * t->mask[s * n + j] : 1;
			for (int h = 0; h < hid; h++)
				for (int e = 0; e < hid; e++) {
					double sum = 0;
					for (size_t s = 0; s < (size_t)t->s; s++)
						sum += (double)a[(s * n + i) * hid + h] * b[(s * n + j) * hid + e];
					prod[h * hid + e] = (float)(sum / fmax(count, 1));
				}
			for (int o = 0; o < t->cz; o++)
				t->z[((size_t)i * n + j) * t->cz + o] += (float)(bp_row_dot(t->o, o, prod) + t->o_b->p[o]);
		}
	bp_dev_release(cx, m);
	return BP_OK;
}
