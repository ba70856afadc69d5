/* the safetensors reader: every byte of every tensor it gives lies in the input */
#include <stdlib.h>

#include "tensor/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	volatile unsigned char sink = 0;
	struct bp_err err = { 0 };
	struct bp_st *s;
	bool sum;

	if (bp_st_open_mem(&s, data, n, "fuzz", &err) != BP_OK)
		return 0;
	for (int i = 0; i < bp_st_count(s); i++) {
		const struct bp_tensor *t = bp_st_tensor(s, i);
		size_t bytes;
		if (!bp_tensor_bytes(&bytes, t->dtype, t->ndim, t->shape) || bp_st_get(s, bp_st_name(s, i)) == NULL)
			abort();
		for (size_t k = 0; k < bytes; k += bytes / 64 + 1)
			sink ^= ((const unsigned char *)t->data)[k];
		if (bytes)
			sink ^= ((const unsigned char *)t->data)[bytes - 1];
	}
	if (bp_st_verify(s, &sum, &err) != BP_OK && err.code != BP_EINPUT)
		abort();
	bp_st_close(s);
	return 0;
}
