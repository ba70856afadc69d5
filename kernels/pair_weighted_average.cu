#include "cuda.cuh"

extern "C" {
#include "ops/pair_weighted_average.h"
}

#include "rows.cuh"

static __global__ void
mask_scores(float *w, const float *mask, int heads, int n)
{
	BP_EACH(t, (int64_t)heads * n * n) {
		int i = (int)(t / n % n), j = (int)(t % n);
		w[t] += (1 - mask[i] * mask[j]) * -1e6f;
	}
}

static __global__ void
gate_rows(float *o, const float *g, int64_t n)
{
	BP_EACH(i, n)
		o[i] *= bp_dev_sigmoid(g[i]);
}

int
bp_pair_weighted_average_cuda(struct bp_ctx *cx, const struct bp_pair_weighted_average *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int hd = a->heads * a->d;
	int64_t rows = (int64_t)a->s * a->n, nn = (int64_t)a->n * a->n;
	float *y, *zy, *v, *g, *o, *w;
	struct bp_blas b = {}, p = {};

	BP_CUDA_NEW(y, rows * a->c, cx);
	BP_CUDA_NEW(zy, nn * a->cz, cx);
	BP_CUDA_NEW(v, rows * hd, cx);
	BP_CUDA_NEW(g, rows * hd, cx);
	BP_CUDA_NEW(o, rows * hd, cx);
	BP_CUDA_NEW(w, nn * a->heads, cx);
	if (!cx->dry) {
		BP_TRY(bp_norm_rows(cx, y, a->m, rows, a->c, a->nmw, a->nmb));
		BP_TRY(bp_norm_rows(cx, zy, a->z, nn, a->cz, a->nzw, a->nzb));
		BP_TRY(bp_blas_linear(cx, v, y, rows, a->pm, false));
		BP_TRY(bp_blas_linear(cx, g, y, rows, a->pg, false));
		b.m = a->heads; /* w[h,r] = pz zy^T */
		b.n = b.ldc = (int)nn;
		b.k = b.lda = b.ldb = a->cz;
		b.tb = true;
		b.alpha = 1;
		b.A = a->pz->p;
		b.B = zy;
		b.C = w;
		BP_TRY(bp_blas(cx, b));
		if (a->mask)
			mask_scores<<<BP_GRID(nn * a->heads), 0, bp_stream(cx)>>>(w, a->mask, a->heads, a->n);
		BP_TRY(bp_softmax_rows(cx, w, (int64_t)a->heads * a->n, a->n));
		p.m = p.k = p.lda = a->n; /* per row s of the MSA: o_h = w_h v_h */
		p.n = a->d;
		p.ldb = p.ldc = hd;
		p.alpha = 1;
		p.batch = a->s;
		p.sb = p.sc = (int64_t)a->n * hd;
		for (int h = 0; h < a->heads; h++) {
			p.A = w + h * nn;
			p.B = v + h * a->d;
			p.C = o + h * a->d;
			BP_TRY(bp_blas(cx, p));
		}
		gate_rows<<<BP_GRID(rows * hd), 0, bp_stream(cx)>>>(o, g, rows * hd);
		BP_TRY(bp_blas_linear(cx, a->m, o, rows, a->po, true));
	}
	bp_dev_release(cx, m);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_weighted_average");
}

/* ---- optimized, bf16 ----
 * The weights are a head's [n,n] for all rows of the MSA: with v as [heads][n][s,32] the sums over j are one product a head, cuBLAS's. MSA rows are
 * taken `part` at a time, so that v, the gates and the sums stay small however deep the MSA is. */

/* w[h,i,0..ld) = softmax over j of logits[h,i,j] + mask, zeros past n; one warp a row */
static __global__ void
soften(bp_bf16 *w, const float *logits, const float *mask, int heads, int n, int ld)
{
	int64_t r = blockIdx.x * (int64_t)(blockDim.x / 32) + threadIdx.x / 32;
	int lane = threadIdx.x % 32;
	float most = -INFINITY, sum = 0, own;

	if (r >= (int64_t)heads * n)
		return;
	logits += r * n;
	w += r * ld;
	own = mask ? mask[r % n] : 1;
	for (int j = lane; j < n; j += 32)
		most = fmaxf(most, logits[j] + (mask ? (1 - own * mask[j]) * -1e6f : 0));
	for (int d = 16; d; d /= 2)
		most = fmaxf(most, __shfl_xor_sync(~0u, most, d));
	for (int j = lane; j < n; j += 32)
		sum += expf(logits[j] + (mask ? (1 - own * mask[j]) * -1e6f : 0) - most);
	for (int d = 16; d; d /= 2)
		sum += __shfl_xor_sync(~0u, sum, d);
	sum = 1 / sum;
	for (int j = lane; j < ld; j += 32)
		w[j] = __float2bfloat16(j < n ? expf(logits[j] + (mask ? (1 - own * mask[j]) * -1e6f : 0) - most) * sum : 0);
}

enum { HEADS = 8 };

/* m[r] += po (o * sigmoid(g)); o and g [heads][n][s][32]; a warp has 16 rows */
static __global__ void __launch_bounds__(BP_ROW_WARPS * 32, 1)
finish(float *m, const bp_bf16 *o, const bp_bf16 *g, const float *po, int64_t s, int n, int c, int heads, int d, bool wide)
{
	extern __shared__ __align__(16) unsigned char shared[];
	const int ld = HEADS * 32 + 8, groups = (c + 31) / 32, lane = threadIdx.x % 32, t = lane % 4;
	const int64_t rows = s * n, step = (int64_t)gridDim.x * BP_ROW_WARPS * 16;
	bp_bf16 *W = (bp_bf16 *)shared;

	bp_stage<HEADS * 32>(W, groups * 32, { po, c, heads * d, 32, d, true, true });
	__syncthreads();
	for (int64_t at = (blockIdx.x * (int64_t)BP_ROW_WARPS + threadIdx.x / 32) * 16; at < rows; at += step) {
		uint32_t f[2][HEADS * 4];
#pragma unroll
		for (int i = 0; i < 2; i++)
#pragma unroll
			for (int h = 0; h < HEADS; h++) {
				int64_t r = at + i * 8 + lane / 4;
				uint4 v = { 0, 0, 0, 0 }, w = v;
				if (r < rows && h < heads) {
					v = *(const uint4 *)(o + (h * rows + r) * 32 + 8 * t);
					w = *(const uint4 *)(g + (h * rows + r) * 32 + 8 * t);
				}
				const uint32_t x[4] = { v.x, v.y, v.z, v.w }, y[4] = { w.x, w.y, w.z, w.w };
#pragma unroll
				for (int e = 0; e < 4; e++)
					f[i][h * 4 + e] = bp_pack2(bp_low(x[e]) * bp_fast_sigmoid(bp_low(y[e])), bp_high(x[e]) * bp_fast_sigmoid(bp_high(y[e])));
			}
		for (int q = 0; q < groups; q++) {
			float acc[1][4][4] = {};
			bp_rows_by_32(acc, f, W + q * 32 * ld, ld);
#pragma unroll
			for (int i = 0; i < 2; i++) {
				int64_t r = at + i * 8 + lane / 4;
				float v[8];
#pragma unroll
				for (int e = 0; e < 8; e++)
					v[e] = acc[0][e / 2][i * 2 + e % 2];
				if (r < rows && q * 32 + 8 * t < c)
					bp_store8(m + (r % s * n + r / s) * c + q * 32 + 8 * t, v, c - q * 32 - 8 * t, wide, true);
			}
		}
	}
}

/* `s` rows of the MSA from m on; w [heads,n,ld] are the weights, vg and o scratch */
static int
average(struct bp_ctx *cx, const struct bp_pair_weighted_average *a, float *m, int s, const bp_bf16 *w, int ld, bp_bf16 *vg, bp_bf16 *o)
{
	int64_t rows = (int64_t)s * a->n, tiles = (rows + BP_ROW_WARPS * 16 - 1) / (BP_ROW_WARPS * 16);
	size_t shared = (size_t)(a->c + 31) / 32 * 32 * (HEADS * 32 + 8) * sizeof(bp_bf16);
	struct bp_row_parts p = {};
	struct bp_blas g = {};

	p.x = m;
	p.nw = a->nmw->p;
	p.nb = a->nmb->p;
	p.W[0] = a->pm->p;
	p.W[1] = a->pg->p;
	p.out = vg;
	p.s = s;
	p.n = a->n;
	p.c = a->c;
	p.heads = a->heads;
	p.d = a->d;
	p.turn = true;
	BP_TRY(bp_row_parts(cx, "pair_weighted_average", p));
	g.m = g.k = a->n;
	g.n = g.ldb = g.ldc = s * 32;
	g.lda = ld;
	g.alpha = 1;
	g.batch = a->heads;
	g.sa = (int64_t)a->n * ld;
	g.sb = g.sc = rows * 32;
	BP_TRY(bp_blas_bf16(cx, g, w, vg, o, false));
	return bp_launch_walk(cx, "pair_weighted_average", finish, tiles, BP_ROW_WARPS * 32, shared, m, o, vg + (int64_t)a->heads * rows * 32, a->po->p,
	    (int64_t)s, a->n, a->c, a->heads, a->d, bp_wide(m, a->c));
}

int
bp_pair_weighted_average_cuda_opt(struct bp_ctx *cx, const struct bp_pair_weighted_average *a)
{
	struct bp_mark mark = bp_dev_mark(cx);
	int64_t nn = (int64_t)a->n * a->n, row = (int64_t)a->n * a->heads * 32; /* numbers of v a row of the MSA */
	int ld = (a->n + 7) / 8 * 8, part = (int)(((int64_t)1 << 25) / row);
	bp_bf16 *w, *vg, *o;
	float *logits;

	if (cx->precision != BP_BF16_MM)
		return bp_as_original(cx, bp_pair_weighted_average_cuda, a);
	if (a->c > 128 || a->cz > 128 || a->heads > HEADS || a->d > 32)
		return BP_FAIL(cx->err, BP_EUNSUP, "take --op pair_weighted_average=original",
		    "pair_weighted_average in bf16 is for up to 128 channels and 8 heads of 32, not %d, %d and %d of %d", a->c, a->cz, a->heads, a->d);
	part = part < 1 ? 1 : part < a->s ? part : a->s;
	BP_CUDA_NEW(logits, nn * a->heads, cx);
	BP_CUDA_NEW(w, (int64_t)a->heads * a->n * ld, cx);
	BP_CUDA_NEW(vg, 2 * row * part, cx);
	BP_CUDA_NEW(o, row * part, cx);
	if (!cx->dry) {
		struct bp_row_heads p = {};
		p.x = a->z;
		p.nw = a->nzw->p;
		p.nb = a->nzb->p;
		p.W = a->pz->p;
		p.out = logits;
		p.rows = p.stride = nn;
		p.c = a->cz;
		p.heads = a->heads;
		BP_TRY(bp_row_heads(cx, "pair_weighted_average", p));
		soften<<<(unsigned)(((int64_t)a->heads * a->n + 7) / 8), 256, 0, bp_stream(cx)>>>(w, logits, a->mask, a->heads, a->n, ld);
		for (int s = 0; s < a->s; s += part)
			BP_TRY(average(cx, a, a->m + (int64_t)s * a->n * a->c, a->s - s < part ? a->s - s : part, w, ld, vg, o));
	}
	bp_dev_release(cx, mark);
	return cx->dry ? BP_OK : bp_launched(cx, "pair_weighted_average");
}
