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

#endif
