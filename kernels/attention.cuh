/* kernels/attention.cuh: the steps that the two attentions of the diffusion transformer share. */
#ifndef BP_ATTENTION_CUH
#define BP_ATTENTION_CUH

#include "cuda.cuh"

/* q += b */
static __global__ void
bp_add_bias(float *q, const float *b, int64_t rows, int c)
{
	BP_EACH(i, rows * c)
		q[i] += b[i % c];
}

/* o *= sigmoid(g) */
static __global__ void
bp_gate_rows(float *o, const float *g, int64_t n)
{
	BP_EACH(i, n)
		o[i] *= bp_dev_sigmoid(g[i]);
}

/* out += gate * y; gate [sample] is shared by the samples, or NULL */
static __global__ void
bp_gated_add(float *out, const float *y, const float *gate, int64_t total, int64_t sample)
{
	BP_EACH(i, total)
		out[i] += gate ? gate[i % sample] * y[i] : y[i];
}

/* the same in groups of W numbers, for b samples of `groups` groups: the gate is read once */
template <int W>
static __global__ void
bp_gated_groups(bp_group<W> *out, const bp_group<W> *y, const bp_group<W> *gate, int64_t groups, int b)
{
	BP_EACH(i, groups) {
		bp_group<W> g, o, v;
#pragma unroll
		for (int e = 0; e < W; e++)
			g.v[e] = 1;
		if (gate)
			g = gate[i];
		for (int64_t at = i; at < b * groups; at += groups) {
			o = out[at];
			v = y[at];
#pragma unroll
			for (int e = 0; e < W; e++)
				o.v[e] += g.v[e] * v.v[e];
			out[at] = o;
		}
	}
}

/* out [b,rows,c] += gate [rows,c] * y; gate NULL: 1 */
static inline void
bp_gated_samples(struct bp_ctx *cx, float *out, const float *y, const float *gate, int b, int64_t rows, int c)
{
	int64_t n = rows * c;

	if (bp_fours(n, out, y, gate))
		bp_gated_groups<4><<<BP_GRID(n / 4), 0, bp_stream(cx)>>>((bp_group<4> *)out, (const bp_group<4> *)y, (const bp_group<4> *)gate, n / 4, b);
	else
		bp_gated_groups<1><<<BP_GRID(n), 0, bp_stream(cx)>>>((bp_group<1> *)out, (const bp_group<1> *)y, (const bp_group<1> *)gate, n, b);
}

#endif
