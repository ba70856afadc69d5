#include "ops/pair_head.h"

#include <string.h>

#include "ops/cpu.h"
#include "ops/plain.h"

int
bp_pair_head_cpu(struct bp_ctx *cx, const struct bp_pair_head *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int n = a->n, c = a->c, bins = a->W->n;
	float *x;

	BP_DEV_NEW(x, c, cx);
	for (size_t i = 0; i < (size_t)n && !cx->dry; i++)
		for (size_t j = 0; j < (size_t)n; j++) {
			const struct bp_weight *W = a->W_other && a->asym_id[i] != a->asym_id[j] ? a->W_other : a->W;
			for (int e = 0; e < c; e++)
				x[e] = a->z[(i * n + j) * c + e] + (a->symmetric ? a->z[(j * n + i) * c + e] : 0);
			for (int k = 0; k < bins; k++)
				a->out[(i * n + j) * bins + k] = (float)(bp_row_dot(W, k, x) + (a->b ? a->b->p[k] : 0));
		}
	bp_dev_release(cx, m);
	return BP_OK;
}

/* row i of the output; x: scratch [n,c] */
static void
head_row(const struct bp_pair_head *a, const float *W, const float *other, int i, float *x)
{
	int n = a->n, c = a->c, bins = a->W->n;
	const float *z = a->z + (size_t)i * n * c;
	float *out = a->out + (size_t)i * n * bins;

	for (int j = 0; j < n && a->symmetric; j++) {
		memcpy(x + (size_t)j * c, z + (size_t)j * c, (size_t)c * sizeof *x);
		bp_vec_add(x + (size_t)j * c, a->z + ((size_t)j * n + i) * c, c);
	}
	for (int j = 0, end; j < n; j = end) { /* runs of j in the same, or in another chain */
		bool apart = other && a->asym_id[i] != a->asym_id[j];
		for (end = j + 1; end < n && other && (a->asym_id[i] != a->asym_id[end]) == apart; end++)
			;
		end = other ? end : n;
		bp_gemm(end - j, bins, c, (a->symmetric ? x : z) + (size_t)j * c, c, 1, apart ? other : W,
		    out + (size_t)j * bins, bins, false);
	}
	for (int j = 0; j < n && a->b; j++)
		bp_vec_add(out + (size_t)j * bins, a->b->p, bins);
}

int
bp_pair_head_cpu_opt(struct bp_ctx *cx, const struct bp_pair_head *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	size_t size = (size_t)a->n * a->c;
	float *W, *other = NULL, *scratch;

	BP_TRY(bp_pack_weight(cx, &W, a->W));
	if (a->W_other)
		BP_TRY(bp_pack_weight(cx, &other, a->W_other));
	BP_SCRATCH_NEW(scratch, size, cx);
	BP_PARALLEL
	for (int i = 0; i < (cx->dry ? 0 : a->n); i++)
		head_row(a, W, other, i, bp_mine(scratch, size));
	bp_dev_release(cx, mark);
	return BP_OK;
}
