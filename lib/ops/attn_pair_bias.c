#include "ops/attn_pair_bias.h"

#include "ops/attn.h"
#include "ops/cpu.h"
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

int
bp_attn_pack(struct bp_ctx *cx, struct bp_attn_packed *p, const struct bp_attn_weights *w)
{
	BP_TRY(bp_pack_weight(cx, &p->q, &w->q));
	BP_TRY(bp_pack_weight(cx, &p->k, &w->k));
	BP_TRY(bp_pack_weight(cx, &p->v, &w->v));
	BP_TRY(bp_pack_weight(cx, &p->g, &w->g));
	return bp_pack_weight(cx, &p->o, &w->o);
}

void
bp_attn_project(float *qkvg, const float *x, int m, const struct bp_attn_weights *w, const struct bp_attn_packed *p)
{
	const float *W[4] = { p->q, p->k, p->v, p->g };
	int c = w->q.n;

	for (int i = 0; i < 4; i++)
		bp_gemm(m, c, c, x, c, 1, W[i], qkvg + i * c, 4 * c, false);
	for (int i = 0; i < m; i++)
		bp_vec_add(qkvg + (size_t)i * 4 * c, w->q_b.p, c);
}

void
bp_attn_finish(float *out, float *o, const float *qkvg, const float *gate, int m, int c, const struct bp_attn_packed *p,
    float *s)
{
	for (int i = 0; i < m; i++)
		bp_vec_gate(o + (size_t)i * c, o + (size_t)i * c, qkvg + (size_t)i * 4 * c + 3 * c, c);
	if (!gate) {
		bp_gemm(m, c, c, o, c, 1, p->o, out, c, true);
		return;
	}
	bp_gemm(m, c, c, o, c, 1, p->o, s, c, false);
	bp_vec_add_mul(out, s, gate, (size_t)m * c);
}

/* o [n,c] of queries j..j+m of head h of one sample; s: scratch */
static void
attend(float *o, const float *qkvg, const struct bp_attn_pair_bias *t, const float *mask, int h, int j, int m, float *s)
{
	int n = t->n, c = t->c, d = c / t->heads, ld = bp_pad(n);
	float *k = s + (size_t)BP_ROW_TILE * ld, *v = k + bp_packed(n, d);

	bp_pack(k, n, d, qkvg + c + h * d, 4 * c, 1);
	bp_pack(v, d, n, qkvg + 2 * c + h * d, 1, 4 * c);
	bp_gemm(m, ld, d, qkvg + (size_t)j * 4 * c + h * d, 4 * c, 1, k, s, ld, false);
	for (int i = 0; i < m; i++)
		bp_vec_softmax(s + (size_t)i * ld, n, ld, 1 / sqrtf((float)d), t->bias + ((size_t)h * n + j + i) * n, mask);
	bp_gemm(m, d, n, s, ld, 1, v, o + (size_t)j * c + h * d, c, false);
}

int
bp_attn_pair_bias_cpu_opt(struct bp_ctx *cx, const struct bp_attn_pair_bias *t)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int n = t->n, c = t->c, T = bp_tile(n), tiles = (n + T - 1) / T, b = cx->dry ? 0 : t->b;
	int blocks = (n + BP_ROW_TILE - 1) / BP_ROW_TILE;
	size_t nc = (size_t)n * c, size = (size_t)BP_ROW_TILE * (bp_pad(n) + c) + bp_packed(n, c / t->heads)
	    + bp_packed(c / t->heads, n);
	struct bp_attn_packed p;
	float *qkvg, *o, *mask, *scratch;

	BP_TRY(bp_attn_pack(cx, &p, t->w));
	BP_DEV_NEW(qkvg, t->b * nc * 4, cx);
	BP_DEV_NEW(o, t->b * nc, cx);
	BP_DEV_NEW(mask, n, cx);
	BP_DEV_NEW(scratch, size * cx->threads, cx);
	for (int j = 0; j < n && t->mask && !cx->dry; j++)
		mask[j] = (1 - t->mask[j]) * -1e6f;
	BP_PARALLEL
	for (int i = 0; i < b * tiles; i++) {
		size_t r = (size_t)(i / tiles) * n + i % tiles * T;
		bp_attn_project(qkvg + r * 4 * c, t->x + r * c, bp_min(n - i % tiles * T, T), t->w, &p);
	}
	BP_PARALLEL
	for (int i = 0; i < b * t->heads * blocks; i++) {
		int j = i % blocks * BP_ROW_TILE, h = i / blocks % t->heads, e = i / blocks / t->heads;
		attend(o + e * nc, qkvg + e * nc * 4, t, t->mask ? mask : NULL, h, j, bp_min(n - j, BP_ROW_TILE),
		    scratch + size * omp_get_thread_num());
	}
	BP_PARALLEL
	for (int i = 0; i < b * tiles; i++) {
		size_t j = (size_t)(i % tiles) * T, r = (size_t)(i / tiles) * n + j;
		bp_attn_finish(t->out + r * c, o + r * c, qkvg + r * 4 * c, t->gate ? t->gate + j * c : NULL, bp_min(n - j, T), c,
		    &p, scratch + size * omp_get_thread_num());
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
