/* lib/tensor/tensor.h: dense row-major arrays on the host, with checked sizes. */
#ifndef BP_TENSOR_H
#define BP_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

enum bp_dtype { BP_F32, BP_F64, BP_F16, BP_BF16, BP_I8, BP_U8, BP_I16, BP_U16, BP_I32, BP_U32, BP_I64, BP_U64, BP_B8, BP_NDTYPE };
enum { BP_MAXDIM = 8 };

struct bp_tensor {
	enum bp_dtype dtype;
	int ndim;
	int64_t shape[BP_MAXDIM];
	void *data; /* bp_tensor_bytes() bytes, row-major; alignment of at least the element's size */
};

struct bp_named {
	const char *name;
	const struct bp_tensor *t;
};

size_t bp_dtype_size(enum bp_dtype t);
const char *bp_dtype_name(enum bp_dtype t);                    /* "float32", "bool", ... (NumPy's words) */
const char *bp_dtype_safetensors(enum bp_dtype t);             /* "F32", "BOOL", ...                      */
const char *bp_dtype_numpy(enum bp_dtype t);                   /* "<f4", "|b1", ...; bfloat16: "<u2"      */
int bp_dtype_from(enum bp_dtype *ret, const char *name);       /* any of the three; BP_EINPUT if unknown  */

/* Bytes and elements of a shape; false when a dimension is negative or a product overflows. */
bool bp_shape_count(int64_t *ret, int ndim, const int64_t *shape);
bool bp_tensor_bytes(size_t *ret, enum bp_dtype t, int ndim, const int64_t *shape);
int64_t bp_count(const struct bp_tensor *t); /* elements of a valid tensor */

/* A new tensor in mem, data cleared. */
int bp_tensor_new(struct bp_tensor **ret, enum bp_dtype t, int ndim, const int64_t *shape, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;
#define BP_SHAPE(...) (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (int64_t[]){ __VA_ARGS__ }
/* bp_tensor_new(&t, BP_F32, BP_SHAPE(n, 3), mem, err) */
/* The same, data not cleared: for who writes all of them, best by the threads that then share the first touch of their pages. */
int bp_tensor_raw(struct bp_tensor **ret, enum bp_dtype t, int ndim, const int64_t *shape, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* The same numbers as another dtype (a new tensor; or t itself when it has the dtype already). Float to integer
 * conversion is refused when a value is not integral or out of range (BP_EINPUT); bool is 0 or 1. */
int bp_tensor_as(const struct bp_tensor **ret, const struct bp_tensor *t, enum bp_dtype to, struct bp_arena *mem,
    struct bp_err *err) BP_MUST_USE;

/* "[2,37,3]" into buf (at least 160 bytes); returns buf. */
char *bp_shape_str(char *buf, int ndim, const int64_t *shape);

/* one element as double (i < bp_count): for printing and tests */
double bp_tensor_get(const struct bp_tensor *t, int64_t i);

float bp_bf16_to_f32(uint16_t h);
uint16_t bp_f32_to_bf16(float f); /* round to nearest even; NaN stays NaN */
float bp_f16_to_f32(uint16_t h);

#ifdef __cplusplus
}
#endif
#endif
