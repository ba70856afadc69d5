#include "flash.cuh"

extern "C" {
#include "ops/atom_attention.h"
}

/* one block a query atom and head (blockIdx.y), a thread a key: scores, softmax, weighted sum of v into o */
static __global__ void
window_attention(float *o, const float *q, const float *k, const float *v, struct bp_atom_attention a)
{
	__shared__ float p[BP_WINDOW_K];
	int d = a.c / a.heads, h = blockIdx.y, j = threadIdx.x;
	int64_t row = blockIdx.x; /* sample * atoms + atom */
	int atom = (int)(row % a.atoms), window = atom / BP_WINDOW_Q, key = window * BP_WINDOW_Q - (BP_WINDOW_K - BP_WINDOW_Q) / 2 + j;
	bool inside = key >= 0 && key < a.atoms;
	int64_t sample = row - atom, member = row / a.atoms % a.members;
	int64_t bias = ((((int64_t)h * a.members + member) * (a.atoms / BP_WINDOW_Q) + window) * BP_WINDOW_Q + atom % BP_WINDOW_Q) * BP_WINDOW_K + j;
	double s = 0;
	float max;

	for (int e = h * d; e < (h + 1) * d && inside; e++)
		s += (double)q[row * a.c + e] * k[(sample + key) * a.c + e];
	p[j] = (float)(s / sqrt((double)d)) + a.bias[bias] + (1 - (inside ? a.mask[member * a.atoms + key] : 0)) * -1e6f;
	max = bp_block_max(p[j]);
	p[j] = expf(p[j] - max);
	s = bp_block_sum(p[j]);
	p[j] = (float)(p[j] / s);
	__syncthreads();
	for (int e = h * d + j; e < (h + 1) * d; e += blockDim.x) {
		double sum = 0;
		for (int l = 0; l < BP_WINDOW_K; l++) {
			int at = key - j + l;
			if (at >= 0 && at < a.atoms)
				sum += (double)p[l] * v[(sample + at) * a.c + e];
		}
		o[row * a.c + e] = (float)sum;
	}
}

int
bp_atom_attention_cuda(struct bp_ctx *cx, const struct bp_atom_attention *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t rows = (int64_t)a->b * a->atoms, all = rows * a->c;
	struct bp_atom_attention one = *a;
	float *q, *k, *v, *g, *o;

	one.members = bp_members(a->members);
	BP_CUDA_NEW(q, all, cx);
	BP_CUDA_NEW(k, all, cx);
	BP_CUDA_NEW(v, all, cx);
	BP_CUDA_NEW(g, all, cx);
	BP_CUDA_NEW(o, all, cx);
	if (!cx->dry && all) {
		BP_TRY(bp_blas_linear(cx, q, a->x, rows, &a->w->q, false));
		bp_add_bias<<<BP_GRID(all), 0, bp_stream(cx)>>>(q, a->w->q_b.p, rows, a->c);
		BP_TRY(bp_blas_linear(cx, k, a->x, rows, &a->w->k, false));
		BP_TRY(bp_blas_linear(cx, v, a->x, rows, &a->w->v, false));
		BP_TRY(bp_blas_linear(cx, g, a->x, rows, &a->w->g, false));
		window_attention<<<dim3((unsigned)rows, a->heads), BP_WINDOW_K, 0, bp_stream(cx)>>>(o, q, k, v, one);
		bp_gate_rows<<<BP_GRID(all), 0, bp_stream(cx)>>>(o, g, all);
		BP_TRY(bp_blas_linear(cx, q, o, rows, &a->w->o, false));
		bp_gated_add<<<BP_GRID(all), 0, bp_stream(cx)>>>(a->out, q, a->gate, all, (int64_t)one.members * a->atoms * a->c);
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "atom_attention");
}

static int
fast(struct bp_ctx *cx, const struct bp_atom_attention *a)
{
	return bp_flash_attention<true>(cx, a, a->atoms, "atom_attention");
}

int
bp_atom_attention_cuda_opt(struct bp_ctx *cx, const struct bp_atom_attention *a)
{
	return bp_in_tf32(cx, fast, a);
}
