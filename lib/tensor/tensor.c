#include "tensor/tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *safetensors, *numpy;
	size_t size;
} info[BP_NDTYPE] = {
	[BP_F32] = { "float32", "F32", "<f4", 4 },
	[BP_F64] = { "float64", "F64", "<f8", 8 },
	[BP_F16] = { "float16", "F16", "<f2", 2 },
	[BP_BF16] = { "bfloat16", "BF16", "<u2", 2 },
	[BP_I8] = { "int8", "I8", "|i1", 1 },
	[BP_U8] = { "uint8", "U8", "|u1", 1 },
	[BP_I16] = { "int16", "I16", "<i2", 2 },
	[BP_U16] = { "uint16", "U16", "<u2", 2 },
	[BP_I32] = { "int32", "I32", "<i4", 4 },
	[BP_U32] = { "uint32", "U32", "<u4", 4 },
	[BP_I64] = { "int64", "I64", "<i8", 8 },
	[BP_U64] = { "uint64", "U64", "<u8", 8 },
	[BP_B8] = { "bool", "BOOL", "|b1", 1 },
};

size_t
bp_dtype_size(enum bp_dtype t)
{
	return info[t].size;
}

const char *
bp_dtype_name(enum bp_dtype t)
{
	return info[t].name;
}

const char *
bp_dtype_safetensors(enum bp_dtype t)
{
	return info[t].safetensors;
}

const char *
bp_dtype_numpy(enum bp_dtype t)
{
	return info[t].numpy;
}

int
bp_dtype_from(enum bp_dtype *ret, const char *name)
{
	for (int t = 0; t < BP_NDTYPE; t++)
		if (strcmp(name, info[t].name) == 0 || strcmp(name, info[t].safetensors) == 0
		    || (t != BP_BF16 && strcmp(name, info[t].numpy) == 0)) {
			*ret = (enum bp_dtype)t;
			return BP_OK;
		}
	return BP_EINPUT;
}

bool
bp_shape_count(int64_t *ret, int ndim, const int64_t *shape)
{
	int64_t n = 1;

	if (ndim < 0 || ndim > BP_MAXDIM)
		return false;
	for (int i = 0; i < ndim; i++)
		if (shape[i] < 0 || __builtin_mul_overflow(n, shape[i], &n))
			return false;
	*ret = n;
	return true;
}

bool
bp_tensor_bytes(size_t *ret, enum bp_dtype t, int ndim, const int64_t *shape)
{
	int64_t n;

	if ((int)t < 0 || t >= BP_NDTYPE || !bp_shape_count(&n, ndim, shape) || n > INT64_MAX / 16)
		return false;
	*ret = (size_t)n * info[t].size;
	return true;
}

int64_t
bp_count(const struct bp_tensor *t)
{
	int64_t n = 1;

	for (int i = 0; i < t->ndim; i++)
		n *= t->shape[i];
	return n;
}

int
bp_tensor_raw(
    struct bp_tensor **ret, enum bp_dtype t, int ndim, const int64_t *shape, struct bp_arena *mem, struct bp_err *err)
{
	char buf[160];
	size_t bytes;

	*ret = NULL;
	if (!bp_tensor_bytes(&bytes, t, ndim, shape))
		return BP_FAIL(err, BP_EINPUT, NULL, "no tensor can have the shape %s", bp_shape_str(buf, ndim, shape));
	BP_NEW(*ret, 1, mem, err);
	(*ret)->dtype = t;
	(*ret)->ndim = ndim;
	if (ndim)
		memcpy((*ret)->shape, shape, (size_t)ndim * sizeof *shape);
	if (!((*ret)->data = bp_alloc(mem, bytes, err)))
		return BP_EMEM;
	return BP_OK;
}

int
bp_tensor_new(
    struct bp_tensor **ret, enum bp_dtype t, int ndim, const int64_t *shape, struct bp_arena *mem, struct bp_err *err)
{
	size_t bytes;

	BP_TRY(bp_tensor_raw(ret, t, ndim, shape, mem, err));
	if (bp_tensor_bytes(&bytes, t, ndim, shape))
		memset((*ret)->data, 0, bytes);
	return BP_OK;
}

char *
bp_shape_str(char *buf, int ndim, const int64_t *shape)
{
	int at = snprintf(buf, 160, "[");

	for (int i = 0; i < ndim && i < BP_MAXDIM && at < 130; i++)
		at += snprintf(buf + at, (size_t)(160 - at), "%s%" PRId64, i ? "," : "", shape[i]);
	snprintf(buf + at, (size_t)(160 - at), "]");
	return buf;
}

float
bp_bf16_to_f32(uint16_t h)
{
	uint32_t u = (uint32_t)h << 16;
	float f;

	memcpy(&f, &u, 4);
	return f;
}

uint16_t
bp_f32_to_bf16(float f)
{
	uint32_t u;

	memcpy(&u, &f, 4);
	if ((u & 0x7fffffff) > 0x7f800000)
		return (uint16_t)((u >> 16) | 0x40);
	return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

float
bp_f16_to_f32(uint16_t h)
{
	int e = h >> 10 & 31, m = h & 1023;
	float f = e == 31 ? (m ? NAN : INFINITY) : e ? ldexpf((float)(m + 1024), e - 25) : ldexpf((float)m, -24);

	return h >> 15 ? -f : f;
}

double
bp_tensor_get(const struct bp_tensor *t, int64_t i)
{
	switch (t->dtype) {
	case BP_F32:
		return ((const float *)t->data)[i];
	case BP_F64:
		return ((const double *)t->data)[i];
	case BP_F16:
		return bp_f16_to_f32(((const uint16_t *)t->data)[i]);
	case BP_BF16:
		return bp_bf16_to_f32(((const uint16_t *)t->data)[i]);
	case BP_I8:
		return ((const int8_t *)t->data)[i];
	case BP_U8:
		return ((const uint8_t *)t->data)[i];
	case BP_I16:
		return ((const int16_t *)t->data)[i];
	case BP_U16:
		return ((const uint16_t *)t->data)[i];
	case BP_I32:
		return ((const int32_t *)t->data)[i];
	case BP_U32:
		return ((const uint32_t *)t->data)[i];
	case BP_I64:
		return (double)((const int64_t *)t->data)[i];
	case BP_U64:
		return (double)((const uint64_t *)t->data)[i];
	case BP_B8:
		return ((const uint8_t *)t->data)[i] != 0;
	case BP_NDTYPE:
		break;
	}
	return NAN;
}

/* store x as element i; false when the dtype cannot hold it */
static bool
put(struct bp_tensor *t, int64_t i, double x)
{
	static const struct {
		double lo, hi;
	} range[BP_NDTYPE] = { [BP_I8] = { -128, 127 },
		[BP_U8] = { 0, 255 },
		[BP_I16] = { -32768, 32767 },
		[BP_U16] = { 0, 65535 },
		[BP_I32] = { -2147483648.0, 2147483647.0 },
		[BP_U32] = { 0, 4294967295.0 },
		[BP_I64] = { -9007199254740992.0, 9007199254740992.0 },
		[BP_U64] = { 0, 9007199254740992.0 },
		[BP_B8] = { 0, 1 } };

	if (range[t->dtype].hi > 0 && !(x >= range[t->dtype].lo && x <= range[t->dtype].hi && x == nearbyint(x)))
		return false;
	switch (t->dtype) {
	case BP_F32:
		((float *)t->data)[i] = (float)x;
		break;
	case BP_F64:
		((double *)t->data)[i] = x;
		break;
	case BP_BF16:
		((uint16_t *)t->data)[i] = bp_f32_to_bf16((float)x);
		break;
	case BP_I8:
		((int8_t *)t->data)[i] = (int8_t)x;
		break;
	case BP_U8:
		((uint8_t *)t->data)[i] = (uint8_t)x;
		break;
	case BP_I16:
		((int16_t *)t->data)[i] = (int16_t)x;
		break;
	case BP_U16:
		((uint16_t *)t->data)[i] = (uint16_t)x;
		break;
	case BP_I32:
		((int32_t *)t->data)[i] = (int32_t)x;
		break;
	case BP_U32:
		((uint32_t *)t->data)[i] = (uint32_t)x;
		break;
	case BP_I64:
		((int64_t *)t->data)[i] = (int64_t)x;
		break;
	case BP_U64:
		((uint64_t *)t->data)[i] = (uint64_t)x;
		break;
	case BP_B8:
		((uint8_t *)t->data)[i] = x != 0;
		break;
	default:
		return false;
	}
	return true;
}

int
bp_tensor_as(
    const struct bp_tensor **ret, const struct bp_tensor *t, enum bp_dtype to, struct bp_arena *mem, struct bp_err *err)
{
	struct bp_tensor *out;
	int64_t n = bp_count(t);

	*ret = t;
	if (t->dtype == to)
		return BP_OK;
	BP_TRY(bp_tensor_new(&out, to, t->ndim, t->shape, mem, err));
	for (int64_t i = 0; i < n; i++)
		if (!put(out, i, bp_tensor_get(t, i)))
			return BP_FAIL(err, BP_EINPUT, NULL, "element %" PRId64 " is %g, which is no %s", i,
			    bp_tensor_get(t, i), bp_dtype_name(to));
	*ret = out;
	return BP_OK;
}
