#include "cuda.cuh"

extern "C" {
#include "ops/cond_transition.h"
}

#include "attention.cuh"
#include "mma.cuh"

/* h = silu(g) * v * t with [v, g] the halves of vg */
static __global__ void
hidden_rows(float *h, const float *vg, const float *t, int64_t rows, int n)
{
	BP_EACH(i, rows * n) {
		int64_t r = i / n, c = i % n;
		h[i] = bp_dev_silu(vg[r * 2 * n + n + c]) * vg[r * 2 * n + c] * t[i];
	}
}

/* out += gate * y; gate is shared by the b samples */
static __global__ void
gated_add(float *out, const float *y, const float *gate, int64_t total, int64_t sample)
{
	BP_EACH(i, total)
		out[i] += gate[i % sample] * y[i];
}

int
bp_cond_transition_cuda(struct bp_ctx *cx, const struct bp_cond_transition *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t rows = (int64_t)a->b * a->rows, sample = (int64_t)a->rows * a->c;
	float *vg, *t, *h, *y;

	BP_CUDA_NEW(vg, rows * 2 * a->hidden, cx);
	BP_CUDA_NEW(t, rows * a->hidden, cx);
	BP_CUDA_NEW(h, rows * a->hidden, cx);
	BP_CUDA_NEW(y, rows * a->c, cx);
	if (!cx->dry && rows) {
		BP_TRY(bp_blas_linear(cx, vg, a->x, rows, a->swish_gate, false));
		BP_TRY(bp_blas_linear(cx, t, a->x, rows, a->a_to_b, false));
		hidden_rows<<<BP_GRID(rows * a->hidden), 0, bp_stream(cx)>>>(h, vg, t, rows, a->hidden);
		BP_TRY(bp_blas_linear(cx, y, h, rows, a->b_to_a, false));
		gated_add<<<BP_GRID(rows * a->c), 0, bp_stream(cx)>>>(a->out, y, a->gate, rows * a->c, sample);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "cond_transition");
}

/* h = silu(g) * v * t of rows [t, v, g] of n groups each */
template <int W>
static __global__ void
hidden_groups(bp_group<W> *h, const bp_group<W> *y, int64_t rows, int n, bool round)
{
	BP_EACH(i, rows * n) {
		const bp_group<W> *p = y + bp_quotient(i, n) * 2 * n + i;
		bp_group<W> t = p[0], v = p[n], g = p[2 * n];
#pragma unroll
		for (int e = 0; e < W; e++) {
			t.v[e] *= bp_dev_silu(g.v[e]) * v.v[e];
			if (round)
				t.v[e] = bp_tf32(t.v[e]);
		}
		h[i] = t;
	}
}

static int
fast(struct bp_ctx *cx, const struct bp_cond_transition *a)
{
	const struct bp_weight *const W[] = { a->a_to_b, a->swish_gate };
	struct bp_mark m = bp_dev_mark(cx);
	int64_t rows = (int64_t)a->b * a->rows, wide = rows * a->hidden;
	bool round = cx->precision != BP_FP32;
	float *y, *h;

	BP_CUDA_NEW(y, 3 * wide, cx);
	BP_CUDA_NEW(h, wide, cx);
	if (!cx->dry && rows) {
		BP_TRY(bp_blas_stack(cx, y, a->x, rows, W, 2));
		if (a->hidden % 4 == 0)
			hidden_groups<4><<<BP_GRID(wide / 4), 0, bp_stream(cx)>>>((bp_group<4> *)h, (bp_group<4> *)y, rows, a->hidden / 4, round);
		else
			hidden_groups<1><<<BP_GRID(wide), 0, bp_stream(cx)>>>((bp_group<1> *)h, (bp_group<1> *)y, rows, a->hidden, round);
		BP_TRY(bp_blas_linear(cx, y, h, rows, a->b_to_a, false));
		bp_gated_samples(cx, a->out, y, a->gate, a->b, a->rows, a->c);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "cond_transition");
}

int
bp_cond_transition_cuda_opt(struct bp_ctx *cx, const struct bp_cond_transition *a)
{
	return bp_in_tf32(cx, fast, a);
}
