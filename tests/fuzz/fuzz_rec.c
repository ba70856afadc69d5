/* the stream's reader, and the writer on what it read */
#include <stdlib.h>

#include "stream/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bp_err err = { 0 };
	struct bp_arena *mem;
	struct bp_in *in;
	struct bp_out *out;
	struct bp_rec *r;
	char *copy;
	size_t copied;
	int st;

	if (bp_arena_open(&mem, 64 << 20, &err) != BP_OK || bp_in_open_mem(&in, data, n, &err) != BP_OK
	    || bp_out_open_mem(&out, &copy, &copied, &err) != BP_OK)
		abort();
	while ((st = bp_in_next(in, mem, &r, &err)) == BP_OK) {
		if (bp_out_put(out, r, &err) != BP_OK) /* what was read can be written */
			abort();
		bp_arena_reset(mem);
	}
	if (st != BP_EOS && st != BP_ESTREAM && st != BP_EMEM)
		abort();
	bp_out_close(out);
	bp_in_close(in);
	free(copy);
	bp_arena_close(mem);
	return 0;
}
