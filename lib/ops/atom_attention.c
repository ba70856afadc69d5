#include "ops/atom_attention.h"

#include "ops/plain.h"

int
bp_atom_attention_cpu(struct bp_ctx *cx, const struct bp_atom_attention *t)
{
	enum { Q = BP_WINDOW_Q, K = BP_WINDOW_K };
	const struct bp_attn_weights *w = t->w;
	struct bp_mark m = bp_dev_mark(cx);
	int c = t->c, d = c / t->heads, windows = t->atoms / Q;
	float *k, *v, *q, *o, p[K]; /* [atoms,c] twice, [c] twice */

	BP_DEV_NEW(k, (size_t)t->atoms * c, cx);
	BP_DEV_NEW(v, (size_t)t->atoms * c, cx);
	BP_DEV_NEW(q, c, cx);
	BP_DEV_NEW(o, c, cx);
	for (int b = 0; b < t->b && !cx->dry; b++) {
		const float *x = t->x + (size_t)b * t->atoms * c;
		for (int i = 0; i < t->atoms; i++)
			for (int e = 0; e < c; e++) {
				k[(size_t)i * c + e] = (float)bp_row_dot(&w->k, e, x + (size_t)i * c);
				v[(size_t)i * c + e] = (float)bp_row_dot(&w->v, e, x + (size_t)i * c);
			}
		for (int i = 0; i < t->atoms; i++) {
			int first = i / Q * Q - (K - Q) / 2; /* the atom of key 0 */
			float *out = t->out + ((size_t)b * t->atoms + i) * c;
			for (int e = 0; e < c; e++)
				q[e] = (float)(bp_row_dot(&w->q, e, x + (size_t)i * c) + w->q_b.p[e]);
			for (int h = 0; h < t->heads; h++) {
				const float *bias = t->bias + (((size_t)h * windows + i / Q) * Q + i % Q) * K;
				for (int j = 0; j < K; j++) {
					int atom = first + j;
					bool in = atom >= 0 && atom < t->atoms;
					p[j] = in ? (float)(bp_dot(q + h * d, k + (size_t)atom * c + h * d, d) / sqrt(d)) : 0;
					p[j] += bias[j];
					p[j] += (1 - (in ? t->mask[atom] : 0)) * -1e6f;
				}
				bp_softmax_row(p, K);
				for (int e = h * d; e < (h + 1) * d; e++) {
					double s = 0;
					for (int j = 0; j < K; j++)
						if (first + j >= 0 && first + j < t->atoms)
							s += (double)p[j] * v[(size_t)(first + j) * c + e];
					o[e] = (float)(s * bp_sigmoid(bp_row_dot(&w->g, e, x + (size_t)i * c)));
				}
			}
			for (int e = 0; e < c; e++)
				out[e] += (float)bp_row_dot(&w->o, e, o) * (t->gate ? t->gate[(size_t)i * c + e] : 1);
		}
	}
	bp_dev_release(cx, m);
	return BP_OK;
}
