#include "ops/attn_pair_bias.h"

#include "ops/plain.h"

int
bp_attn_pair_bias_cpu(struct bp_ctx *cx, const struct bp_attn_pair_bias *t)
{
	const struct bp_attn_weights *w = t->w;
	struct bp_mark m = bp_dev_mark(cx);
	int n = t->n, c = t->c, d = c / t->heads;
	float *q, *k, *v, *p, *o; /* [n,c] three times, [n], [c] */

	BP_DEV_NEW(q, (size_t)n * c, cx);
	BP_DEV_NEW(k, (size_t)n * c, cx);
	BP_DEV_NEW(v, (size_t)n * c, cx);
	BP_DEV_NEW(p, n, cx);
	BP_DEV_NEW(o, c, cx);
	for (int b = 0; b < t->b && !cx->dry; b++) {
		const float *x = t->x + (size_t)b * n * c;
		for (int i = 0; i < n; i++)
			for (int e = 0; e < c; e++) {
				q[i * c + e] = (float)(bp_row_dot(&w->q, e, x + (size_t)i * c) + w->q_b.p[e]);
				k[i * c + e] = (float)bp_row_dot(&w->k, e, x + (size_t)i * c);
				v[i * c + e] = (float)bp_row_dot(&w->v, e, x + (size_t)i * c);
			}
		for (int i = 0; i < n; i++) {
			float *out = t->out + ((size_t)b * n + i) * c;
			for (int h = 0; h < t->heads; h++) {
				for (int j = 0; j < n; j++) {
					p[j] = (float)(bp_dot(q + i * c + h * d, k + j * c + h * d, d) / sqrt(d))
					    + t->bias[((size_t)h * n + i) * n + j];
					p[j] += t->mask ? (1 - t->mask[j]) * -1e6f : 0;
				}
				bp_softmax_row(p, n);
				for (int e = h * d; e < (h + 1) * d; e++) {
					double s = 0;
					for (int j = 0; j < n; j++)
						s += (double)p[j] * v[j * c + e];
					o[e] = (float)(s * bp_sigmoid(bp_row_dot(&w->g, e, x + (size_t)i * c)));
				}
			}
			for (int e = 0; e < c; e++)
				out[e] += (float)bp_row_dot(&w->o, e, o) * (t->gate ? t->gate[i * c + e] : 1);
		}
	}
	bp_dev_release(cx, m);
	return BP_OK;
}
