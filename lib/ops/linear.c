#include "ops/linear.h"

#include <string.h>

#include "ops/cpu.h"
#include "ops/plain.h"

static double
act(enum bp_act kind, double x)
{
	switch (kind) {
	case BP_ACT_RELU:
		return x < 0 ? 0 : x; /* keeps NaN */
	case BP_ACT_SIGMOID:
		return bp_sigmoid(x);
	case BP_ACT_NONE:
		break;
	}
	return x;
}

int
bp_linear_cpu(struct bp_ctx *cx, const struct bp_linear *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int k = a->k + a->k2, n = a->W->n;
	float *x;

	bp_assert(a->W->k == k);
	BP_DEV_NEW(x, k, cx);
	for (int64_t r = 0; r < a->rows && !cx->dry; r++) {
		float *out = a->out + r * n;
		memcpy(x, a->x + r * a->k, (size_t)a->k * sizeof *x);
		if (a->k2)
			memcpy(x + a->k, a->x2 + r * a->k2, (size_t)a->k2 * sizeof *x);
		if (a->norm)
			bp_norm_row(x, x, k, a->nw, a->nb);
		for (int i = 0; i < k && a->in_relu; i++)
			x[i] = x[i] < 0 ? 0 : x[i];
		for (int o = 0; o < n; o++) {
			float y = (float)act(a->act, bp_row_dot(a->W, o, x) + (a->b ? a->b->p[o] : 0));
			out[o] = a->add ? out[o] + y : y;
		}
	}
	bp_dev_release(cx, m);
	return BP_OK;
}

/* f(x) of m rows from r: concatenated, normalised, relu */
static void
prepare(float *y, const struct bp_linear *a, int64_t r, int m)
{
	size_t k = (size_t)a->k, k2 = (size_t)a->k2;

	for (int i = 0; i < m; i++) {
		memcpy(y + (size_t)i * (k + k2), a->x + (size_t)(r + i) * k, k * sizeof *y);
		if (k2)
			memcpy(y + (size_t)i * (k + k2) + k, a->x2 + (size_t)(r + i) * k2, k2 * sizeof *y);
	}
	if (a->norm)
		bp_vec_norm(y, k + k2, y, k + k2, m, (int)(k + k2), bp_p(a->nw), bp_p(a->nb));
	if (a->in_relu)
		bp_vec_relu(y, (size_t)m * (k + k2));
}

static void
finish(enum bp_act act, float *x, size_t n)
{
	if (act == BP_ACT_RELU)
		bp_vec_relu(x, n);
	else if (act == BP_ACT_SIGMOID)
		bp_vec_sigmoid(x, n);
}

int
bp_linear_cpu_opt(struct bp_ctx *cx, const struct bp_linear *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int k = a->k + a->k2, n = a->W->n, T = bp_tile(a->rows);
	bool plain = !a->k2 && !a->norm && !a->in_relu, apart = a->add && a->act != BP_ACT_NONE;
	size_t size = (size_t)T * k + (size_t)T * n;
	float *W, *scratch;

	bp_assert(a->W->k == k);
	BP_TRY(bp_pack_weight(cx, &W, a->W));
	BP_SCRATCH_NEW(scratch, size, cx);
	BP_PARALLEL
	for (int64_t r = 0; r < (cx->dry ? 0 : a->rows); r += T) {
		float *y = bp_mine(scratch, size), *out = a->out + (size_t)r * n;
		float *C = apart ? y + (size_t)T * k : out;
		int m = bp_min(a->rows - r, T);
		bool add = a->add && !apart;
		if (!plain)
			prepare(y, a, r, m);
		bp_gemm(m, n, k, plain ? a->x + (size_t)r * k : y, k, 1, W, C, n, add);
		for (int i = 0; i < m && a->b; i++)
			bp_vec_add(C + (size_t)i * n, a->b->p, n);
		finish(a->act, C, (size_t)m * n);
		if (apart)
			bp_vec_add(out, C, (size_t)m * n);
	}
	bp_dev_release(cx, mark);
	return BP_OK;
}
