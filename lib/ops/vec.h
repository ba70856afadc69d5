/* lib/ops/vec.h: loops over rows of floats for the optimized CPU rows, compiled for several instruction sets and chosen
 * when the program is loaded. exp is within 2 ulp on -87..88 (below: 0; tests/ops/test_vec), sigmoid and silu within 4
 * ulp. NaN stays NaN. */
#ifndef BP_VEC_H
#define BP_VEC_H

#include <stddef.h>

/* before a function whose loops are worth wider vectors */
#ifdef __x86_64__
#define BP_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define BP_CLONES
#endif

/* out[r] = (x[r] - mean) / sqrt(var + 1e-5) * w + b, rows of c floats at distances ldo and ldx; w, b [c] or NULL; out
 * may be x */
void bp_vec_norm(float *out, size_t ldo, const float *x, size_t ldx, int rows, int c, const float *w, const float *b);
/* The same with the c numbers of a row at distance ld (a transposed tile): x[k * ld + r], in place. */
void bp_vec_norm_columns(float *x, size_t ld, int rows, int c, const float *w, const float *b);

void bp_vec_exp(float *x, size_t n);
void bp_vec_sigmoid(float *x, size_t n);
void bp_vec_relu(float *x, size_t n);
void bp_vec_silu_mul(float *out, const float *g, const float *v, size_t n); /* silu(g) * v, out may be g or v */
void bp_vec_gate(float *out, const float *x, const float *g, size_t n);     /* x * sigmoid(g), out may be x   */

/* softmax of x[j] * scale + y[j] + z[j] (in this order), n numbers in place; y and z may be NULL. x[n .. padded - 1]
 * become 0: whole vectors are faster. */
void bp_vec_softmax(float *x, int n, int padded, float scale, const float *y, const float *z);

void bp_vec_add(float *out, const float *x, size_t n);                     /* out += x     */
void bp_vec_add_mul(float *out, const float *x, const float *y, size_t n); /* out += x * y */
void bp_vec_mul(float *out, const float *x, size_t n);                     /* out *= x     */

#endif
