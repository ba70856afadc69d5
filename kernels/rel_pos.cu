#include "cuda.cuh"

extern "C" {
#include "ops/rel_pos.h"
}

extern "C" {
#include "ops/rel_pos_columns.h"
}

static __global__ void
any_cyclic(int *flag, const float *period, int n)
{
	BP_EACH(i, n)
		if (period[i] > 0)
			*flag = 1; /* all writers write the same */
}

static __global__ void
columns_sum(struct bp_rel_pos a, const float *W, int c, int k, const int *cyclic)
{
	BP_EACH(t, (int64_t)a.rows * a.n * c) {
		int64_t r = t / c;
		const float *w = W + t % c * k;
		double sum = a.add ? a.out[t] : 0;
		int col[4];
		bp_rel_pos_columns(col, &a, *cyclic, a.first + (int)(r / a.n), (int)(r % a.n));
		for (int q = 0; q < 4; q++)
			sum += col[q] >= 0 ? w[col[q]] : 0;
		a.out[t] = (float)sum;
	}
}

int
bp_rel_pos_cuda(struct bp_ctx *cx, const struct bp_rel_pos *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	struct bp_rel_pos some = *a;
	int64_t n = (int64_t)bp_rel_pos_rows(a) * a->n * a->W->n;
	int *cyclic;

	some.rows = bp_rel_pos_rows(a);
	BP_CUDA_NEW(cyclic, 1, cx);
	if (!cx->dry && n) {
		BP_TRY(bp_dev_zero(cx, cyclic, sizeof *cyclic));
		if (a->cyclic_period)
			any_cyclic<<<BP_GRID(a->n), 0, bp_stream(cx)>>>(cyclic, a->cyclic_period, a->n);
		columns_sum<<<BP_GRID(n), 0, bp_stream(cx)>>>(some, a->W->p, a->W->n, a->W->k, cyclic);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "rel_pos");
}
