/* checkpoints: a zip with a pickle, read to the last element; anything else is taken as the pickle alone */
#include <stdlib.h>
#include <string.h>

#include "tensor/ckpt.h"
#include "tensor/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int
look(void *self, const void *p, size_t n, struct bp_err *err)
{
	(void)err;
	*(volatile unsigned char *)self ^= n ? *(const unsigned char *)p : 0;
	return BP_OK;
}

static void
read_ckpt(const uint8_t *data, size_t n)
{
	struct bp_err err = { 0 };
	struct bp_ckpt *c;
	unsigned char sink = 0;

	if (bp_ckpt_open_mem(&c, data, n, "fuzz", &err) != BP_OK)
		return;
	for (int i = 0; i < bp_ckpt_count(c); i++)
		if (bp_ckpt_read(c, i, look, &sink, &err) != BP_OK && err.code != BP_EINPUT)
			abort();
	bp_ckpt_close(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bp_err err = { 0 };
	const struct bp_pnode *x;
	struct bp_arena *mem;

	if (n > 2 && memcmp(data, "PK", 2) == 0) {
		read_ckpt(data, n);
		return 0;
	}
	if (bp_arena_open(&mem, 256 << 20, &err) != BP_OK)
		abort();
	if (bp_pickle_read(&x, data, n, "fuzz", mem, &err) == BP_OK && !x)
		abort();
	bp_arena_close(mem);
	return 0;
}
