#include "ops/vec.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* e^x: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial for e^r (Cephes' expf), n into the exponent */
INLINE float
expv(float x)
{
	const float magic = 12582912; /* 1.5 * 2^23: adding it rounds to an integer, kept in the low bits */
	float c = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x; /* a NaN passes */
	float t = c * 1.44269504f + magic, n = t - magic;
	float r = (c - n * 0.693359375f) + n * 2.12194440e-4f;
	float p = 1.9875691500e-4f;
	int32_t bits;

	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * (r * r) + r + 1;
	memcpy(&bits, &t, sizeof bits);
	bits = (int32_t)((uint32_t)bits << 23) + 0x3f800000;
	memcpy(&t, &bits, sizeof t);
	return x < -87.0f ? 0 : p * t;
}

INLINE float
sigmoidv(float x)
{
	return 1 / (1 + expv(-x));
}

BP_CLONES void
bp_vec_exp(float *x, size_t n)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++)
		x[i] = expv(x[i]);
}

BP_CLONES void
bp_vec_sigmoid(float *x, size_t n)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++)
		x[i] = sigmoidv(x[i]);
}

BP_CLONES void
bp_vec_relu(float *x, size_t n)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++)
		x[i] = x[i] < 0 ? 0 : x[i];
}

BP_CLONES void
bp_vec_silu_mul(float *out, const float *g, const float *v, size_t n)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++)
		out[i] = g[i] * sigmoidv(g[i]) * v[i];
}

BP_CLONES void
bp_vec_gate(float *out, const float *x, const float *g, size_t n)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++)
		out[i] = x[i] * sigmoidv(g[i]);
}

BP_CLONES void
bp_vec_norm(float *out, size_t ldo, const float *x, size_t ldx, int rows, int c, const float *w, const float *b)
{
	for (int r = 0; r < rows; r++, out += ldo, x += ldx) {
		float mean = 0, rest = 0, var = 0, scale;
#pragma omp simd reduction(+ : mean)
		for (int i = 0; i < c; i++)
			mean += x[i];
		mean /= (float)c;
#pragma omp simd reduction(+ : rest, var)
		for (int i = 0; i < c; i++) {
			float d = x[i] - mean;
			rest += d;
			var += d * d;
		}
		rest /= (float)c; /* what rounding left out of the mean: it counts where the numbers are nearly equal */
		scale = 1 / sqrtf(fmaxf(var / (float)c - rest * rest, 0) + 1e-5f);
		if (w && b) {
#pragma omp simd
			for (int i = 0; i < c; i++)
				out[i] = (x[i] - mean - rest) * scale * w[i] + b[i];
		} else {
#pragma omp simd
			for (int i = 0; i < c; i++)
				out[i] = (x[i] - mean - rest) * scale;
			for (int i = 0; w && i < c; i++)
				out[i] *= w[i];
			for (int i = 0; b && i < c; i++)
				out[i] += b[i];
		}
	}
}

BP_CLONES void
bp_vec_norm_columns(float *x, size_t ld, int rows, int c, const float *w, const float *b)
{
	enum { W = 64 }; /* columns at once */

	for (int r0 = 0; r0 < rows; r0 += W) {
		float mean[W] = { 0 }, rest[W] = { 0 }, scale[W] = { 0 };
		int m = rows - r0 < W ? rows - r0 : W;
		for (int k = 0; k < c; k++) {
#pragma omp simd
			for (int r = 0; r < m; r++)
				mean[r] += x[(size_t)k * ld + (size_t)(r0 + r)];
		}
		for (int r = 0; r < m; r++)
			mean[r] /= (float)c;
		for (int k = 0; k < c; k++) {
#pragma omp simd
			for (int r = 0; r < m; r++) {
				float d = x[(size_t)k * ld + (size_t)(r0 + r)] - mean[r];
				rest[r] += d;
				scale[r] += d * d;
			}
		}
		for (int r = 0; r < m; r++) {
			rest[r] /= (float)c; /* as in bp_vec_norm */
			scale[r] = 1 / sqrtf(fmaxf(scale[r] / (float)c - rest[r] * rest[r], 0) + 1e-5f);
		}
		for (int k = 0; k < c; k++) {
#pragma omp simd
			for (int r = 0; r < m; r++) {
				float *p = &x[(size_t)k * ld + (size_t)(r0 + r)];
				*p = (*p - mean[r] - rest[r]) * scale[r] * w[k] + b[k];
			}
		}
	}
}

BP_CLONES void
bp_vec_add(float *out, const float *x, size_t n)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++)
		out[i] += x[i];
}

BP_CLONES void
bp_vec_add_mul(float *out, const float *x, const float *y, size_t n)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++)
		out[i] += x[i] * y[i];
}

BP_CLONES void
bp_vec_mul(float *out, const float *x, size_t n)
{
#pragma omp simd
	for (size_t i = 0; i < n; i++)
		out[i] *= x[i];
}

BP_CLONES void
bp_vec_softmax(float *x, int n, int padded, float scale, const float *y, const float *z)
{
	float max = -INFINITY, sum = 0;

#pragma omp simd
	for (int i = 0; i < n; i++)
		x[i] *= scale;
	if (y) {
#pragma omp simd
		for (int i = 0; i < n; i++)
			x[i] += y[i];
	}
	if (z) {
#pragma omp simd
		for (int i = 0; i < n; i++)
			x[i] += z[i];
	}
	for (int i = n; i < padded; i++)
		x[i] = -INFINITY;
#pragma omp simd reduction(max : max)
	for (int i = 0; i < padded; i++)
		max = x[i] > max ? x[i] : max;
#pragma omp simd reduction(+ : sum)
	for (int i = 0; i < padded; i++) {
		x[i] = expv(x[i] - max);
		sum += x[i];
	}
	sum = 1 / sum;
#pragma omp simd
	for (int i = 0; i < padded; i++)
		x[i] *= sum;
}
