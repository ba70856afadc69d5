#include "cuda.cuh"

extern "C" {
#include "ops/ada_cond.h"
}

#include "mma.cuh"

static __global__ void
sigmoid_bias(float *x, const float *b, int64_t rows, int n)
{
	BP_EACH(i, rows * n)
		x[i] = bp_dev_sigmoid(x[i] + b[i % n]);
}

/* scale, shift, gate of one AdaLN and its output projection into out [3,rows,c] */
static int
one(struct bp_ctx *cx, const struct bp_ada_cond *a, const struct bp_ada_weights *w, float *norm, float *out)
{
	int64_t n = (int64_t)a->rows * a->c;

	BP_TRY(bp_norm_rows(cx, norm, a->s, a->rows, a->cs, &w->s_norm, NULL));
	BP_TRY(bp_blas_linear(cx, out, norm, a->rows, &w->s_scale, false));
	sigmoid_bias<<<BP_GRID(n), 0, bp_stream(cx)>>>(out, w->s_scale_b.p, a->rows, a->c);
	BP_TRY(bp_blas_linear(cx, out + n, norm, a->rows, &w->s_bias, false));
	BP_TRY(bp_blas_linear(cx, out + 2 * n, a->s, a->rows, &w->gate, false));
	sigmoid_bias<<<BP_GRID(n), 0, bp_stream(cx)>>>(out + 2 * n, w->gate_b.p, a->rows, a->c);
	return bp_launched(cx, "ada_cond");
}

int
bp_ada_cond_cuda(struct bp_ctx *cx, const struct bp_ada_cond *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	float *norm;

	BP_CUDA_NEW(norm, (int64_t)a->rows * a->cs, cx);
	for (int i = 0; i < 2 * a->layers && !cx->dry && a->rows; i++)
		BP_TRY(one(cx, a, a->w + i, norm, a->out + 3 * (int64_t)i * a->rows * a->c));
	bp_dev_release(cx, m);
	return BP_OK;
}

/* ---- optimized: each of the six products for all layers at once ----
 * A transformer's layers are bound one after the other, so that their weights lie evenly spaced; s is normalised once, and a copy a norm carries its
 * weight. */

/* floats from a layer's weights to the next one's when that is the same for all of them, else 0 */
static int64_t
spacing(const struct bp_ada_cond *a)
{
	int64_t d = a->layers > 1 ? a->w[2].s_norm.p - a->w[0].s_norm.p : 1;

	for (int i = 2; i < 2 * a->layers; i++) {
		const struct bp_ada_weights *u = a->w + i - 2, *v = a->w + i;
		if (v->s_norm.p - u->s_norm.p != d || v->s_scale.p - u->s_scale.p != d || v->s_scale_b.p - u->s_scale_b.p != d
		    || v->s_bias.p - u->s_bias.p != d || v->gate.p - u->gate.p != d || v->gate_b.p - u->gate_b.p != d)
			return 0;
	}
	return d;
}

struct norms {
	const float *w[2]; /* of the first layer's two norms; the others' d floats on */
	int64_t d;
};

/* y[2l+i,r,:] = norm of s[r,:] times the weight of norm i of layer l; one warp a row */
static __global__ void
spread_norm(float *y, const float *s, int rows, int cs, int layers, struct norms w, bool round)
{
	int r = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
	float mean = 0, var = 0, scale;

	if (r >= rows)
		return;
	s += (int64_t)r * cs;
	for (int k = lane; k < cs; k += 32)
		mean += s[k];
	for (int d = 16; d; d /= 2)
		mean += __shfl_xor_sync(~0u, mean, d);
	mean /= cs;
	for (int k = lane; k < cs; k += 32)
		var += (s[k] - mean) * (s[k] - mean);
	for (int d = 16; d; d /= 2)
		var += __shfl_xor_sync(~0u, var, d);
	scale = 1 / sqrtf(var / cs + 1e-5f);
	for (int i = blockIdx.y; i < 2 * layers; i += gridDim.y)
		for (int k = lane; k < cs; k += 32) {
			float v = (__ldg(s + k) - mean) * scale * __ldg(w.w[i % 2] + i / 2 * w.d + k);
			y[((int64_t)i * rows + r) * cs + k] = round ? bp_tf32(v) : v;
		}
}

/* sigmoid(out + b) of a plane of each layer (blockIdx.y), in groups of W numbers: `plane` groups, c a row */
template <int W>
static __global__ void
sigmoid_planes(bp_group<W> *out, const float *b, int64_t d, int64_t plane, int c)
{
	out += blockIdx.y * 6 * plane;
	b += blockIdx.y * d;
	BP_EACH(i, plane) {
		bp_group<W> x = out[i];
		int k = bp_rest(i, c) * W;
#pragma unroll
		for (int e = 0; e < W; e++)
			x.v[e] = bp_dev_sigmoid(x.v[e] + b[k + e]);
		out[i] = x;
	}
}

/* plane `at` of `layers` layers: out = x W^T, then sigmoid(out + b) where there is a b */
static int
planes(struct bp_ctx *cx, const struct bp_ada_cond *a, int at, const float *x, int64_t sx, const float *W, const float *b, int64_t d)
{
	int64_t plane = (int64_t)a->rows * a->c;
	struct bp_blas g = {};

	g.m = a->rows;
	g.like = bp_rows_alike(cx, a->rows);
	g.n = g.ldc = a->c;
	g.k = g.lda = g.ldb = a->cs;
	g.tb = true;
	g.alpha = 1;
	g.batch = a->layers;
	g.A = x;
	g.B = W;
	g.C = a->out + at * plane;
	g.sa = sx;
	g.sb = d;
	g.sc = 6 * plane;
	BP_TRY(bp_blas(cx, g));
	if (b && bp_fours(a->c, g.C, NULL, NULL))
		sigmoid_planes<4><<<dim3(bp_blocks(plane / 4), a->layers), BP_THREADS, 0, bp_stream(cx)>>>((bp_group<4> *)g.C, b, d, plane / 4, a->c / 4);
	else if (b)
		sigmoid_planes<1><<<dim3(bp_blocks(plane), a->layers), BP_THREADS, 0, bp_stream(cx)>>>((bp_group<1> *)g.C, b, d, plane, a->c);
	return bp_launched(cx, "ada_cond");
}

/* layers whose weights lie d floats apart; y [2 layers,rows,cs] is scratch */
static int
evenly(struct bp_ctx *cx, const struct bp_ada_cond *a, int64_t d, float *y)
{
	int64_t in = (int64_t)a->rows * a->cs;
	struct norms n = { { a->w[0].s_norm.p, a->w[1].s_norm.p }, d };

	spread_norm<<<dim3((a->rows + 7) / 8, 2 * a->layers < 8 ? 2 * a->layers : 8), BP_THREADS, 0, bp_stream(cx)>>>(y, a->s, a->rows, a->cs,
	    a->layers, n, cx->precision != BP_FP32);
	for (int i = 0; i < 2; i++) {
		const struct bp_ada_weights *w = a->w + i;
		BP_TRY(planes(cx, a, 3 * i, y + i * in, 2 * in, w->s_scale.p, w->s_scale_b.p, d));
		BP_TRY(planes(cx, a, 3 * i + 1, y + i * in, 2 * in, w->s_bias.p, NULL, d));
		BP_TRY(planes(cx, a, 3 * i + 2, a->s, 0, w->gate.p, w->gate_b.p, d));
	}
	return BP_OK;
}

static int
fast(struct bp_ctx *cx, const struct bp_ada_cond *a)
{
	struct bp_mark m = bp_dev_mark(cx);
	int64_t d = cx->dry ? 0 : spacing(a);
	struct bp_ada_cond part = *a;
	float *y;

	BP_CUDA_NEW(y, 2 * (int64_t)a->layers * a->rows * a->cs, cx);
	if (!cx->dry && a->rows && d)
		BP_TRY(evenly(cx, a, d, y));
	for (part.layers = 1; !cx->dry && a->rows && !d && part.w < a->w + 2 * a->layers; part.w += 2) {
		BP_TRY(evenly(cx, &part, 0, y));
		part.out += 6 * (int64_t)a->rows * a->c;
	}
	bp_dev_release(cx, m);
	return BP_OK;
}

int
bp_ada_cond_cuda_opt(struct bp_ctx *cx, const struct bp_ada_cond *a)
{
	return bp_in_tf32(cx, fast, a);
}
